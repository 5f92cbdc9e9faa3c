"""Writes the lines of a region: a row of a table on one line, its cells apart by tabs, and an empty
line where the page leaves room.

Knows nothing about columns of text or pdfium.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass

from lcirc_cli.documents.pdf_lines import Cell, Line, cells_of
from lcirc_cli.documents.pdf_rows import HALF_EM, LEADER, TIGHT_EM, band, joined, levels, rows_of
from lcirc_cli.documents.pdf_rules import Rule

_LABEL = re.compile(
    r"[•◦▪▸‣∙·●○■□*–—-]|\(?[0-9a-zA-Z]{1,3}[.)]|\[[0-9]{1,3}\]|[0-9]{1,3}(?:\.[0-9]{1,3}){0,4}\.?"
    r"|\(?[ivxlIVXL]{1,5}[.)]|(?:Chapter|Section|Part|Appendix|§) ?[0-9A-Z.]+"
)
_CODE = re.compile(r"(?<!:)//|:=|==|[;{}]$|^[>$#%]|\(\)[;{]|/\*")
_ALIGNED = 3.0  # points
_HEAD_GAP_EM = 1.2  # columns so near may be one, its head and its cells at different sides
_RULED_EM = 2.4  # lines of one cell where rules show which they are
_ROOM = 1.5  # times the usual distance of baselines: an empty line
_PITCH_EM = 1.25


@dataclass(slots=True)
class _Row:
    cells: list[Cell]
    line: Line


def write_lines(
    lines: Sequence[Line], notes: frozenset[str] = frozenset(), rules: Sequence[Rule] = ()
) -> list[str]:
    """The text of the lines; empty strings are empty lines."""
    rows = [_Row(cells_of(line, notes), line) for line in lines]
    pitch = _usual_pitch(lines)
    written: list[str] = []
    at = 0
    while at < len(rows):
        end = _table_end(rows, at, pitch, rules)
        columns = _columns(rows[at:end]) if end - at > 1 else []
        stop = end if len(columns) > 1 else at + 1
        if at and apart(rows[at - 1].line, rows[at].line, pitch):
            written.append("")
        if len(columns) > 1:
            written += _table(rows[at:stop], columns, rules)
        else:
            written.append(_joined(rows[at]))
        at = stop
    return written


def _joined(row: _Row) -> str:
    """A line that is in no table; what a label or a field stands before is kept apart from it."""
    texts = [cell.text for cell in row.cells if cell.text]
    pair = any(text.endswith(":") for text in texts[:-1])
    return ("\t" if pair or any(c.filled for c in row.line.chunks) else " ").join(texts)


def _usual_pitch(lines: Sequence[Line]) -> float:
    steps = sorted(a.y - b.y for a, b in itertools.pairwise(lines) if a.y > b.y)
    return steps[len(steps) // 2] if steps else 0.0


def apart(before: Line, after: Line, pitch: float) -> bool:
    """Whether there is room for an empty line, or the letters change their size for good."""
    step = before.y - after.y
    usual = max(pitch, 1.1 * max(before.size, after.size))
    if step > min(_ROOM * usual, 2.8 * max(before.size, after.size)):
        return True
    if before.size > 1.12 * after.size and step > 1.2 * after.size:
        return True  # a heading, or the text above a footnote
    return after.size > 1.12 * before.size


def _cells(row: _Row) -> list[Cell]:
    """The cells that count for a table: a list's number and its text are one."""
    cells = row.cells
    if len(cells) == 2 and _LABEL.fullmatch(cells[0].text):
        return [Cell("", cells[0].x0, cells[1].x1)]
    return cells


def _table_end(rows: Sequence[_Row], at: int, pitch: float, rules: Sequence[Rule]) -> int:
    """Where the run of lines with several cells ends that begins at `at`."""
    end = at
    if len(_cells(rows[at])) < 2:
        if not _stands_beside(rows, at):
            return at + 1
        end = at + 1
    while end < len(rows):
        if len(_cells(rows[end])) > 1:
            if end > at and _far(rows[end - 1].line, rows[end].line, pitch):
                break
        elif not _goes_on(rows, at, end, pitch, rules):
            break
        end += 1
    return end


def _stands_beside(rows: Sequence[_Row], at: int) -> bool:
    """Whether a line with one cell only begins a row whose other cells stand lower."""
    if at + 1 == len(rows) or len(_cells(rows[at + 1])) < 2:
        return False
    cell, line = rows[at].cells[0], rows[at].line
    apart = all(c.x0 > cell.x1 or c.x1 < cell.x0 for c in rows[at + 1].cells)
    return apart and line.y - rows[at + 1].line.y < HALF_EM * line.size


