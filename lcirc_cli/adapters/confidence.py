"""How likely an answer is right: one score for "not sure", for refusing and for warnings.

Three things can be true of an answer: it is right, the document does not answer the question, or
the document does and this is not its answer. A softmax over a handful of signals that are known
anyway (what the language model thought of its words and of refusing, where the answer stands, how
the passages rank) gives a probability to each. An adapter holds the weights, which were fitted to
its answers on documents that it had not seen (`scripts/fit_confidence.py`); how a signal is
measured stands in `answering.signals`. Knows no tensors.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from lcirc_cli.files.schema import items, number, table

OUTCOMES = ("right", "unanswered", "wrong")
SIGNALS = (
    "refusal",  # log odds of the refusal after the prompt
    "entropy",  # of what its first token might be, in nats
    "first",  # log p of that token
    "least",  # of its least likely token
    "mean",  # of its tokens on average
    "length",  # log of their number
    "stands",  # 1 where the answer stands word for word in one of the best passages
    "words",  # share of its words that the best passages hold
    "near",  # how much of the question stands within a few words of it
    "absent",  # share of the question's words that stand nowhere
    "matched",  # how much of what the best passages could score for the question they do score
    "passages",  # log of the number of passages
    "margin",  # how far the best passage is before the fourth, as a share
    "names",  # 1 where a name of the question is not where it should be
    "yes_no",  # 1 where the answer begins with yes or no
    "says_not",  # 1 where the answer says in other words that the document does not
)
_ROWS = (*SIGNALS, "constant")
_MOST = 1e6  # of a weight


@dataclass(frozen=True)
class Confidence:
    """What is likely of an answer; the three add up to 1.

    Attributes:
        right: the answer is.
        unanswered: the document does not answer the question.
        says_not: the answer says so itself.
    """

    right: float
    unanswered: float
    says_not: bool = False

    @property
    def wrong(self) -> float:
        """The document answers, and this is not its answer."""
        return max(0.0, 1.0 - self.right - self.unanswered)

    @property
    def refuses(self) -> bool:
        """Whether to say that the document does not answer.

        Where that is likelier than all else, or what the answer says in other words. Less likely,
        the answer is given, as one that is not sure. Of held-back answerable questions 2 % are
        refused so.
        """
        return self.says_not or self.unanswered > 0.5

    @property
    def score(self) -> float:
        """How likely right is what follows: the answer, or the refusal."""
        return self.unanswered if self.refuses else self.right


@dataclass(frozen=True)
class ConfidenceModel:
    """A softmax over signals.

    Attributes:
        weights: for each of SIGNALS and at last a constant, a number for each of OUTCOMES.
    """

    weights: tuple[tuple[float, ...], ...]

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> ConfidenceModel:
        """From an adapter's config: {"signal": [right, unanswered, wrong], ..., "constant": ...}.

        Raises:
            ValueError: a signal is missing or unknown, or a weight is no number.
        """
        weight = partial(number, least=-_MOST, most=_MOST)
        row = partial(items, each=weight, most=len(OUTCOMES))
        rows = table(config, "confidence", fields=dict.fromkeys(_ROWS, row), closed=True)
        for name in _ROWS:
            if len(rows[name]) != len(OUTCOMES):
                raise ValueError(f"confidence: {name} must be {len(OUTCOMES)} numbers")
        return cls(tuple(tuple(map(float, rows[name])) for name in _ROWS))

    def to_config(self) -> dict[str, list[float]]:
        """What `of` reads."""
        return {name: list(row) for name, row in zip(_ROWS, self.weights, strict=True)}

    def of_signals(self, signals: Sequence[float]) -> Confidence:
        """The probabilities for one answer's signals, in the order of SIGNALS."""
        logits = [
            sum(w[k] * x for w, x in zip(self.weights, (*signals, 1.0), strict=True))
            for k in range(len(OUTCOMES))
        ]
        powers = [math.exp(logit - max(logits)) for logit in logits]
        says_not = signals[SIGNALS.index("says_not")] > 0
        return Confidence(powers[0] / sum(powers), powers[1] / sum(powers), says_not)
