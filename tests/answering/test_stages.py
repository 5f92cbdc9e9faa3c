"""Which segments a question needs, from a ranking of passages; without a model."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from lcirc_cli.answering.stages import SegmentPlaces, TokenScores


def places(*memories: list[list[int]]) -> SegmentPlaces:
    """Of memories, each a list of documents, each a list of its segments' lengths."""
    made: list[Any] = [
        SimpleNamespace(
            segment_lengths=[n for document in memory for n in document],
            documents=[SimpleNamespace(num_segments=len(document)) for document in memory],
        )
        for memory in memories
    ]
    return SegmentPlaces.of(made)


TWO = places([[10, 10, 10, 4], [10, 6]], [[10, 10]])  # 34 + 16 tokens, and 20
PASSAGES = np.array([[0, 8], [8, 22], [22, 34], [34, 50], [50, 61], [61, 70]])


@pytest.mark.parametrize(
    ("scores", "most", "chosen"),
    [
        ([0, 0, 0, 0, 0, 9], 1, (7,)),
        ([0, 0, 0, 9, 0, 0], 2, (4, 5)),
        ([0, 9, 0, 0, 0, 8], 4, (0, 1, 2, 7)),  # a passage over three segments
        ([1, 0, 0, 0, 5, 0], 3, (0, 6, 7)),
        ([0, 0, 0, 0, 0, 0], 3, (0, 4, 6)),  # nothing is known: where documents begin
        ([0, 0, 0, 0, 0, 0], 5, (0, 1, 4, 5, 6)),
        ([3, 2, 1, 0, 0, 0], 99, tuple(range(8))),
    ],
)
def test_the_segments_of_the_best_passages(
    scores: list[float], most: int, chosen: tuple[int, ...]
) -> None:
    assert TWO.best(np.array(scores, np.float32), PASSAGES, most=most) == chosen


def test_segments_lie_in_their_memories_and_tokens() -> None:
    assert len(TWO) == 8 and TWO.all == tuple(range(8))
    assert TWO.of_memory(0, (1, 5, 6)) == [1, 5] and TWO.of_memory(1, (1, 5, 6)) == [0]
    assert TWO.ranges((0, 1, 3, 5, 6)) == [(0, 20), (30, 34), (44, 60)]
    assert TWO.ranges(TWO.all) == [(0, 70)]
    assert TWO.tokens((1, 3, 5)) == 20 and TWO.tokens(()) == 0
    # Of each document the last one or two of those.
    assert TWO.tokens(TWO.all, retained=1) == 4 + 6 + 10
    assert TWO.tokens((0, 1, 3, 4), retained=2) == 10 + 4 + 10


def test_tokens_that_were_read_have_columns() -> None:
    read = TokenScores(torch.zeros(1, 24), [(4, 20), (30, 38)])
    tokens = np.array([[0, 4], [0, 8], [8, 22], [22, 28], [22, 34], [34, 50], [50, 70]])
    found = read.columns(tokens).tolist()
    assert found == [[0, 0], [0, 4], [4, 16], [16, 16], [16, 20], [20, 24], [24, 24]]
    everything = TokenScores(torch.zeros(1, 70), TWO.ranges(TWO.all))
    assert everything.columns(PASSAGES).tolist() == PASSAGES.tolist()
