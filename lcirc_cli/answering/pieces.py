"""Documents cut for a summary: which passages, in which pieces, and what that takes.

Knows nothing about servers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TypeVar

from lcirc_cli.documents.page_ranges import PageRanges
from lcirc_cli.errors import UsageError
from lcirc_cli.evidence import PassageIndex

_EXPECTED = 200  # tokens of the notes on a piece, and half of a summary
_NEAREST = 4  # sections that are named where there is none of a name
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


def selected(index: PassageIndex, pages: PageRanges | None, section: str | None) -> list[int]:
    """The passages of these pages, or of a section; one that lies on two is of both.

    Raises:
        UsageError: there are no such pages, or no such section.
    """
    if section is not None:
        return _of_section(index, section)
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


def _of_section(index: PassageIndex, wanted: str) -> list[int]:
    pages = [page for text in index.texts for page in text.pages if page.section is not None]
    names = {_folded(page.section or ""): page.section or "" for page in pages}
    name = _named(names, _folded(wanted))
    found = []
    for number, passage in enumerate(index.passages):
        text = index.texts[passage.document]
        first, last = text.page_at(passage.start), text.page_at(passage.end - 1)
        if name in {_folded(page.section or "") for page in (first, last) if page is not None}:
            found.append(number)
    return found


def _named(names: Mapping[str, str], wanted: str) -> str:
    """The section that is meant: by its whole name, or by a part that no other has."""
    if not names:
        raise UsageError("the documents have no named sections; give --pages, or neither")
    holding = [name for name in names if wanted in name]
    if wanted in names or len(holding) == 1:
        return wanted if wanted in names else holding[0]
    near = [*holding, *get_close_matches(wanted, names, n=_NEAREST, cutoff=0.3)]
    shown = list(dict.fromkeys(near or names))[:_NEAREST]
    told = ", ".join(f'"{names[name]}"' for name in shown)
    how = "more than one section is called so" if holding else "there is no such section"
    raise UsageError(f"--section: {how}; the nearest are {told}")


def _folded(name: str) -> str:
    return " ".join(name.casefold().split())
