"""From what a model says to what is answered: the answer, or that the document does not say.

One score decides where the adapter has it (`adapters.confidence`), for what it was fitted to: the
best passages in the window, asked about in our own words. Elsewhere decoding does.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lcirc_cli.adapters.confidence import ConfidenceModel
from lcirc_cli.answering.generation import Generated
from lcirc_cli.answering.options import in_form
from lcirc_cli.answering.signals import says_not, signals
from lcirc_cli.evidence import PassageIndex
from lcirc_cli.prompts import REFUSAL

NEVER = 1.01  # no probability reaches it: the best answer that is not the refusal


@dataclass(frozen=True)
class Judgement:
    """What is answered.

    Attributes:
        found: False: the document may not contain the answer.
        confidence: the probability that `text` is right; None where nothing was fitted.
    """

    text: str
    found: bool
    confidence: float | None = None


class Judge(ABC):
    """Decides before and after an answer is generated."""

    @abstractmethod
    def refuse_from(
        self, questions: Sequence[str], scores: Sequence[np.ndarray]
    ) -> list[float] | None:
        """For each question the probability from which to refuse; None leaves it to decoding.

        Args:
            scores: [P] for each question, the ranking of the passages.
        """

    @abstractmethod
    def judge(self, question: str, generated: Generated, *, scores: np.ndarray) -> Judgement:
        """What follows from an answer that was generated with `refuse_from`."""


@dataclass(frozen=True)
class ByConfidence(Judge):
    """The best other answer is generated, and the one score says whether it is given."""

    model: ConfidenceModel
    index: PassageIndex

    def refuse_from(self, questions: Sequence[str], scores: Sequence[np.ndarray]) -> list[float]:
        return [NEVER] * len(questions)

    def judge(self, question: str, generated: Generated, *, scores: np.ndarray) -> Judgement:
        measured = signals(question, generated, index=self.index, scores=scores)
        found = self.model.of_signals(measured)
        text = REFUSAL if found.refuses else in_form(question, generated.text)
        return Judgement(text, not found.refuses, found.score)


@dataclass(frozen=True)
class Unjudged(Judge):
    """What the score was not fitted to: what the model says is the answer.

    Args:
        refuses: decoding may say the refusal; else it is the best other answer.
    """

    refuses: bool = True

    def refuse_from(
        self, questions: Sequence[str], scores: Sequence[np.ndarray]
    ) -> list[float] | None:
        return None if self.refuses else [NEVER] * len(questions)

    def judge(self, question: str, generated: Generated, *, scores: np.ndarray) -> Judgement:
        text = in_form(question, generated.text)
        return Judgement(text, not says_not(text))
