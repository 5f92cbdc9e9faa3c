"""BM25 over sequences of terms, and over their neighbouring pairs, scored at the question.

The sequences come as numbers, in several parts with a vocabulary each (a memory file has one): a
term is looked up in every part, and how many sequences hold it is added up, so that several files
are ranked as one, without an index besides theirs. Every score is that of the library bm25s
(method "lucene"), bit for bit; that one computes all scores of all terms beforehand, which takes
longer than the few that a question asks for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from lcirc_cli.memory.words import Terms, numbered

K1, B = 1.5, 0.75
_KEPT = 4_096  # terms and pairs whose places are kept


class Bm25:
    """Scores P sequences of terms, those of all parts one after another."""

    def __init__(self, parts: Sequence[Terms]) -> None:
        self._parts = parts
        self._edges = [np.concatenate([[0], np.cumsum(p.lengths, dtype=np.int64)]) for p in parts]
        self._first = np.concatenate([[0], np.cumsum([len(p.lengths) for p in parts])]).tolist()
        none: list[np.ndarray] = [np.zeros(0, np.int64)]
        self._lengths = np.concatenate([*none, *(part.lengths for part in parts)]).astype(np.int64)
        self._held: dict[tuple[str, ...], tuple[np.ndarray, np.ndarray]] = {}

    @classmethod
    def of(cls, sequences: Sequence[Sequence[str]]) -> Bm25:
        """Of terms as they are written."""
        return cls([numbered(sequences)])

    def scores(self, terms: Sequence[str]) -> np.ndarray:
        """Of each sequence, float32 [P]; all zeros where no term is shared."""
        return self._scores([(term,) for term in terms], self._lengths)

    def pair_scores(self, terms: Sequence[str]) -> np.ndarray:
        """The same over neighbouring pairs: what tells "white house" from a house that is white."""
        pairs = list(pairwise(terms))
        return self._scores(pairs, np.maximum(self._lengths - 1, 0))

    def frequency(self, term: str) -> int:
        """How many sequences hold a term."""
        return len(self._places((term,))[0])

    def idf(self, term: str) -> float:
        return self._idf(self.frequency(term))

    def _idf(self, frequency: int) -> float:
        return math.log(1 + (len(self._lengths) - frequency + 0.5) / (frequency + 0.5))

    def _scores(self, wanted: Sequence[tuple[str, ...]], lengths: np.ndarray) -> np.ndarray:
        scores = np.zeros(len(lengths), np.float32)
        if not lengths.any():
            return scores
        average = lengths.mean()
        for each in wanted:
            at, count = self._places(each)
            # float32 and float64 where bm25s has them.
            part = count / (K1 * ((1 - B) + B * lengths[at] / average) + count)
            scores[at] += (np.float32(self._idf(len(at))) * part).astype(np.float32)
        return scores

    def _places(self, wanted: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Which sequences hold a term or a pair, int64, and how often, float32."""
        if wanted not in self._held:
            if len(self._held) >= _KEPT:
                self._held.clear()
            each = [self._in_part(number, wanted) for number in range(len(self._parts))]
            at, count = np.unique(
                np.concatenate([np.zeros(0, np.int64), *each]), return_counts=True
            )
            self._held[wanted] = at, count.astype(np.float32)
        return self._held[wanted]

    def _in_part(self, number: int, wanted: tuple[str, ...]) -> np.ndarray:
        """The sequence of each occurrence in a part, counted over all parts."""
        part, edges = self._parts[number], self._edges[number]
        numbers = [part.number(term) for term in wanted]
        if min(numbers) < 0:
            return np.zeros(0, np.int64)
        found = np.flatnonzero(part.ids == numbers[0])
        sequence = np.searchsorted(edges, found, side="right") - 1
        if len(numbers) == 2:
            follows = found + 1 < edges[sequence + 1]
            found, sequence = found[follows], sequence[follows]
            sequence = sequence[part.ids[found + 1] == numbers[1]]
        return sequence + self._first[number]
