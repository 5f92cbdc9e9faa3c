"""Cuts documents into passages of about 120 words for retrieval and citation.

Passages end where sentences, better paragraphs, best sections end; a heading stays with what
follows it. They never overlap or cross documents, and every word lies in exactly one. Knows
nothing about questions.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import overload

import numpy as np

from lcirc_cli.documents.document import Page
from lcirc_cli.documents.sources import Source, told_apart
from lcirc_cli.evidence.sentences import Sentence, split_sentences
from lcirc_cli.memory.contents import MemoryContents, StoredDocument
from lcirc_cli.memory.deferred import Deferred
from lcirc_cli.memory.words import END_TOKEN, FIRST_TOKEN, TERMS, PassageWords

TARGET_WORDS = 120
MAX_WORDS = 180
# What it costs to begin a passage at such a place, in the same unit as the squared relative
# deviation from the target. Chosen on the training sets (see scripts/retrieval_recall.py).
_COST = {"heading": 0.0, "paragraph": 0.02, "sentence": 0.3, "piece": 1.0}
_AFTER_HEADING = 2.0


@dataclass(frozen=True, eq=False)
class Text:
    """A document as it is ranked, shown and cited."""

    name: str
    text: Deferred[str] = Deferred()
    starts: Deferred[np.ndarray] = Deferred()  # int64 [N], first character of each token
    pages: Deferred[tuple[Page, ...]] = Deferred(())
    tokens: int | None = None  # N, where it is known without reading the starts

    @property
    def num_tokens(self) -> int:
        return len(self.starts) if self.tokens is None else self.tokens

    def page_at(self, character: int) -> Page | None:
        """The page that holds a character of `text`; None where the format has no pages."""
        if not self.pages:
            return None
        starts = [page.start for page in self.pages]
        return self.pages[max(0, bisect_right(starts, character) - 1)]


def texts_of(memories: Sequence[MemoryContents]) -> list[Text]:
    """The documents of memories, one after another.

    A name that several memories hold is followed by that of its memory's file.
    """
    files = told_apart([_source(memory, n) for n, memory in enumerate(memories, start=1)])
    held = Counter(name for memory in memories for name in {d.name for d in memory.documents})
    texts: list[Text] = []
    for memory, file in zip(memories, files, strict=True):
        for each in memory.documents:
            name = f"{each.name} ({file.name})" if held[each.name] > 1 else each.name
            texts.append(_text(memory, each, name))
    return texts


def _text(memory: MemoryContents, document: StoredDocument, name: str) -> Text:
    """A document that is read when its text, its tokens or its pages are asked for."""
    own = slice(document.first_token, document.first_token + document.num_tokens)
    return Text(
        name,
        lambda: document.text,
        lambda: memory.token_starts[own].numpy(),
        lambda: document.pages,
        document.num_tokens,
    )


def _source(memory: MemoryContents, number: int) -> Source:
    if not memory.path:
        return Source(None, f"memory {number}")
    return Source(Path(memory.path), Path(memory.path).name)


@dataclass(frozen=True, slots=True)
class Passage:
    """Characters start..end of a text, and the tokens that hold it, counted over all texts."""

    document: int
    start: int
    end: int
    first_token: int
    end_token: int


class Passages(Sequence[Passage]):
    """Passages in a row, each made when it is asked for.

    Args:
        rows: int64 [P, 5], the fields of `Passage`.
        first_tokens: of each text, counted over all texts.
    """

    def __init__(self, rows: np.ndarray, first_tokens: Sequence[int]) -> None:
        self.rows, self.first_tokens = rows, first_tokens

    @classmethod
    def of(cls, words: Sequence[PassageWords], *, tokens: Sequence[int]) -> Passages:
        """Those of indexes that follow one another, whose texts have so many tokens."""
        counts = np.concatenate([part.counts for part in words])
        rows = np.concatenate([part.passages[:, :TERMS] for part in words]).astype(np.int64)
        first = np.concatenate([[0], np.cumsum(tokens, dtype=np.int64)[:-1]])[: len(tokens)]
        document = np.repeat(np.arange(len(counts)), counts)
        rows[:, [FIRST_TOKEN, END_TOKEN]] += first[document, None]
        return cls(np.concatenate([document[:, None], rows], axis=1), first.tolist())

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, number: int) -> Passage: ...
    @overload
    def __getitem__(self, number: slice) -> Passages: ...
    def __getitem__(self, number: int | slice) -> Passage | Passages:
        if isinstance(number, slice):
            return Passages(self.rows[number], self.first_tokens)
        return Passage(*self.rows[number].tolist())

    def __iter__(self) -> Iterator[Passage]:
        for at in range(0, len(self), 256):  # whoever looks for the best few makes no more
            yield from (Passage(*row) for row in self.rows[at : at + 256].tolist())

    def ordered(self, numbers: np.ndarray) -> Passages:
        """Some of them, in this order."""
        return Passages(self.rows[numbers], self.first_tokens)

    @property
    def token_ranges(self) -> list[tuple[int, int]]:
        """First token and one past the last of each."""
        return [(first, end) for first, end in self.rows[:, 3:].tolist()]


def passage_rows(text: Text) -> list[tuple[int, int, int, int]]:
    """First character, end, first token, end of each passage of a text, all within the text.

    The tokens are divided among the passages. A text without words has no passage.
    """
    ranges = list(passage_ranges(text.text))
    # A token that begins with the space between two passages belongs to the second.
    cuts = np.array([end for _, end in ranges[:-1]], np.int64)
    inner = np.searchsorted(text.starts, cuts, side="left")
    bounds = [0, *inner.tolist(), len(text.starts)]
    return [(*place, *pair) for place, pair in zip(ranges, pairwise(bounds), strict=False)]


def passage_ranges(text: str) -> Iterator[tuple[int, int]]:
    """The passages of a text as (first character, one past the last)."""
    sentences = list(split_sentences(text))
    first = 0
    while first < len(sentences):
        last = _best_end(sentences, first)
        yield sentences[first].start, sentences[last - 1].end
        first = last


def _best_end(sentences: list[Sentence], first: int) -> int:
    """Where the passage that begins at `first` ends (one past its last sentence)."""
    size, best, best_cost = 0.0, first + 1, float("inf")
    for position in range(first, len(sentences)):
        size += sentences[position].size
        if size > MAX_WORDS and position > first:
            return best
        end = position + 1
        if end == len(sentences):
            return end
        cost = ((size - TARGET_WORDS) / TARGET_WORDS) ** 2 + _COST[sentences[end].opens]
        if sentences[position].opens == "heading":
            cost += _AFTER_HEADING
        if cost <= best_cost:
            best, best_cost = end, cost
    return best
