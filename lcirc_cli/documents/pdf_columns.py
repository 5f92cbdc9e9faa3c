"""Finds the columns of a PDF page: which chunks are read before which.

A gutter is a strip that no chunk crosses over several lines. Both sides of it must look like
running text, or be painted one after the other; a table's cells are neither. Knows nothing about
lines' texts, tables or pdfium.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field

from lcirc_cli.documents.pdf_chunks import Chunk, is_rtl
from lcirc_cli.documents.pdf_lines import usual_size
from lcirc_cli.documents.pdf_titles import find_titles

_GUTTER_EM = 0.8  # the least width of a gutter
_FEWEST = 3  # lines beside each other, at least, on either side
_CANDIDATES = 12
_DEPTH = 6
_ROW_EM = 0.35


@dataclass
class Layout:
    """Regions in the order of reading; `unsure` where it may be wrong."""

    regions: list[list[Chunk]] = field(default_factory=list)
    unsure: bool = False


@dataclass(frozen=True, slots=True)
class _Cut:
    """A gutter, and what lies on its sides and beyond its ends."""

    above: list[Chunk]
    left: list[Chunk]
    right: list[Chunk]
    below: list[Chunk]
    lines: int  # that both sides have beside each other


@dataclass(frozen=True, slots=True)
class _Side:
    """What the lines of one side of a gutter look like."""

    lines: int
    filled: float  # share of lines that reach the side's right edge, nearly
    words: float  # in a line, on average
    letters: float  # share of letters among the visible characters
    broken: float  # share of lines with a wide gap
    pitches: tuple[tuple[float, float], ...]  # (baseline, distance to the line above)


def find_columns(chunks: Sequence[Chunk]) -> Layout:
    """The regions of a page, each to be read line by line."""
    layout = Layout()
    _divide(list(chunks), layout, 0)
    return layout


def _divide(chunks: list[Chunk], layout: Layout, depth: int) -> None:
    if not chunks:
        return
    unsure = False
    for cut in _cuts(chunks) if depth < _DEPTH and len(chunks) >= 2 * _FEWEST else ():
        verdict = _judge(cut)
        unsure |= verdict == "unsure"
        if verdict == "columns":
            sides = [cut.left, cut.right]
            if _mostly_rtl(chunks):
                sides.reverse()
            for part in (cut.above, *sides, cut.below):
                _divide(part, layout, depth + 1)
            return
    layout.unsure |= unsure
    layout.regions.append(chunks)


def _mostly_rtl(chunks: Sequence[Chunk]) -> bool:
    letters = [c for chunk in chunks for c in chunk.text if c.isalpha()]
    return sum(map(is_rtl, letters)) > 0.5 * len(letters) if letters else False


def _cuts(chunks: list[Chunk]) -> list[_Cut]:
    """Possible gutters; those with the most lines beside each other first."""
    em = usual_size(chunks)
    titles = find_titles(chunks)
    found = [cut for x in _left_edges(chunks, em) for cut in _cuts_at(chunks, x, em, titles)]
    found = [cut for cut in found if cut.lines >= _FEWEST]
    found.sort(key=lambda cut: -cut.lines)
    return found[:_CANDIDATES]


def _left_edges(chunks: Sequence[Chunk], em: float) -> list[float]:
    """Where at least three chunks begin that have something to their left; the most frequent."""
    start = min(chunk.x0 for chunk in chunks)
    counts: dict[int, list[float]] = {}
    for chunk in chunks:
        if chunk.x0 > start + 3 * em:
            counts.setdefault(round(chunk.x0 / (0.5 * em)), []).append(chunk.x0)
    merged: dict[int, list[float]] = {}
    for place, found in counts.items():
        merged[place] = [*found, *counts.get(place + 1, ())]
    frequent = sorted(
        (p for p in merged if len(merged[p]) >= _FEWEST), key=lambda p: -len(merged[p])
    )
    return [min(merged[place]) for place in frequent[:_CANDIDATES]]


def _cuts_at(chunks: Sequence[Chunk], x: float, em: float, titles: list[float]) -> list[_Cut]:
    """The runs of lines that a gutter ending at `x` parts."""
    gutter = x - _GUTTER_EM * em
    over = [c.y for c in chunks if c.x0 < x - 0.5 and c.x1 > gutter and c.text.strip()]
    crossing = sorted([*over, *titles], reverse=True)
    edges = [float("inf"), *crossing, float("-inf")]
    cuts = []
    ordered = sorted(chunks, key=lambda chunk: -chunk.y)
    heights = [-chunk.y for chunk in ordered]
    for high, low in itertools.pairwise(edges):
        first = bisect_right(heights, _ROW_EM * em - high)
        inside = ordered[first : bisect_left(heights, -_ROW_EM * em - low)]
        left = [c for c in inside if c.x1 <= gutter]
        right = [c for c in inside if c.x0 >= x - 0.5]
        if len(left) < _FEWEST or len(right) < _FEWEST:
            continue
        band = {id(c) for c in _beside(left, right, em)}
        left = [c for c in left if id(c) in band]
        right = [c for c in right if id(c) in band]
        if len(left) < _FEWEST or len(right) < _FEWEST:
            continue
        top, bottom = max(c.y for c in (*left, *right)), min(c.y for c in (*left, *right))
        rest = [c for c in ordered if id(c) not in band]
        above = [c for c in rest if c.y >= (top + bottom) / 2]
        below = [c for c in rest if c.y < (top + bottom) / 2]
        shared = min(len(_baselines(left, em)), len(_baselines(right, em)))
        cuts.append(_Cut(above, left, right, below, shared))
    return cuts


def _beside(left: list[Chunk], right: list[Chunk], em: float) -> list[Chunk]:
    """Both sides without what stands apart above or below, where the other side has nothing."""
    top = min(max(c.y for c in left), max(c.y for c in right))
    bottom = max(min(c.y for c in left), min(c.y for c in right))
    kept = []
    for side in (left, right):
        heights = _baselines(side, em)
        pitch = _usual_pitch(heights, em)
        high, low = top + 0.5 * em, bottom - 0.5 * em
        for y in sorted(heights):  # upwards, from line to line
            if y > high and y - high < 1.9 * pitch:
                high = y
        for y in sorted(heights, reverse=True):
            if y < low and low - y < 1.9 * pitch:
                low = y
        kept += [c for c in side if low - 0.5 * em <= c.y <= high + 0.5 * em]
    return kept


def _baselines(chunks: Sequence[Chunk], em: float) -> list[float]:
    """The baselines of the lines, from top to bottom."""
    found: list[float] = []
    for y in sorted((chunk.y for chunk in chunks), reverse=True):
        if not found or found[-1] - y > 0.6 * em:
            found.append(y)
    return found


def _usual_pitch(baselines: Sequence[float], em: float) -> float:
    steps = sorted(a - b for a, b in itertools.pairwise(baselines))
    return steps[len(steps) // 2] if steps else 1.2 * em


def _judge(cut: _Cut) -> str:
    """ "columns", "no", or "unsure"."""
    em = usual_size([*cut.left, *cut.right])
    left, right = _side(_near(cut.left, em, -1), em), _side(_near(cut.right, em, 0), em)
    if min(left.lines, right.lines) < _FEWEST:
        return "no"
    in_turn = _painted_in_turn(cut)
    if not in_turn and (_has_cells(cut.left, em) or _has_cells(cut.right, em)):
        return "no"
    prose = _is_prose(left) and _is_prose(right)
    if prose and not _rows_agree(left, right):
        return "columns"
    lettered = min(left.letters, right.letters) >= 0.55
    if in_turn and lettered and min(left.words, right.words) >= 1.3:
        plain = max(left.broken, right.broken) < 0.3
        if min(left.lines, right.lines) >= 5 and (plain or prose):
            return "columns"
    even = min(left.lines, right.lines) >= 0.6 * max(left.lines, right.lines)
    # Three ragged columns are a table, with cells of several lines too.
    cells = max(_gap_share(cut.left, em), _gap_share(cut.right, em)) > 1 / 3
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
        pitches=pitches,
    )


def _has_gap(row: list[Chunk], em: float) -> bool:
    return len(_parts(row, em)) > 1


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


def _painted_in_turn(cut: _Cut) -> bool:
    """Whether the page paints one side before the other."""
    order = sorted([(c.number, 0) for c in cut.left] + [(c.number, 1) for c in cut.right])
    changes = sum(a[1] != b[1] for a, b in itertools.pairwise(order))
    return changes <= max(1, min(len(cut.left), len(cut.right)) // 8)
