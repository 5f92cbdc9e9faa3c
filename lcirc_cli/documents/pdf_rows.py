"""Tells which lines of a table are one row: cells of several lines, and those beside them that
stand at the top, in the middle or at the foot.

The page's rules say it where it has them, else the distances of the lines. Knows texts and heights,
nothing about pdfium.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence

from lcirc_cli.documents.pdf_lines import Line
from lcirc_cli.documents.pdf_rules import Rule

_SHARE = 0.7  # of the table's width: shorter rules part no rows
_SAME = 1.5  # points: rules at one height
TIGHT_EM = 1.35  # lines of one cell
HALF_EM = 0.9  # lines so near can't stand under one another
_FULL_SHARE = 0.5  # of the column's longest text: a line that may go on in the next one
_MOST = 6  # lines of a row whose first cell has several
LEADER = re.compile(r"\.(?: ?\.){3}")  # dots that lead to a number
_CUT = re.compile(r"(?<=[^\W\d_])- (?=[^\W\d_])(?!(?:and|or|und|oder|et|ou) )")
_WORD = re.compile(r"[^\W\d_]{2}")


def levels(rules: Sequence[Rule], left: float, right: float) -> list[float]:
    """The heights of the rules that go over most of a table's width, from top to bottom."""
    found: list[float] = []
    ordered = sorted((r for r in rules if r.x1 > left and r.x0 < right), key=lambda rule: -rule.y)
    at = 0
    while at < len(ordered):
        end = at
        while end < len(ordered) and ordered[at].y - ordered[end].y <= _SAME:
            end += 1
        if _covered(ordered[at:end], left, right) >= _SHARE * (right - left):
            found.append(ordered[at].y)
        at = end
    return found


def _covered(rules: Sequence[Rule], left: float, right: float) -> float:
    total, reached = 0.0, left
    for rule in sorted(rules, key=lambda rule: rule.x0):
        total += max(0.0, min(rule.x1, right) - max(rule.x0, reached))
        reached = max(reached, min(rule.x1, right))
    return total


def band(heights: Sequence[float], line: Line) -> int:
    """How many of the rules stand above a line."""
    return sum(height > line.y + 0.2 * line.size for height in heights)


def rows_of(
    placed: Sequence[list[str]], lines: Sequence[Line], heights: Sequence[float]
) -> list[list[int]]:
    """The numbers of the lines of each row; `placed` are their texts by column."""
    longest = [max(map(len, column)) for column in zip(*placed, strict=True)]
    bands = [band(heights, line) for line in lines]
    parts = [
        [number for number, _ in group]
        for _, group in itertools.groupby(enumerate(bands), key=lambda pair: pair[1])
    ]
    ruled = len(parts) >= 3 and max(map(len, parts)) <= _MOST
    rows: list[list[int]] = []
    for part in parts:
        if len(parts) > 1 and _is_row(part, placed, longest, ruled=ruled):
            rows.append(part)
        else:
            rows += _by_distance(part, placed, lines, longest)
    return rows


def _is_row(
    part: list[int], placed: Sequence[list[str]], longest: Sequence[int], *, ruled: bool
) -> bool:
    """Whether lines are one row: each cell of several lines goes on from line to line."""
    filled = [[n for n in part if placed[n][c]] for c in range(len(longest))]
    if len(part) < 2 or not any(len(numbers) == 1 for numbers in filled):
        return False
    if len(filled[0]) > 1 and not ruled and any(len(numbers) > 1 for numbers in filled[1:]):
        return False
    return all(
        _runs_on(placed[n][c]) and len(placed[n][c]) >= _FULL_SHARE * longest[c]
        for c, numbers in enumerate(filled)
        for n in numbers[:-1]
        if len(numbers) > 1
    )


def _runs_on(text: str) -> bool:
    """Whether a line of a cell may go on in the next one: it holds words."""
    return bool(_WORD.search(text)) and not LEADER.search(text)


def joined(texts: Iterable[str]) -> str:
    """The lines of a cell as one; a word that is cut keeps its hyphen."""
    return _CUT.sub("-", " ".join(texts))


def _by_distance(
    part: list[int],
    placed: Sequence[list[str]],
    lines: Sequence[Line],
    longest: Sequence[int],
) -> list[list[int]]:
    steps = [lines[n].y - lines[n + 1].y for n in part[:-1]]
    widest = max(steps, default=0.0)
    near = [
        (step <= TIGHT_EM * lines[n + 1].size and widest >= 1.15 * step)
        or _side_by_side(placed[n], placed[n + 1], step, lines[n].size)
        for n, step in zip(part, steps, strict=False)
    ]
    rows: list[list[int]] = []
    for segment in _segments(part, near):
        if _is_row(segment, placed, longest, ruled=False):
            rows.append(segment)
            continue
        for n in segment:
            step = lines[n - 1].y - lines[n].y if rows and n else 0.0
            before = rows[-1] if rows and n - 1 == rows[-1][-1] else None
            if before is not None and _continues(n, before, step, widest, placed, lines):
                before.append(n)
            else:
                rows.append([n])
    return rows


def _segments(part: list[int], near: Sequence[bool]) -> list[list[int]]:
    found = [[part[0]]]
    for n, joined in zip(part[1:], near, strict=True):
        if joined:
            found[-1].append(n)
        else:
            found.append([n])
    return found


def _side_by_side(above: list[str], below: list[str], step: float, size: float) -> bool:
    return step < HALF_EM * size and not any(a and b for a, b in zip(above, below, strict=True))


def _continues(
    n: int,
    before: list[int],
    step: float,
    widest: float,
    placed: Sequence[list[str]],
    lines: Sequence[Line],
) -> bool:
    """Whether a line goes on in the cells of the row above: nearer than rows are to each other."""
    cells, above = placed[n], [any(placed[b][c] for b in before) for c in range(len(placed[n]))]
    if cells[0] or not any(cells) or not above[0]:
        return False
    return (
        step <= TIGHT_EM * lines[n].size
        and widest >= 1.15 * step
        and all(over or not cell for over, cell in zip(above, cells, strict=True))
    )
