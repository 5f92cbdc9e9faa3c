"""Page ranges as a person writes them: `1-40,52,60-`.

Knows nothing about PDF; a range is checked against a page count only when it is resolved.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from lcirc_cli.errors import UsageError

_RANGE = re.compile(r"(\d{1,9})(?:(-)(\d{1,9})?)?", re.ASCII)


@dataclass(frozen=True)
class PageRanges:
    """Inclusive ranges of physical page numbers, from 1; an end of None is the last page."""

    ranges: tuple[tuple[int, int | None], ...]

    def __str__(self) -> str:
        """As a person would write them: `1-40,52,60-`."""
        return ",".join(
            str(start) if end == start else f"{start}-{'' if end is None else end}"
            for start, end in self.ranges
        )

    def resolve(self, page_count: int, *, name: str) -> list[int]:
        """The page numbers that are meant, in order and each once.

        Raises:
            UsageError: a range lies outside the document `name` with its `page_count` pages.
        """
        numbers: set[int] = set()
        for start, end in self.ranges:
            last = page_count if end is None else end
            if start > page_count or last > page_count:
                shown = f"{start}-{'' if end is None else end}" if end != start else str(start)
                pages = "1 page" if page_count == 1 else f"{page_count:,} pages"
                raise UsageError(f"{name}: page range {shown} is out of range; it has {pages}")
            numbers.update(range(start, last + 1))
        return sorted(numbers)


def parse_page_ranges(text: str) -> PageRanges:
    """Parse `1-40,52,60-` (spaces around the parts are fine).

    Raises:
        UsageError: not page numbers, a page 0, or a range that runs backwards.
    """
    ranges: list[tuple[int, int | None]] = []
    for part in text.split(","):
        match = _RANGE.fullmatch(part.strip().replace(" ", ""))
        if match is None:
            raise UsageError(
                f"page range {part.strip()!r} is not understood; write e.g. 1-40,52,60-"
            )
        start = int(match[1])
        end = start if match[2] is None else (None if match[3] is None else int(match[3]))
        if start == 0:
            raise UsageError("page numbers start at 1")
        if end is not None and end < start:
            raise UsageError(f"page range {start}-{end} runs backwards; write {end}-{start}")
        ranges.append((start, end))
    return PageRanges(tuple(ranges))


def format_pages(numbers: Sequence[int]) -> str:
    """`page 3` or `pages 1-4, 7` for sorted page numbers."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][1] == number - 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    shown = ", ".join(f"{a}" if a == b else f"{a}-{b}" for a, b in runs)
    return f"page {shown}" if len(numbers) == 1 else f"pages {shown}"
