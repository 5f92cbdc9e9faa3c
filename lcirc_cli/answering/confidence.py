"""How likely an answer is right: one score for "not sure", for refusing and for warnings.

Three things can be true of an answer: it is right, the document does not answer the question, or
the document does and this is not its answer. A softmax over a handful of signals that are known
anyway (what the language model thought of its words and of refusing, where the answer stands, how
the passages rank) gives a probability to each. An adapter holds the weights, which were fitted to
its answers on documents that it had not seen (`scripts/fit_confidence.py`). Knows no tensors.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from lcirc_cli.answering.generation import Generated
from lcirc_cli.evidence import PassageIndex, missing_names, ranking
from lcirc_cli.evidence.support import features as word_match
from lcirc_cli.evidence.terms import terms
from lcirc_cli.files.schema import items, number, table
from lcirc_cli.qa.scoring import is_refusal

OUTCOMES = ("right", "unanswered", "wrong")
TOP_PASSAGES = 3
_LEAST = 1e-4  # of a probability, before its log is taken
_YES_NO = frozenset({"yes", "no", "true", "false"})


@dataclass(frozen=True)
class Confidence:
    """What is likely of an answer; the three add up to 1.

    Attributes:
        right: the answer is.
        unanswered: the document does not answer the question.
    """

    right: float
    unanswered: float

    @property
    def refuses(self) -> bool:
        """Whether to say that the document does not answer is likelier right than the answer."""
        return self.unanswered > self.right


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
        row = partial(items, each=number, most=len(OUTCOMES))
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
        return Confidence(powers[0] / sum(powers), powers[1] / sum(powers))


SIGNALS = (
    "refusal",  # log odds of the refusal after the prompt
    "first",  # log p of the answer's first token
    "least",  # of its least likely token
    "mean",  # of its tokens on average
    "length",  # log of their number
    "stands",  # 1 where the answer stands word for word in one of the best passages
    "words",  # share of its words that the best passages hold
    "matched",  # how much of what the best passages could score for the question they do score
    "passages",  # log of the number of passages
    "margin",  # how far the best passage is before the fourth, as a share
    "names",  # 1 where a name of the question is not where it should be
    "yes_no",  # 1 where the answer begins with yes or no
    "says_not",  # 1 where the answer says in other words that the document does not
)


_ROWS = (*SIGNALS, "constant")


def signals(
    question: str, generated: Generated, *, index: PassageIndex, scores: np.ndarray
) -> tuple[float, ...]:
    """The numbers that are known of an answer, in the order of SIGNALS.

    Args:
        generated: the best answer that is not the refusal, with the refusal's probability.
        scores: [P], the ranking of the passages that the answer was made with.
    """
    log_p = generated.log_p or (math.log(_LEAST),)
    log_p = tuple(max(value, math.log(_LEAST)) for value in log_p)
    best = ranking(scores)[:TOP_PASSAGES].tolist()
    said = terms(generated.text)
    held = [index.passage_terms[number] for number in best]
    every = {term for sequence in held for term in sequence}
    matched = word_match(question, index=index, scores=scores) or (0.0, 0.0)
    return (
        _log_odds(generated.refusal or 0.0),
        log_p[0],
        min(log_p),
        sum(log_p) / len(log_p),
        math.log(len(log_p)),
        float(bool(said) and any(_holds(sequence, said) for sequence in held)),
        sum(term in every for term in said) / len(said) if said else 0.0,
        matched[0],
        math.log(max(1, len(scores))),
        _margin(index.scores(question)),
        float(bool(missing_names(question, index=index, scores=scores))),
        float(bool(said) and generated.text.split()[0].strip(".,;!").casefold() in _YES_NO),
        float(is_refusal(generated.text)),
    )


def _log_odds(p: float) -> float:
    p = min(max(p, _LEAST), 1 - _LEAST)
    return math.log(p / (1 - p))


def _holds(sequence: Sequence[str], wanted: Sequence[str]) -> bool:
    n = len(wanted)
    return any(list(sequence[at : at + n]) == list(wanted) for at in range(len(sequence) - n + 1))


def _margin(scores: np.ndarray) -> float:
    """1 - the fourth best score over the best; 0 where no word is shared."""
    ordered = np.sort(scores)[::-1]
    if not len(ordered) or ordered[0] <= 0:
        return 0.0
    fourth = ordered[TOP_PASSAGES] if len(ordered) > TOP_PASSAGES else 0.0
    return float(1 - max(0.0, fourth) / ordered[0])
