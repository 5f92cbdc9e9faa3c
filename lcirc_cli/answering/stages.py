"""The first of a question's two stages: which segments its recurrence reads in the second.

Passages are ranked without the language model, and the segments that hold the best of them are
chosen, so that what a question costs does not grow with the memory. Knows nothing about models.

Legend: P passages, S segments of all memories in a row, R pairs of head and latent, N tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lcirc_cli.memory.contents import MemoryContents

if TYPE_CHECKING:
    from torch import Tensor

Chosen = tuple[int, ...]  # numbers of segments, counted over all memories, in order


@dataclass(frozen=True, eq=False)
class SegmentPlaces:
    """Where the segments of memories lie.

    Attributes:
        edges: int64 [S + 1], the first token of each, counted over all memories.
        documents: int64 [S], which document holds each, counted in the same way.
        within: int64 [S], which segment of its document it is.
        first_of_memory: number of the first segment of each memory, and S.
    """

    edges: np.ndarray
    documents: np.ndarray
    within: np.ndarray
    first_of_memory: tuple[int, ...]

    @classmethod
    def of(cls, memories: Sequence[MemoryContents]) -> SegmentPlaces:
        lengths = [length for memory in memories for length in memory.segment_lengths]
        counts = [each.num_segments for memory in memories for each in memory.documents]
        sizes = [len(memory.segment_lengths) for memory in memories]
        return cls(
            np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]),
            np.repeat(np.arange(len(counts)), counts),
            np.concatenate([np.zeros(0, np.int64), *(np.arange(count) for count in counts)]),
            tuple(np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)]).tolist()),
        )

    def __len__(self) -> int:
        return len(self.documents)

    @property
    def all(self) -> Chosen:
        return tuple(range(len(self)))

    def best(self, scores: np.ndarray, tokens: np.ndarray, *, most: int) -> Chosen:
        """The segments that hold the best passages, `most` of them.

        Of those that are equally good, as where no word is shared, the beginnings of documents
        come first.

        Args:
            scores: [P], higher is better.
            tokens: [P, 2], first token of each passage and one past its last.
        """
        best = np.full(len(self), -np.inf)
        first = np.searchsorted(self.edges, tokens[:, 0], side="right") - 1
        last = np.searchsorted(self.edges, tokens[:, 1] - 1, side="right") - 1
        for step in range(int((last - first).max(initial=-1)) + 1):
            reached = first + step <= last
            np.maximum.at(best, first[reached] + step, scores[reached])
        order = np.lexsort((self.documents, self.within, -best))
        return tuple(np.sort(order[:most]).tolist())

    def of_memory(self, number: int, chosen: Chosen) -> list[int]:
        """Those of one memory, counted within it."""
        first, end = self.first_of_memory[number : number + 2]
        return [each - first for each in chosen if first <= each < end]

    def ranges(self, chosen: Chosen) -> list[tuple[int, int]]:
        """The tokens of segments; neighbours are one range."""
        found: list[tuple[int, int]] = []
        for number in chosen:
            start, end = self.edges[number : number + 2].tolist()
            if found and found[-1][1] == start:
                start = found.pop()[0]
            found.append((start, end))
        return found

    def tokens(self, chosen: Chosen, *, retained: int | None = None) -> int:
        """How many tokens segments have, of each document the last `retained` of them."""
        numbers = np.array(chosen, np.int64)
        documents = self.documents[numbers]
        if retained is not None:
            ends = np.searchsorted(documents, documents, side="right")
            numbers = numbers[ends - np.arange(len(numbers)) <= retained]
        return int((self.edges[numbers + 1] - self.edges[numbers]).sum())


@dataclass(frozen=True, eq=False)
class TokenScores:
    """What the adapter says of the tokens that a question's recurrence has read.

    Attributes:
        scores_RN: of these tokens side by side, see `LcircAdapter.evidence`.
        ranges: which tokens they are, counted over all memories, in order.
    """

    scores_RN: Tensor
    ranges: Sequence[tuple[int, int]]

    def columns(self, tokens: np.ndarray) -> np.ndarray:
        """Ranges of tokens [P, 2] as ranges of `scores_RN`; empty where nothing was read."""
        starts, ends = np.array(self.ranges, np.int64).T
        before = np.concatenate([[0], np.cumsum(ends - starts)])
        at = np.searchsorted(starts, tokens, side="right")  # ranges that begin at or before
        last = np.maximum(at - 1, 0)
        inside = np.minimum(tokens, ends[last]) - starts[last]
        columns: np.ndarray = np.where(at > 0, before[last] + inside, 0)
        return columns
