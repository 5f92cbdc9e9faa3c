"""Where the running heads and feet of a paged document stand: "Chapter 5: Arrays 21", "12".

A page's first or last line is one if the pages around it have, in the same place, the same words or
a number that counts the pages. They stay in the text; a quote neither begins nor ends with one.
Knows nothing about formats.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from lcirc_cli.documents.document import Page

LONGEST = 120  # characters; a longer line is text
REACH = 2  # pages to either side: left and right pages may have different heads
AGREEING = 2  # so many of those pages must have the like
_NUMBER = re.compile(r"\d+")
_EDGE_NUMBERS = re.compile(r"^(\d{1,5})\b|\b(\d{1,5})$")


@dataclass(frozen=True, slots=True)
class _Line:
    start: int
    end: int
    words: str  # without numbers, case and spaces
    counts: tuple[int | None, int | None]  # the numbers that it begins and ends with


def running_heads(text: str, pages: Sequence[Page]) -> list[tuple[int, int]]:
    """Ranges of `text` that are running heads or feet, in order; without their line's end."""
    first = [_first_line(text, page) for page in pages]
    last = [_last_line(text, page) for page in pages]
    found = {
        (line.start, line.end)
        for lines in (first, last)
        for number, line in enumerate(lines)
        if line is not None and _repeats(line, number, lines)
    }
    return sorted(found)


def _repeats(line: _Line, number: int, lines: Sequence[_Line | None]) -> bool:
    alike = 0
    for other in range(max(0, number - REACH), min(len(lines), number + REACH + 1)):
        there = lines[other]
        if other == number or there is None:
            continue
        same_words = len(line.words) > 2 and line.words == there.words
        alike += same_words or any(
            mine is not None and theirs is not None and theirs - mine == other - number
            for mine, theirs in zip(line.counts, there.counts, strict=True)
        )
    return alike >= AGREEING


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
    for match in _EDGE_NUMBERS.finditer(line):
        if match[1]:
            edges[0] = int(match[1])
            if match.end() == len(line):
                edges[1] = edges[0]
        else:
            edges[1] = int(match[2])
    words = "".join(_NUMBER.sub(" ", line).casefold().split())
    return _Line(start, end, words, (edges[0], edges[1]))
