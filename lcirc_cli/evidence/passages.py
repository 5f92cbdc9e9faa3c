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
from pathlib import Path

import numpy as np

from lcirc_cli.documents.document import Page
from lcirc_cli.documents.sources import Source, told_apart
from lcirc_cli.evidence.sentences import Sentence, split_sentences
from lcirc_cli.memory.contents import MemoryContents

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
    text: str
    starts: np.ndarray  # int64 [N], first character of each token
    pages: tuple[Page, ...] = ()

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
        starts = memory.token_starts.numpy()
        for each in memory.documents:
            own = starts[each.first_token : each.first_token + each.num_tokens]
            name = f"{each.name} ({file.name})" if held[each.name] > 1 else each.name
            texts.append(Text(name, each.text, own, each.pages))
    return texts


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


def split_passages(texts: Sequence[Text]) -> list[Passage]:
    """All passages in order; the tokens of a text are divided among its passages.

    A text without words has no passage.
    """
    passages: list[Passage] = []
    first = 0
    for index, text in enumerate(texts):
        ranges = list(passage_ranges(text.text))
        last = first + len(text.starts)
        # A token that begins with the space between two passages belongs to the second.
        cuts = np.array([end for _, end in ranges[:-1]], np.int64)
        inner = first + np.searchsorted(text.starts, cuts, side="left")
        bounds = [first, *inner.tolist(), last]
        passages += [
            Passage(index, start, end, bounds[position], bounds[position + 1])
            for position, (start, end) in enumerate(ranges)
        ]
        first = last
    return passages


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
