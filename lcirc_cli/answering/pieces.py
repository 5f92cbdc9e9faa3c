"""Documents cut for a summary: which passages, in which pieces, and what that takes.

Knows nothing about servers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from lcirc_cli.documents.page_ranges import PageRanges
from lcirc_cli.errors import UsageError
from lcirc_cli.evidence import PassageIndex

_EXPECTED = 200  # tokens of the notes on a piece, and half of a summary
_TASK = 60  # tokens of what is asked below the passages

T = TypeVar("T")


@dataclass(frozen=True)
class Estimate:
    """What a summary takes, about; counted by the backbone's tokenizer."""

    pages: int  # 0 where the documents have none
    pieces: int
    requests: int
    tokens_sent: int
    tokens_back: int


def estimate(
    sizes: Sequence[int], *, pieces: int, budget: int, around: int, pages: int
) -> Estimate:
    """What a summary takes.

    Args:
        sizes: tokens of the passages.
        pieces: that they are sent in.
        budget: tokens of a request, besides `around` for what is said to the model.
    """
    requests, notes = 1, 0
    if pieces > 1:
        requests, notes, left = 1 + pieces, pieces * _EXPECTED, pieces
        while left > 1 and left * _EXPECTED > budget:
            left = max(1, min(-(-left // 2), -(-left * _EXPECTED // budget)))
            requests += left
            notes += left * _EXPECTED
    return Estimate(
        pages=pages,
        pieces=pieces,
        requests=requests,
        tokens_sent=sum(sizes) + notes + requests * (around + _TASK),
        tokens_back=notes + 2 * _EXPECTED,
    )


def filled(
    items: Sequence[T], sizes: Sequence[int], budget: int, *, least: int = 1
) -> list[list[T]]:
    """Neighbouring items in groups of at most `budget`, of `least` items wherever there are."""
    groups: list[list[T]] = []
    used = 0
    for item, size in zip(items, sizes, strict=True):
        if not groups or (used + size > budget and len(groups[-1]) >= least):
            groups.append([])
            used = 0
        groups[-1].append(item)
        used += size
    return groups


def selected(index: PassageIndex, pages: PageRanges | None) -> list[int]:
    """The passages of these pages; one that lies on two is of both."""
    if pages is None:
        return list(range(len(index.passages)))
    wanted: set[tuple[int, int | None]] = set()
    for number, text in enumerate(index.texts):
        numbers = [page.number for page in text.pages if page.number is not None]
        if not numbers:
            raise UsageError(f"{text.name} has no pages; leave out --pages")
        resolved = pages.resolve(max(numbers), name=text.name)
        wanted |= {(number, page) for page in resolved}
    found = []
    for number, passage in enumerate(index.passages):
        text = index.texts[passage.document]
        first, last = text.page_at(passage.start), text.page_at(passage.end - 1)
        touched = [page.number for page in (first, last) if page is not None]
        if wanted & {(passage.document, page) for page in touched}:
            found.append(number)
    if not found:
        raise UsageError("there is no text on these pages")
    return found
