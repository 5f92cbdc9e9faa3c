"""Validation with its controls: format learning must not pass for reading.

Answer loss and F1 with the true document's memory, with *another* document's memory (compressed
with this question), and with no memory; the question alone stands in the window.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from lcirc_cli.backbones import Backbone
from lcirc_cli.bench.metrics.tokens import best_f1
from lcirc_cli.generation import Decoding, generate
from lcirc_cli.model import Backpropagation, LcircForCausalLM, Memory
from lcirc_cli.prompts import load
from lcirc_cli.training.corpus import Corpus, Question, load_corpus, select
from lcirc_cli.training.feature_cache import FeatureCache
from lcirc_cli.training.objectives import label_losses
from lcirc_cli.training.settings import TrainSettings
from lcirc_cli.training.stages import compress_sample, question_keys
from lcirc_cli.training.windows import answer_ids, make_windows
from lcirc_cli.windows import build_prompt

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
    """Scores an adapter on fixed questions of each validation folder.

    Raises:
        DocumentError: a folder can't be read.
    """

    def __init__(
        self,
        model: LcircForCausalLM,
        backbone: Backbone,
        *,
        cache: FeatureCache,
        settings: TrainSettings,
    ) -> None:
        self._model, self._backbone, self._cache = model, backbone, cache
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
        self._model.adapter.eval()
        try:
            return {name: self._score(corpus, advance) for name, corpus in self._sets.items()}
        finally:
            self._model.adapter.train()

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
        device = self._model.device
        form = self._model.adapter.config.prompt_form
        prompts = [build_prompt(self._backbone, question=q.text, form=form) for q in rows]
        golds = [q.answers or (load("refusal.txt"),) for q in rows]
        answers = [answer_ids(self._backbone, gold[0]) for gold in golds]
        windows = make_windows(prompts, answers, device=device)
        with torch.autocast(device.type, torch.bfloat16, enabled=self._autocast):
            for condition, source in (("true", index), ("shuffled", other), ("none", None)):
                memory = None if source is None else self._memory(corpus, source, rows)
                losses, _ = label_losses(
                    self._model, windows.input_ids_BT, windows.labels_BT, memory=memory
                )
                sums[condition].nats += float(losses.sum())
                sums[condition].tokens += len(losses)
                said = generate(
                    self._model,
                    self._backbone,
                    prompts,
                    memory=memory,
                    decoding=Decoding(max_new_tokens=_ANSWER_TOKENS, one_line=True),
                )
                sums[condition].f1 += [
                    best_f1(each.text, gold) for each, gold in zip(said, golds, strict=True)
                ]

    def _memory(self, corpus: Corpus, index: int, rows: list[Question]) -> Memory:
        config = self._model.adapter.config
        document = corpus.documents[index]
        segments = self._cache.segments(document, 0, len(document.ids_N), config.segment_length)
        question = None
        if config.query_mixer:
            question = question_keys(self._model, self._backbone, [q.text for q in rows])
        memory, _ = compress_sample(
            self._model, segments, question=question, plan=Backpropagation()
        )
        return memory
