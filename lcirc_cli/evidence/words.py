"""The words' index of texts, as a memory file keeps it: passages, and the terms of each."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate

import numpy as np

from lcirc_cli.evidence.lines import lines_of
from lcirc_cli.evidence.passages import Text, passage_rows, texts_of
from lcirc_cli.evidence.terms import terms
from lcirc_cli.memory.contents import MemoryContents
from lcirc_cli.memory.words import PassageWords, numbered

# Of what decides about passages and terms. Raise it where either changes: an index of another
# version is made anew from the texts.
VERSION = 3


def words_of(texts: Sequence[Text]) -> PassageWords:
    """The index of these texts; about 0.4 s a million characters."""
    rows, sequences, counts = [], [], []
    for text in texts:
        found = passage_rows(text)
        counts.append(len(found))
        marks = _are_contents(text.text, [(start, end) for start, end, _, _ in found])
        for (start, end, first, last), contents in zip(found, marks, strict=True):
            sequences.append(terms(text.text[start:end]))
            rows.append((start, end, first, last, len(sequences[-1]), contents))
    made = numbered(sequences)
    return PassageWords(
        version=VERSION,
        counts=np.array(counts, np.int64),
        passages=np.array(rows, np.int32).reshape(len(rows), 6),
        vocabulary=made.vocabulary,
        term_ids=made.ids,
    )


def words_of_text(text: str, starts: np.ndarray) -> PassageWords:
    """The index of one text, whose tokens begin at these characters."""
    return words_of([Text("", text, starts)])


def current_words(memory: MemoryContents) -> PassageWords:
    """The index that a memory carries; made anew where there is none, or one by other rules."""
    words = memory.words
    if words is not None and words.version == VERSION:
        return words
    return words_of(texts_of([memory]))


def _are_contents(text: str, passages: Sequence[tuple[int, int]]) -> list[bool]:
    """Whether each passage text[start:end] is a part of a table of contents or an index."""
    lines = lines_of(text)
    starts = [line.start for line in lines]
    marks = [0, *accumulate(line.kind == "contents" for line in lines)]
    found = []
    for start, end in passages:
        first, last = max(0, bisect_right(starts, start) - 1), bisect_left(starts, end)
        found.append(2 * (marks[last] - marks[first]) > last - first)
    return found
