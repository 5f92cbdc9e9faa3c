"""What is known of an answer without asking more: the signals that an adapter's confidence weighs.

`lcirc ask`, the benchmarks and scripts/confidence_rows.py measure them here. `adapters.confidence`
says what each one is.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence, Set

import numpy as np

from lcirc_cli.answering.generation import Generated
from lcirc_cli.evidence import PassageIndex, missing_names, ranking
from lcirc_cli.evidence.terms import terms
from lcirc_cli.qa.scoring import is_refusal

TOP_PASSAGES = 3
NEAR = 8  # terms on each side of an answer
_LOOKED_AT = 8  # passages in which an answer is looked for, by their words: more than are shown
_LEAST = 1e-4  # of a probability, before its log is taken
_YES_NO = frozenset({"yes", "no", "true", "false"})


def signals(
    question: str, generated: Generated, *, index: PassageIndex, scores: np.ndarray
) -> tuple[float, ...]:
    """The numbers that are known of an answer, in the order of `adapters.confidence.SIGNALS`.

    Args:
        generated: the best answer that is not the refusal, with the refusal's probability.
        scores: [P], the ranking of the passages that the answer was made with.
    """
    log_p = generated.log_p or (math.log(_LEAST),)
    log_p = tuple(max(value, math.log(_LEAST)) for value in log_p)
    best = ranking(scores)[:TOP_PASSAGES].tolist()
    said = terms(generated.text)
    held = [index.terms(number) for number in best]
    every = {term for sequence in held for term in sequence}
    asked, by_words = set(terms(question)), index.scores(question)
    return (
        _log_odds(generated.refusal or 0.0),
        generated.entropy or 0.0,
        log_p[0],
        min(log_p),
        sum(log_p) / len(log_p),
        math.log(len(log_p)),
        float(bool(said) and any(_holds(sequence, said) for sequence in held)),
        sum(term in every for term in said) / len(said) if said else 0.0,
        _near(asked, said, index, by_words),
        sum(not index.share(term) for term in asked) / max(1, len(asked)),
        _matched(asked, index, by_words[best]),
        math.log(max(1, len(scores))),
        _margin(by_words),
        float(bool(missing_names(question, index=index, scores=scores))),
        float(bool(said) and generated.text.split()[0].strip(".,;!").casefold() in _YES_NO),
        float(says_not(generated.text)),
    )


def says_not(answer: str) -> bool:
    """Whether an answer says in any words that the document does not; an empty one has none."""
    return bool(answer.strip()) and is_refusal(answer)


def _log_odds(p: float) -> float:
    p = min(max(p, _LEAST), 1 - _LEAST)
    return math.log(p / (1 - p))


def _holds(sequence: Sequence[str], wanted: Sequence[str]) -> bool:
    return next(_places(sequence, wanted), None) is not None


def _places(sequence: Sequence[str], wanted: Sequence[str]) -> Iterator[int]:
    """Where a sequence holds another."""
    n, wanted = len(wanted), list(wanted)
    return (at for at in range(len(sequence) - n + 1) if list(sequence[at : at + n]) == wanted)


def _near(asked: Set[str], said: Sequence[str], index: PassageIndex, by_words: np.ndarray) -> float:
    """Of the question's idf what stands around the answer, where it is most; 0 to 1.

    A right answer mostly stands where the question's words are; one that is only of the right kind
    ("How old is the bridge?", "six", of a boat for six) does not.
    """
    weight = {term: index.idf(term) for term in (asked - set(said) or asked)}
    total = sum(weight.values())
    if not said or total <= 0:
        return 0.0
    most = 0.0
    for number in ranking(by_words)[:_LOOKED_AT].tolist():
        sequence = index.terms(number)
        for at in _places(sequence, said):
            around = set(sequence[max(0, at - NEAR) : at + len(said) + NEAR])
            most = max(most, sum(own for term, own in weight.items() if term in around))
    return most / total


def _matched(asked: Set[str], index: PassageIndex, best: np.ndarray) -> float:
    """BM25 of the best of some passages over the question's summed idf."""
    total = sum(index.idf(term) for term in asked)
    if total <= 0 or not len(best):
        return 0.0
    return max(0.0, float(best.max()) / total)


def _margin(scores: np.ndarray) -> float:
    """1 - the fourth best score over the best; 0 where no word is shared."""
    ordered = np.sort(scores)[::-1]
    if not len(ordered) or ordered[0] <= 0:
        return 0.0
    fourth = ordered[TOP_PASSAGES] if len(ordered) > TOP_PASSAGES else 0.0
    return float(1 - max(0.0, fourth) / ordered[0])
