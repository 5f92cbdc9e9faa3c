"""Where the running heads and feet of a paged document stand: "Chapter 5: Arrays 21", "12".

A page's first or last lines are one if the pages around it have, in the same place, the same words
or a number that counts the pages, with or without dashes around it. They stay in the text; quotes
leave them out. Knows nothing about formats.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from lcirc_cli.documents.document import Page

LONGEST = 120  # characters; a longer line is text
SECOND = 60  # characters of a further line of a head
REACH = 2  # pages to either side: left and right pages may have different heads
LINES = 3  # of a head or foot, at most
AGREEING = 2  # so many of those pages must have the like
_NUMBER = re.compile(r"\d+")
_EDGE_NUMBERS = re.compile(r"^(\d{1,5})\b|\b(\d{1,5})$")
_ORNAMENTS = " -–—|·•~*[](){}<>"  # around a page's number


@dataclass(frozen=True, slots=True)
class _Line:
    start: int
    end: int
    words: str  # without numbers, case and spaces
    counts: tuple[int | None, int | None]  # the numbers that it begins and ends with


def running_heads(text: str, pages: Sequence[Page]) -> list[tuple[int, int]]:
    """Ranges of `text` that are running heads or feet, in order; without their line's end."""
    found: set[tuple[int, int]] = set()
    rest: list[Page | None] = list(pages)
    for depth in range(LINES):
        first = [None if page is None else _first_line(text, page) for page in rest]
        last = [None if page is None else _last_line(text, page) for page in rest]
        longest = SECOND if depth else LONGEST
        heads = [_found(first, number, longest) for number in range(len(rest))]
        feet = [_found(last, number, longest) for number in range(len(rest))]
        lines = [line for line in heads + feet if line is not None]
        if not lines:
            break
        found |= {(line.start, line.end) for line in lines}
        # Only below a head may another be: where none is, the text begins.
        rest = [
            _inner(page, head, foot, text) if page and (head or foot) else None
            for page, head, foot in zip(rest, heads, feet, strict=True)
        ]
    return sorted(found)


def _found(lines: Sequence[_Line | None], number: int, longest: int) -> _Line | None:
    line = lines[number]
    if line is None or line.end - line.start > longest:
        return None
    return line if _repeats(line, number, lines) else None


def _inner(page: Page, head: _Line | None, foot: _Line | None, text: str) -> Page:
    """What is left of a page, without outer space."""
    start, end = head.end if head else page.start, foot.start if foot else page.end
    part = text[start : max(start, end)]
    return replace(
        page, start=start + len(part) - len(part.lstrip()), end=start + len(part.rstrip())
    )


def _repeats(line: _Line, number: int, lines: Sequence[_Line | None]) -> bool:
    alike = 0
    near = range(max(0, number - REACH), min(len(lines), number + REACH + 1))
    for other in near:
        there = lines[other]
        if other == number or there is None:
            continue
        same_words = len(line.words) > 2 and line.words == there.words
        counted = any(
            mine is not None and theirs is not None and theirs - mine == other - number
            for mine, theirs in zip(line.counts, there.counts, strict=True)
        )
        # Of two pages alone, "Sales in 2019" and "Profit in 2020" count nothing.
        alike += same_words or (counted and (len(near) > 2 or line.words == there.words))
    return alike >= min(AGREEING, len(near) - 1) > 0


def _first_line(text: str, page: Page) -> _Line | None:
    part = text[page.start : page.end]
    start = page.start + len(part) - len(part.lstrip())
    return _line(text, start, text.find("\n", start, page.end), page)


def _last_line(text: str, page: Page) -> _Line | None:
    end = page.start + len(text[page.start : page.end].rstrip())
    return _line(text, text.rfind("\n", page.start, end) + 1, end, page)


def _line(text: str, start: int, end: int, page: Page) -> _Line | None:
    """None for an empty line, one that is no head by its length, or the only one of its page."""
    if end < 0 or not 0 < end - start <= LONGEST or start < page.start:
        return None
    line = text[start:end].strip()
    edges: list[int | None] = [None, None]
    bare = line.strip(_ORNAMENTS)
    for match in _EDGE_NUMBERS.finditer(bare):
        if match[1]:
            edges[0] = int(match[1])
            if match.end() == len(bare):
                edges[1] = edges[0]
        else:
            edges[1] = int(match[2])
    words = "".join(_NUMBER.sub(" ", line).casefold().split())
    return _Line(start, end, words, (edges[0], edges[1]))
