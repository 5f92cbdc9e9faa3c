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

_LABEL = re.compile(
    r"[•◦▪▸‣∙·●○■□*–—-]|\(?[0-9a-zA-Z]{1,3}[.)]|\[[0-9]{1,3}\]|[0-9]{1,3}(?:\.[0-9]{1,3}){0,4}\.?"
    r"|\(?[ivxlIVXL]{1,5}[.)]|(?:Chapter|Section|Part|Appendix|§) ?[0-9A-Z.]+"
)
_CODE = re.compile(r"(?<!:)//|:=|==|[;{}]$|^[>$#%]|\(\)[;{]|/\*")
_ROOM = 1.5  # times the usual distance of baselines: an empty line
_PITCH_EM = 1.25


@dataclass(slots=True)
class _Row:
    cells: list[Cell]
    line: Line


def write_lines(lines: Sequence[Line], notes: frozenset[str] = frozenset()) -> list[str]:
    """The text of the lines; empty strings are empty lines."""
    rows = [_Row(cells_of(line, notes), line) for line in lines]
    pitch = _usual_pitch(lines)
    written: list[str] = []
    at = 0
    while at < len(rows):
        end = _table_end(rows, at, pitch)
        columns = _columns(rows[at:end]) if end - at > 1 else []
        stop = end if len(columns) > 1 else at + 1
        if at and _apart(rows[at - 1].line, rows[at].line, pitch):
            written.append("")
        if len(columns) > 1:
            written += _table(rows[at:stop], columns)
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


def _apart(before: Line, after: Line, pitch: float) -> bool:
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


def _table_end(rows: Sequence[_Row], at: int, pitch: float) -> int:
    """Where the run of lines with several cells ends that begins at `at`."""
    end = at
    if len(_cells(rows[at])) < 2:
        return at + 1
    while end < len(rows) and len(_cells(rows[end])) > 1:
        if end > at and _far(rows[end - 1].line, rows[end].line, pitch):
            break
        end += 1
        # A line with one cell only belongs to the table if rows go on after it.
        single = end + 1 < len(rows) and len(_cells(rows[end])) == 1 < len(_cells(rows[end + 1]))
        if single and _inside(rows[end], rows[at:end]):
            end += not _far(rows[end - 1].line, rows[end + 1].line, 2 * pitch)
    return end


def _far(before: Line, after: Line, pitch: float) -> bool:
    return before.y - after.y > 3.5 * max(pitch, 1.2 * before.size)


def _inside(row: _Row, table: Sequence[_Row]) -> bool:
    """Whether a line's only cell is as wide as one of the table's: it is no running text."""
    cell = row.cells[0]
    left = min(each.line.x0 for each in table)
    right = max(each.line.x1 for each in table)
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


def _table(rows: Sequence[_Row], columns: list[tuple[float, float]]) -> list[str]:
    placed = [_placed(row.cells, columns) for row in rows]
    steps = [a.line.y - b.line.y for a, b in itertools.pairwise(rows)]
    kept: list[list[str]] = [placed[0]]
    for step, cells, row in zip(steps, placed[1:], rows[1:], strict=True):
        if _continues(cells, kept[-1], step, steps, row.line.size):
            kept[-1] = [f"{a} {b}".strip() for a, b in zip(kept[-1], cells, strict=True)]
        else:
            kept.append(cells)
    listing = 2 * sum(bool(_CODE.search(" ".join(cells))) for cells in kept) > len(kept)
    between = " " if listing else "\t"  # a program's remarks are no cells
    return [between.join(cells).rstrip(between) for cells in kept]


def _continues(
    cells: list[str], before: list[str], step: float, steps: list[float], size: float
) -> bool:
    """Whether a line goes on in the cells of the row above: nearer than rows are to each other."""
    if cells[0] or not any(cells) or not before[0]:
        return False
    widest = max(steps)
    return (
        step <= 1.35 * size
        and widest >= 1.15 * step
        and all(above or not cell for above, cell in zip(before, cells, strict=True))
    )


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
