"""ROUGE-1, ROUGE-2 and ROUGE-L as L-Eval uses them: no stemming, F measures.

L-Eval splits its texts into sentences first, which changes rougeLsum only; its score is the
geometric mean of the three F measures, each averaged over the file first.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

_NOT_A_WORD = re.compile(r"[^a-z0-9]+")


def words(text: str) -> list[str]:
    """Lower-case runs of ASCII letters and digits."""
    return [word for word in _NOT_A_WORD.split(text.lower()) if word]


def rouge_n(answer: str, reference: str, *, n: int) -> float:
    """F measure of shared n-grams, 0..1."""
    given, wanted = _ngrams(words(answer), n), _ngrams(words(reference), n)
    shared = sum((given & wanted).values())
    return _f_measure(shared, given=sum(given.values()), wanted=sum(wanted.values()))


def rouge_l(answer: str, reference: str) -> float:
    """F measure of the longest common subsequence of words, 0..1."""
    given, wanted = words(answer), words(reference)
    shared = longest_common_subsequence(given, wanted)
    return _f_measure(shared, given=len(given), wanted=len(wanted))


def longest_common_subsequence(first: Sequence[str], second: Sequence[str]) -> int:
    """Its length, by the bit-parallel recurrence of Crochemore et al. (2001).

    One big integer holds a row of the usual table, so that answers of 512 tokens cost
    microseconds instead of milliseconds.
    """
    positions: dict[str, int] = {}
    for index, word in enumerate(first):
        positions[word] = positions.get(word, 0) | 1 << index
    full = (1 << len(first)) - 1
    row = full
    for word in second:
        matches = row & positions.get(word, 0)
        row = ((row + matches) | (row - matches)) & full
    return len(first) - row.bit_count()


def _ngrams(tokens: Sequence[str], n: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1))


def _f_measure(shared: int, *, given: int, wanted: int) -> float:
    if shared == 0:
        return 0.0
    precision, recall = shared / given, shared / wanted
    return 2 * precision * recall / (precision + recall)
