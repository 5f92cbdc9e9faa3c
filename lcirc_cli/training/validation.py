"""Validation with its controls: format learning must not pass for reading.

Answer loss and F1 with the true document, with *another* document (read with this question), and
with none. Of a method with a memory the question alone stands in the window; of the window method
the document's part in it is what changes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from lcirc_cli.backbones import Backbone
from lcirc_cli.bench.metrics.tokens import best_f1
from lcirc_cli.prompts import load
from lcirc_cli.training.corpus import Corpus, Question, load_corpus, select
from lcirc_cli.training.learner import Learner
from lcirc_cli.training.readers import Reader
from lcirc_cli.training.settings import TrainSettings
from lcirc_cli.training.windows import answer_ids

CONDITIONS = ("true", "shuffled", "none")
_ROWS = 8  # questions at once
_ANSWER_TOKENS = 24


@dataclass
class _Sums:
    """Running sums of one condition."""

    nats: float = 0.0
    tokens: int = 0
    f1: list[float] = field(default_factory=list)


def _name(folder: str, folders: Sequence[str]) -> str:
    """The folder's last name; the whole path where two end in the same."""
    name = Path(folder).name
    return name if [Path(other).name for other in folders].count(name) == 1 else folder


class Validator:
    """Scores a method on fixed questions of each validation folder.

    Raises:
        DocumentError: a folder can't be read.
    """

    def __init__(
        self,
        learner: Learner,
        reader: Reader,
        backbone: Backbone,
        *,
        settings: TrainSettings,
    ) -> None:
        self._learner, self._reader, self._backbone = learner, reader, backbone
        self._autocast = settings.autocast == "bfloat16"
        self._sets = {
            _name(folder, settings.validation): select(
                load_corpus([folder], backbone),
                limit=settings.validation_limit,
                seed=settings.seed,
            )
            for folder in settings.validation
        }

    @torch.no_grad()
    def run(self, advance: Callable[[float], None]) -> dict[str, dict[str, float]]:
        """{set: {loss_true, loss_shuffled, loss_none, f1_true, ..., questions}}.

        Losses in nats a token over answers and their end; `advance` is told of each question.
        """
        self._learner.train(False)
        try:
            return {name: self._score(corpus, advance) for name, corpus in self._sets.items()}
        finally:
            self._learner.train(True)

    def _score(self, corpus: Corpus, advance: Callable[[float], None]) -> dict[str, float]:
        sums = {condition: _Sums() for condition in CONDITIONS}
        asked = [index for index, group in enumerate(corpus.questions) if group]
        for place, index in enumerate(asked):
            other = asked[(place + 1) % len(asked)]
            group = corpus.questions[index]
            for start in range(0, len(group), _ROWS):
                rows = group[start : start + _ROWS]
                self._batch(corpus, index, other, rows, sums)
                advance(len(rows))
        scores: dict[str, float] = {"questions": sum(len(corpus.questions[i]) for i in asked)}
        for condition, each in sums.items():
            if condition == "shuffled" and len(asked) < 2:
                continue  # there is no other document
            scores[f"loss_{condition}"] = each.nats / max(1, each.tokens)
            scores[f"f1_{condition}"] = float(np.mean(each.f1))
        return scores

    def _batch(
        self, corpus: Corpus, index: int, other: int, rows: list[Question], sums: dict[str, _Sums]
    ) -> None:
        golds = [q.answers or (load("refusal.txt"),) for q in rows]
        answers = [answer_ids(self._backbone, gold[0]) for gold in golds]
        device = self._backbone.lm.device.type
        with torch.autocast(device, torch.bfloat16, enabled=self._autocast):
            for condition, source in (("true", index), ("shuffled", other), ("none", None)):
                reading = self._reader.read(corpus, source, rows)
                losses = reading.losses(answers)
                sums[condition].nats += float(losses.sum())
                sums[condition].tokens += len(losses)
                sums[condition].f1 += [
                    best_f1(text, gold)
                    for text, gold in zip(reading.say(_ANSWER_TOKENS), golds, strict=True)
                ]
