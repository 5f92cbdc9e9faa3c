"""Judges whether a gutter of a PDF page parts two columns of text or the cells of a table.

Both sides of it must look like running text, or be painted one after the other; a table's cells
are neither. Knows chunks only.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from lcirc_cli.documents.pdf_chunks import Chunk
from lcirc_cli.documents.pdf_lines import usual_size

_SAME_ROWS = 0.75  # of the lines: fewer at the same heights are no rows of one table
FEWEST = 3  # lines beside each other, at least, on either side


@dataclass(frozen=True, slots=True)
class _Side:
    """What the lines of one side of a gutter look like."""

    lines: int
    filled: float  # share of lines that reach the side's right edge, nearly
    words: float  # in a line, on average
    letters: float  # share of letters among the visible characters
    broken: float  # share of lines with a wide gap
    goes_on: float  # share of lines that begin inside a sentence
    pitches: tuple[tuple[float, float], ...]  # (baseline, distance to the line above)


def judge(left_chunks: list[Chunk], right_chunks: list[Chunk]) -> str:
    """ "columns", "no", or "unsure" of what stands on the two sides of a gutter."""
    em = usual_size([*left_chunks, *right_chunks])
    left, right = _side(_near(left_chunks, em, -1), em), _side(_near(right_chunks, em, 0), em)
    if min(left.lines, right.lines) < FEWEST:
        return "no"
    in_turn = _painted_in_turn(left_chunks, right_chunks)
    if not in_turn and (_has_cells(left_chunks, em) or _has_cells(right_chunks, em)):
        return "no"
    prose = _is_prose(left) and _is_prose(right)
    if prose and not _rows_agree(left, right):
        return "columns"
    lettered = min(left.letters, right.letters) >= 0.55
    if in_turn and lettered and min(left.words, right.words) >= 1.3:
        plain = max(left.broken, right.broken) < 0.3
        apart = _shared_rows(left_chunks, right_chunks, em) < _SAME_ROWS
        if min(left.lines, right.lines) >= 5 and (plain or prose or apart):
            return "columns"
    if in_turn and (_is_sidebar(left, right) or _is_sidebar(right, left)):
        return "columns"
    even = min(left.lines, right.lines) >= 0.6 * max(left.lines, right.lines)
    # Three ragged columns are a table, with cells of several lines too.
    cells = max(_gap_share(left_chunks, em), _gap_share(right_chunks, em)) > 1 / 3
    if even and lettered and not cells and min(left.words, right.words) >= 3 and left.lines >= 5:
        return "unsure"
    return "no"


def _has_cells(chunks: list[Chunk], em: float) -> bool:
    """Whether a side has columns of its own that are not all running text: cells of a table."""
    if _gap_share(chunks, em) < 0.5:
        return False
    return not all(_is_prose(_side(_near(chunks, em, which), em)) for which in (0, -1))


def _near(chunks: list[Chunk], em: float, which: int) -> list[Chunk]:
    """Of a side that has a gutter of its own, the column beside the one that is judged."""
    if _gap_share(chunks, em) < 0.5:
        return chunks
    return [chunk for row in _rows(chunks, em) for chunk in _parts(row, em)[which]]


def _gap_share(chunks: list[Chunk], em: float) -> float:
    """How many of the lines have a wide gap."""
    rows = _rows(chunks, em)
    return sum(_has_gap(row, em) for row in rows) / len(rows)


def _parts(row: list[Chunk], em: float) -> list[list[Chunk]]:
    """A line's chunks between wide gaps."""
    parts: list[list[Chunk]] = []
    for chunk in sorted(row, key=lambda chunk: chunk.x0):
        if parts and chunk.x0 - parts[-1][-1].x1 <= 1.5 * em:
            parts[-1].append(chunk)
        else:
            parts.append([chunk])
    return parts


def _rows(chunks: Sequence[Chunk], em: float) -> list[list[Chunk]]:
    rows: list[list[Chunk]] = []
    for chunk in sorted(chunks, key=lambda chunk: -chunk.y):
        if rows and rows[-1][0].y - chunk.y <= 0.6 * em:
            rows[-1].append(chunk)
        else:
            rows.append([chunk])
    return rows


def _is_prose(side: _Side) -> bool:
    few = side.lines < 5
    filled = side.filled >= (0.6 if few else 0.45)
    return filled and side.words >= (4 if few else 3) and side.letters >= 0.6 and side.broken < 0.35


def _side(chunks: Sequence[Chunk], em: float) -> _Side:
    rows = _rows(chunks, em)
    left = min(chunk.x0 for chunk in chunks)
    rights = sorted(max(chunk.x1 for chunk in row) for row in rows)
    edge = rights[int(0.9 * (len(rights) - 1))]
    text = "".join(chunk.text for chunk in chunks)
    visible = len(text) - text.count(" ")
    reach = left + 0.75 * (edge - left)
    filled = sum(right >= reach for right in rights)
    words = sum(len(chunk.text.split()) for chunk in chunks)
    ys = [row[0].y for row in rows]
    pitches = tuple((b, a - b) for a, b in itertools.pairwise(ys))
    return _Side(
        lines=len(rows),
        filled=filled / len(rows),
        words=words / len(rows),
        letters=sum(map(str.isalpha, text)) / max(1, visible),
        broken=sum(_has_gap(row, em) for row in rows) / len(rows),
        goes_on=sum(_is_inside(row) for row in rows) / len(rows),
        pitches=pitches,
    )


def _has_gap(row: list[Chunk], em: float) -> bool:
    return len(_parts(row, em)) > 1


def _is_inside(row: list[Chunk]) -> bool:
    first = min(row, key=lambda chunk: chunk.x0).text.strip()[:1]
    return first.isalpha() and not first.isupper()


def _is_sidebar(few: _Side, many: _Side) -> bool:
    """Whether a block of lines stands beside a longer paragraph that takes no notice of it."""
    if few.lines > 0.75 * many.lines or not _is_prose(many) or many.goes_on < 0.5:
        return False
    for side in (few, many):
        steps = [step for _, step in side.pitches]
        if max(steps) > 1.6 * min(steps):  # rows of a table stand apart
            return False
    return few.broken == 0


def _rows_agree(left: _Side, right: _Side) -> bool:
    """Whether both sides leave more room between lines at the same heights: rows of a table."""
    gaps = []
    for side in (left, right):
        steps = sorted(step for _, step in side.pitches)
        if not steps:
            return False
        usual = steps[len(steps) // 4]
        gaps.append([y for y, step in side.pitches if step > 1.25 * usual])
    if not gaps[0] or not gaps[1]:
        return False
    shared = sum(any(abs(y - z) < 2.0 for z in gaps[1]) for y in gaps[0])
    return shared >= 2 and shared >= 0.7 * max(len(gaps[0]), len(gaps[1]))


def _shared_rows(left: list[Chunk], right: list[Chunk], em: float) -> float:
    """The share of the lines of the shorter side that have one of the other at their height."""
    few, many = sorted(([row[0].y for row in _rows(c, em)] for c in (left, right)), key=len)
    return sum(any(abs(y - z) < 0.06 * em for z in many) for y in few) / len(few)


def _painted_in_turn(left: list[Chunk], right: list[Chunk]) -> bool:
    """Whether the page paints one side before the other."""
    order = sorted([(c.number, 0) for c in left] + [(c.number, 1) for c in right])
    changes = sum(a[1] != b[1] for a, b in itertools.pairwise(order))
    return changes <= max(1, min(len(left), len(right)) // 8)
