"""Validation with its controls: format learning must not pass for reading.

Answer loss and F1 with the true document, with *another* document (read with this question), and
with none, over the questions that can be answered: the refusal is a text that is known by heart,
and what it costs says nothing of reading. How often each kind is refused stands beside. Of a
method with a memory the question alone stands in the window; of the window method the document's
part in it is what changes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from lcirc_cli.answering.prefill import answer_ids
from lcirc_cli.backbones.loading import Backbone
from lcirc_cli.errors import DocumentError
from lcirc_cli.qa.scoring import best_f1, is_refusal
from lcirc_cli.training.data.corpus import Corpus, Question, load_corpus, select
from lcirc_cli.training.methods.learner import Learner
from lcirc_cli.training.methods.readers import Reader
from lcirc_cli.training.methods.stages import precision
from lcirc_cli.training.settings import TrainSettings

CONDITIONS = ("true", "shuffled", "none")
_ROWS = 8  # questions at once
_ANSWER_TOKENS = 24


@dataclass
class _Sums:
    """Running sums of one condition."""

    nats: float = 0.0
    tokens: int = 0
    f1: list[float] = field(default_factory=list)
    refused: list[bool] = field(default_factory=list)


def _name(folder: str, folders: Sequence[str]) -> str:
    """The folder's last name; the whole path where two end in the same."""
    name = Path(folder).name
    return name if [Path(other).name for other in folders].count(name) == 1 else folder


class Validator:
    """Scores a method on fixed questions of each validation folder.

    Raises:
        DocumentError: a folder can't be read, or nothing in it can be answered.
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
        self._settings = settings
        self._sets = {
            _name(folder, settings.validation): select(
                load_corpus([folder], backbone),
                limit=settings.validation_limit,
                seed=settings.seed,
            )
            for folder in settings.validation
        }
        for name, corpus in self._sets.items():
            if not any(question.answers for group in corpus.questions for question in group):
                raise DocumentError(f"validation: no question of {name} has an answer")

    def digest(self) -> str:
        """Names what is asked: a loss on other questions says nothing beside one on these."""
        asked = [
            [document.digest, question.text, question.answers]
            for corpus in self._sets.values()
            for document, group in zip(corpus.documents, corpus.questions, strict=True)
            for question in group
        ]
        return hashlib.sha256(json.dumps(asked).encode()).hexdigest()

    @torch.no_grad()
    def run(self, advance: Callable[[float], None]) -> dict[str, dict[str, float]]:
        """{set: {loss_true, loss_shuffled, loss_none, f1_true, ..., refused_..., questions}}.

        Losses in nats a token over answers and their end; shares of the answerable and of the
        unanswerable questions that are refused with the true document. `advance` is told of each
        question.
        """
        self._learner.train(False)
        try:
            return {name: self._score(corpus, advance) for name, corpus in self._sets.items()}
        finally:
            self._learner.train(True)

    def _score(self, corpus: Corpus, advance: Callable[[float], None]) -> dict[str, float]:
        sums = {condition: _Sums() for condition in CONDITIONS}
        unanswerable: list[bool] = []
        asked = [index for index, group in enumerate(corpus.questions) if group]
        for place, index in enumerate(asked):
            other = asked[(place + 1) % len(asked)]
            for rows in _batches(corpus.questions[index]):
                if rows[0].answers:
                    self._batch(corpus, index, other, rows, sums)
                else:
                    unanswerable += self._refused(corpus, index, rows)
                advance(len(rows))
        scores: dict[str, float] = {"questions": sum(len(corpus.questions[i]) for i in asked)}
        for kind, refused in (
            ("answerable", sums["true"].refused),
            ("unanswerable", unanswerable),
        ):
            if refused:
                scores[f"refused_{kind}"] = float(np.mean(refused))
        for condition, each in sums.items():
            if condition == "shuffled" and len(asked) < 2:
                continue  # there is no other document
            scores[f"loss_{condition}"] = each.nats / each.tokens
            scores[f"f1_{condition}"] = float(np.mean(each.f1))
        return scores

    def _batch(
        self, corpus: Corpus, index: int, other: int, rows: list[Question], sums: dict[str, _Sums]
    ) -> None:
        answers = [answer_ids(self._backbone, question.answers[0]) for question in rows]
        with self._precision():
            for condition, source in (("true", index), ("shuffled", other), ("none", None)):
                reading = self._reader.read(corpus, source, rows)
                losses = reading.losses(answers)
                sums[condition].nats += float(losses.sum())
                sums[condition].tokens += len(losses)
                for text, question in zip(reading.say(_ANSWER_TOKENS), rows, strict=True):
                    sums[condition].f1.append(best_f1(text, question.answers))
                    sums[condition].refused.append(is_refusal(text))

    def _refused(self, corpus: Corpus, index: int, rows: list[Question]) -> list[bool]:
        with self._precision():
            said = self._reader.read(corpus, index, rows).say(_ANSWER_TOKENS)
        return [is_refusal(text) for text in said]

    def _precision(self) -> torch.autocast:
        return precision(self._settings, self._backbone.lm.device)


def _batches(questions: Sequence[Question]) -> Iterator[list[Question]]:
    """A few at once, those that can be answered apart from the others."""
    for answerable in (True, False):
        rows = [question for question in questions if bool(question.answers) == answerable]
        for start in range(0, len(rows), _ROWS):
            yield rows[start : start + _ROWS]
