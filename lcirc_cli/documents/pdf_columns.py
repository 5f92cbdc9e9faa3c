"""Finds the columns of a PDF page: which chunks are read before which.

A gutter is a strip that no chunk crosses over several lines; whether it parts columns is judged
elsewhere. Knows nothing about lines' texts, tables or pdfium.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field

from lcirc_cli.documents.pdf_chunks import Chunk, is_rtl
from lcirc_cli.documents.pdf_gutters import FEWEST, judge
from lcirc_cli.documents.pdf_lines import usual_size
from lcirc_cli.documents.pdf_titles import find_titles

_GUTTER_EM = 0.8  # the least width of a gutter
_CANDIDATES = 12
_NOTE_SHARE = 0.92  # of the usual letters: footnotes are smaller
_ROOM_EM = 2.4  # between baselines: an empty line
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


def find_columns(chunks: Sequence[Chunk]) -> Layout:
    """The regions of a page, each to be read line by line."""
    layout = Layout()
    _divide(list(chunks), layout, 0)
    return layout


def _divide(chunks: list[Chunk], layout: Layout, depth: int) -> None:
    if not chunks:
        return
    unsure = False
    for cut in _cuts(chunks) if depth < _DEPTH and len(chunks) >= 2 * FEWEST else ():
        verdict = judge(cut.left, cut.right)
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
    found = [cut for cut in found if cut.lines >= FEWEST]
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
        (p for p in merged if len(merged[p]) >= FEWEST), key=lambda p: -len(merged[p])
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
        runs = _runs(inside, em)
        while len(runs) > 1 and (ends := [run for run in (runs[0], runs[-1]) if _is_edge(run, x)]):
            runs.remove(ends[0])  # a head or foot at both sides
        inside = [chunk for run in runs for chunk in run]
        for run in (inside, *runs) if len(runs) > 1 else (inside,):
            left = [c for c in run if c.x1 <= gutter]
            right = [c for c in run if c.x0 >= x - 0.5]
            if cut := _cut(left, right, ordered, em, inside):
                cuts.append(cut)
    return cuts


def _runs(ordered: Sequence[Chunk], em: float) -> list[list[Chunk]]:
    """The parts of a strip that an empty line over its whole width holds apart."""
    found: list[list[Chunk]] = []
    for chunk in ordered:
        if found and found[-1][-1].y - chunk.y <= _ROOM_EM * em:
            found[-1].append(chunk)
        else:
            found.append([chunk])
    return found


def _is_edge(run: Sequence[Chunk], x: float) -> bool:
    """Whether a part is one line that has something on both sides of the gutter."""
    level = run[0].y - run[-1].y < 0.3 * run[0].size
    return level and any(c.x0 >= x - 0.5 for c in run) and any(c.x0 < x - 0.5 for c in run)


def _cut(
    left: list[Chunk],
    right: list[Chunk],
    ordered: Sequence[Chunk],
    em: float,
    inside: Sequence[Chunk],
) -> _Cut | None:
    if len(left) < FEWEST or len(right) < FEWEST:
        return None
    band = {id(c) for c in _beside(left, right, em)}
    left = [c for c in left if id(c) in band]
    right = [c for c in right if id(c) in band]
    if len(left) < FEWEST or len(right) < FEWEST:
        return None
    top, bottom = max(c.y for c in (*left, *right)), min(c.y for c in (*left, *right))
    # Footnotes of the left column stand below the last line of the right one.
    under = [c for c in inside if c.y < bottom and id(c) not in band]
    edge = max(c.x1 for c in left) + 0.5 * em
    if under and all(c.x1 <= edge and c.size <= _NOTE_SHARE * em for c in under):
        left, band = [*left, *under], band | {id(c) for c in under}
    rest = [c for c in ordered if id(c) not in band]
    above = [c for c in rest if c.y >= (top + bottom) / 2]
    below = [c for c in rest if c.y < (top + bottom) / 2]
    shared = min(len(_baselines(left, em)), len(_baselines(right, em)))
    return _Cut(above, left, right, below, shared)


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
