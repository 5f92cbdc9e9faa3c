"""BM25 at the question: bit for bit what the library bm25s gives, in one part or in several."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import bm25s
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lcirc_cli.evidence.bm25 import Bm25
from lcirc_cli.memory.words import numbered

WORDS = ["mill", "stone", "river", "1848", "hindi", "हिन्दी", "X", "of", "ﷺ"]
SEQUENCE = st.lists(st.sampled_from(WORDS), max_size=30)


def library(sequences: Sequence[Sequence[str]], words: Sequence[str]) -> np.ndarray:
    """The scores of bm25s, an index made for all terms beforehand."""
    ids: dict[str, int] = {}
    rows = [[ids.setdefault(term, len(ids)) for term in row] for row in sequences]
    known = [ids[word] for word in words if word in ids]
    if not known:
        return np.zeros(len(sequences), np.float32)
    index = bm25s.BM25(method="lucene", k1=1.5, b=0.75)
    index.index((rows, ids), create_empty_token=False, show_progress=False)
    return np.asarray(index.get_scores_from_ids(known))


def joined(sequence: Sequence[str]) -> list[str]:
    return [f"{a} {b}" for a, b in pairwise(sequence)]


@settings(max_examples=150, deadline=None)
@given(sequences=st.lists(SEQUENCE, max_size=12), asked=SEQUENCE, cuts=st.lists(st.integers(0, 12)))
def test_the_scores_are_those_of_bm25s(
    sequences: list[list[str]], asked: list[str], cuts: list[int]
) -> None:
    wanted = library(sequences, asked)
    pairs = library([joined(sequence) for sequence in sequences], joined(asked))
    edges = sorted({0, len(sequences), *(cut for cut in cuts if cut < len(sequences))})
    parts = [numbered(sequences[a:b]) for a, b in pairwise(edges)] or [numbered([])]
    for index in (Bm25.of(sequences), Bm25(parts)):
        for _ in range(2):  # the second time from what was kept
            assert index.scores(asked).tobytes() == wanted.tobytes()
            assert index.pair_scores(asked).tobytes() == pairs.tobytes()
        assert index.scores(asked).dtype == np.float32
        for word in WORDS:
            assert index.frequency(word) == sum(word in sequence for sequence in sequences)


def test_a_pair_ends_with_its_sequence() -> None:
    index = Bm25.of([["old", "mill"], ["stone", "old"], ["mill", "old", "old", "mill"]])
    assert (index.pair_scores(["mill", "stone"]) > 0).tolist() == [False, False, False]
    assert (index.pair_scores(["old", "mill"]) > 0).tolist() == [True, False, True]


@pytest.mark.parametrize("size", [1, 65_536, 65_537])
def test_many_terms(size: int) -> None:
    """The numbers of up to 65,536 terms take two bytes."""
    words = [f"w{number}" for number in range(size)]
    terms = numbered([words])
    assert terms.ids.dtype == (np.uint16 if size <= 65_536 else np.int32)
    for number in {0, size // 2, size - 1}:
        assert terms.number(words[number]) == number
    assert terms.number("w") == terms.number("") == -1
