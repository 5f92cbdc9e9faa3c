"""The words' index of texts, as a memory file keeps it: passages, and the terms of each."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from lcirc_cli.evidence.lines import LEADER
from lcirc_cli.evidence.passages import Text, passage_rows, texts_of
from lcirc_cli.evidence.terms import terms
from lcirc_cli.memory.contents import MemoryContents
from lcirc_cli.memory.words import PassageWords, numbered

# Of what decides about passages and terms. Raise it where either changes: an index of another
# version is made anew from the texts.
VERSION = 1
# "Name of a chapter ...... 12", as tables of contents have it.
_LEADER = re.compile(LEADER, re.MULTILINE)


def words_of(texts: Sequence[Text]) -> PassageWords:
    """The index of these texts; about 0.4 s a million characters."""
    rows, sequences, counts = [], [], []
    for text in texts:
        found = passage_rows(text)
        counts.append(len(found))
        for start, end, first, last in found:
            own = text.text[start:end]
            sequences.append(terms(own))
            rows.append((start, end, first, last, len(sequences[-1]), _is_contents(own)))
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


def _is_contents(text: str) -> bool:
    """Whether a passage is a part of a table of contents."""
    return 2 * len(_LEADER.findall(text)) > text.count("\n") + 1