def _goes_on(rows: Sequence[_Row], at: int, end: int, pitch: float, rules: Sequence[Rule]) -> bool:
    """Whether a line with one cell only belongs to the table above it."""
    table, row = rows[at:end], rows[end]
    step = table[-1].line.y - row.line.y
    left, right = _extent(table)
    heights = levels(rules, left, right)
    number = band(heights, row.line)
    ruled = band(heights, table[0].line) < number < len(heights)
    ruled = ruled and number == band(heights, table[-1].line)
    cell = row.cells[0]
    columns = [c for each in table for c in each.cells[1:]]
    below = any(abs(c.x0 - cell.x0) < _ALIGNED and len(c.text) > 1 for c in columns)
    below = below and len(row.cells) == 1 and not LEADER.search(cell.text)
    if below and ruled and step <= _RULED_EM * row.line.size:
        return True
    if below and step <= (TIGHT_EM if _inside(row, table) else HALF_EM) * row.line.size:
        return True
    # Else only if rows go on after it.
    if end + 1 == len(rows) or len(_cells(rows[end + 1])) < 2:
        return False
    if below and row.line.y - rows[end + 1].line.y <= TIGHT_EM * row.line.size:
        return True
    if not _inside(row, table):
        return False
    return not _far(table[-1].line, rows[end + 1].line, 2 * pitch)


def _extent(table: Sequence[_Row]) -> tuple[float, float]:
    return min(each.line.x0 for each in table), max(each.line.x1 for each in table)


def _far(before: Line, after: Line, pitch: float) -> bool:
    return before.y - after.y > 3.5 * max(pitch, 1.2 * before.size)


def _inside(row: _Row, table: Sequence[_Row]) -> bool:
    """Whether a line's only cell is as wide as one of the table's: it is no running text."""
    cell = row.cells[0]
    left, right = _extent(table)
    return cell.x1 - cell.x0 < 0.55 * (right - left)


def _columns(rows: Sequence[_Row]) -> list[tuple[float, float]]:
    """The columns of a table, from its fullest rows; a title over two of them does not count."""
    most = max(len(row.cells) for row in rows)
    found: list[tuple[float, float]] = []
    for least in range(most, 1, -1):
        full = [row for row in rows if len(row.cells) >= least]
        spans = sorted((c.x0, c.x1) for row in full for c in row.cells)
        merged: list[list[float]] = []
        for x0, x1 in spans:
            if merged and x0 < merged[-1][1] + 0.5:
                merged[-1][1] = max(merged[-1][1], x1)
            else:
                merged.append([x0, x1])
        columns = [(a, b) for a, b in merged]
        if len(columns) < most and found:
            break
        if len(columns) > len(found) or len(columns) == most:
            found = columns
    if len(rows) == 2 and len(found) == 2 and not _aligned(rows):
        return []
    return found


def _aligned(rows: Sequence[_Row]) -> bool:
    """Whether the second cells of two rows begin or end at one place, or their middles agree."""
    first, second = rows[0].cells, rows[1].cells
    if len(first) != len(second):
        return False
    a, b = first[1], second[1]
    return abs(a.x0 - b.x0) < 2 or abs(a.x1 - b.x1) < 2 or abs(a.x0 + a.x1 - b.x0 - b.x1) < 4


def _table(
    rows: Sequence[_Row], columns: list[tuple[float, float]], rules: Sequence[Rule]
) -> list[str]:
    lines = [row.line for row in rows]
    placed = _joined_columns([_placed(row.cells, columns) for row in rows], columns, lines[0].size)
    heights = levels(rules, *_extent(rows))
    kept = [
        [joined(filter(None, cells)) for cells in zip(*(placed[n] for n in row), strict=True)]
        for row in rows_of(placed, lines, heights)
    ]
    listing = 2 * sum(bool(_CODE.search(" ".join(cells))) for cells in kept) > len(kept)
    between = " " if listing else "\t"  # a program's remarks are no cells
    return [between.join(cells).rstrip(between) for cells in kept]


def _joined_columns(
    placed: list[list[str]], columns: Sequence[tuple[float, float]], size: float
) -> list[list[str]]:
    """With columns in one of which one has the head and the other the cells below it."""
    at = len(columns) - 2
    while at >= 0:
        near = columns[at + 1][0] - columns[at][1] < _HEAD_GAP_EM * size
        apart = not any(cells[at] and cells[at + 1] for cells in placed)
        if near and apart and bool(placed[0][at]) != bool(placed[0][at + 1]):
            placed = [
                [*cells[:at], cells[at] or cells[at + 1], *cells[at + 2 :]] for cells in placed
            ]
        at -= 1
    return placed


def _placed(cells: Sequence[Cell], columns: Sequence[tuple[float, float]]) -> list[str]:
    """The texts by column; an empty one where the row has nothing."""
    texts: list[list[str]] = [[] for _ in columns]
    for cell in cells:
        shares = [min(cell.x1, b) - max(cell.x0, a) for a, b in columns]
        best = max(range(len(columns)), key=lambda i: shares[i])
        if shares[best] > 0 and cell.x1 - cell.x0 > 1.5 * shares[best]:
            best = next(i for i, share in enumerate(shares) if share > 0)  # over several
        texts[best].append(cell.text)
    return [" ".join(text).replace("\t", " ") for text in texts]
