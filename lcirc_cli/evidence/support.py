"""Whether the documents seem to hold an answer to a question at all (`found` in an answer).

A logistic function of two numbers: how much of what the best passages could score for the
question they do score, and how many passages there are (among many, some fit by chance). The
coefficients come from `scripts/fit_support.py`, which tells questions about a document from
questions about other documents. It sees words only: a question that a document nearly answers
counts as supported.
"""

from __future__ import annotations

import math

import numpy as np

from lcirc_cli.evidence.index import PassageIndex, ranking
from lcirc_cli.evidence.terms import terms
from lcirc_cli.prompts import REFUSAL

THRESHOLD = 0.5  # of the probability; both kinds of error then cost the same
TOP_PASSAGES = 3
COEFFICIENTS = (16.08, -0.71)  # of `features`
INTERCEPT = -1.03


def is_supported(
    question: str, answer: str = "", *, index: PassageIndex, scores: np.ndarray
) -> bool:
    """False where the evidence is weak, or where the answer itself says that there is none.

    Args:
        scores: [P], the ranking of the passages that the answer was made with.
    """
    if answer and terms(answer) == terms(REFUSAL):
        return False
    return support(question, index=index, scores=scores) >= THRESHOLD


def support(question: str, *, index: PassageIndex, scores: np.ndarray) -> float:
    """The probability, 0 to 1, that the question is about these documents."""
    values = features(question, index=index, scores=scores)
    if values is None:
        return 0.0
    logit = INTERCEPT + sum(c * v for c, v in zip(COEFFICIENTS, values, strict=True))
    return 1.0 / (1.0 + math.exp(-logit))


def features(
    question: str, *, index: PassageIndex, scores: np.ndarray
) -> tuple[float, float] | None:
    """(BM25 of the best passages over the question's summed idf, log of the number of passages).

    None where no passage shares a word with the question.
    """
    total = sum(index.idf(term) for term in set(terms(question)))
    if total <= 0 or len(scores) == 0:
        return None
    matched = float(index.scores(question)[ranking(scores)[:TOP_PASSAGES]].max())
    return (matched / total, math.log(len(scores))) if matched > 0 else None
