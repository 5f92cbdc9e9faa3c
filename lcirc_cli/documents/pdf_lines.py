"""Builds the lines of a region of a PDF page from its chunks: what stands on one baseline, from
left to right, raised and lowered characters and drop capitals where they belong.

Knows nothing about columns, tables or pdfium.
"""

from __future__ import annotations

import itertools
import re
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from lcirc_cli.documents.pdf_chunks import WORD_GAP_EM, Chunk
from lcirc_cli.documents.pdf_scripts import lowered, raised

_ROW_EM = 0.35  # baselines so near are one line
_SMALL = 0.9  # of the height of the letter before: raised or lowered characters
_DROP = 1.7  # times the height of the text: a capital that hangs over more than one line
_CELL_GAP_EM = 0.9
_TOUCH_EM = 0.12
_IN_TURN_EM = 0.6  # the most that a character is lowered or raised that is painted after its base
_LONGEST_CHAIN = 4  # raised characters that are drawn one by one
_CROWD = 1_000  # chunks around one: no page of text has so many


@dataclass(slots=True)
class Line:
    """The chunks of one line, from left to right."""

    chunks: list[Chunk]
    y: float  # the baseline of its largest letters
    size: float
    raised: dict[int, list[Chunk]] = field(default_factory=dict)  # after chunks[i]; -1: before all
    lowered: dict[int, list[Chunk]] = field(default_factory=dict)

    @property
    def x0(self) -> float:
        """Its left end."""
        return self.chunks[0].x0

    @property
    def x1(self) -> float:
        """Its right end."""
        return max(chunk.x1 for chunk in self.chunks)


@dataclass(slots=True)
class Cell:
    """A part of a line, between two wide gaps."""

    text: str
    x0: float
    x1: float


def usual_size(chunks: Sequence[Chunk]) -> float:
    """The letter height of most of the text; 0 without any."""
    counts: dict[float, int] = defaultdict(int)
    for chunk in chunks:
        counts[round(chunk.size, 1)] += len(chunk.text)
    return max(counts, key=counts.__getitem__) if counts else 0.0


def lines_of(chunks: Sequence[Chunk]) -> list[Line]:
    """The lines of a region, from top to bottom."""
    usual = usual_size(chunks)
    scripts, bases = _scripts(chunks, usual)
    drops = [c for c in bases if c.size > _DROP * usual and len(c.text) <= 2]
    plain = [c for c in bases if c not in drops] if drops else bases
    if not plain:
        plain, drops = bases, []
    lines = _rows(plain)
    for drop in drops:
        _hang(drop, lines)
    for chunk, base, up in scripts:
        _attach(chunk, base, up, lines)
    lines.sort(key=lambda line: -line.y)
    return lines


def _rows(chunks: Sequence[Chunk]) -> list[Line]:
    lines: list[Line] = []
    for chunk in sorted(chunks, key=lambda chunk: -chunk.y):
        for line in reversed(lines[-4:]):
            near = abs(line.y - chunk.y) <= _ROW_EM * min(line.size, chunk.size)
            if near and not _covers(line, chunk):
                line.chunks.append(chunk)
                if chunk.size > line.size:
                    line.y, line.size = chunk.y, chunk.size
                break
        else:
            lines.append(Line([chunk], chunk.y, chunk.size))
    for line in lines:
        line.chunks.sort(key=lambda chunk: (chunk.x0, chunk.number))
    return lines


def _covers(line: Line, chunk: Chunk) -> bool:
    """Whether the chunk would lie on another of the line, on a baseline of its own."""
    if abs(line.y - chunk.y) <= 0.12 * chunk.size:
        return False
    width = max(chunk.x1 - chunk.x0, 0.1)
    return any(min(c.x1, chunk.x1) - max(c.x0, chunk.x0) > 0.5 * width for c in line.chunks)


def _scripts(
    chunks: Sequence[Chunk], usual: float
) -> tuple[list[tuple[Chunk, Chunk, bool]], list[Chunk]]:
    """(raised or lowered chunk, its neighbour on the line, raised?) for each, and all others."""
    if len({round(c.size, 1) for c in chunks}) < 2 and not _may_rise(chunks):
        return [], list(chunks)
    ordered = sorted(chunks, key=lambda chunk: chunk.y)
    heights = [chunk.y for chunk in ordered]
    found: dict[int, tuple[Chunk, Chunk, bool]] = {}
    for chunk in chunks:
        if len(chunk.text) > (3 if chunk.size > _SMALL * usual else 24):
            continue
        low = bisect_left(heights, chunk.y - 1.1 * usual)
        high = bisect_right(heights, chunk.y + 0.8 * usual)
        if high - low > _CROWD:
            continue
        best: tuple[float, Chunk, bool] | None = None
        for base in ordered[low:high]:
            up = _rise(chunk, base)
            if up is not None and (best is None or up[0] < best[0]):
                best = (up[0], base, up[1])
        if best is not None:
            found[id(chunk)] = (chunk, best[1], best[2])
    for _ in range(_LONGEST_CHAIN):  # a mark on a mark stands beside the same letter
        for key, (chunk, base, _up) in list(found.items()):
            below = found.get(id(base))
            if below is not None and below[1] is chunk:
                del found[key]
            elif below is not None:
                found[key] = (chunk, below[1], below[2])
    for key, (_, base, _up) in list(found.items()):
        if id(base) in found:
            del found[key]
    return list(found.values()), [c for c in chunks if id(c) not in found]


def _may_rise(chunks: Sequence[Chunk]) -> bool:
    """Whether there are single characters that may be raised without being smaller."""
    return any(len(chunk.text) <= 3 for chunk in chunks)


def _rise(chunk: Chunk, base: Chunk) -> tuple[float, bool] | None:
    """(distance, raised?) where the chunk is a script beside `base`, or None."""
    if chunk is base or base.size <= 0:
        return None
    offset = (chunk.y - base.y) / base.size
    small = chunk.size <= _SMALL * base.size
    same_row = abs(offset) < 0.04
    after, before = chunk.x0 - base.x1, base.x0 - chunk.x1
    em = base.size
    in_turn = small and chunk.number == base.number + 1 and abs(after) < _TOUCH_EM * em
    if in_turn and 0.08 <= abs(offset) <= _IN_TURN_EM:  # on the line below something may be as near
        return (0.0, offset > 0)
    if not small and not (
        len(chunk.text) <= 3 and 0.25 <= offset <= 0.6 and chunk.size <= 1.02 * base.size
    ):
        return None
    if same_row or not (0.12 <= offset <= 0.75 or -0.45 <= offset <= -0.08):
        return None
    if -0.25 * em <= after <= 0.35 * em and chunk.x1 > base.x1 - 0.1 * em:
        return (abs(after), offset > 0)
    if small and offset > 0 and -0.1 * em <= before <= 0.6 * em:  # a footnote's own mark
        return (abs(before) + em, True)
    return None


def _attach(chunk: Chunk, base: Chunk, up: bool, lines: Sequence[Line]) -> None:
    for line in lines:
        if base in line.chunks:
            at = line.chunks.index(base)
            if chunk.x1 <= base.x0 + 0.1 * base.size:
                at -= 1
            (line.raised if up else line.lowered).setdefault(at, []).append(chunk)
            return
    line = min(lines, key=lambda line: abs(line.y - chunk.y))
    line.chunks.append(chunk)
    line.chunks.sort(key=lambda chunk: chunk.x0)


def _hang(drop: Chunk, lines: list[Line]) -> None:
    """Put a drop capital before the first of the lines that it hangs beside."""
    beside = [
        line
        for line in lines
        if line.x0 >= drop.x1 - 0.3 * line.size
        and line.x0 - drop.x1 < 1.5 * line.size
        and drop.y - 0.3 * line.size <= line.y <= drop.top
    ]
    if not beside:
        lines.append(Line([drop], drop.y, drop.size))
        return
    first = max(beside, key=lambda line: line.y)
    gap = first.x0 - drop.x1
    word = drop.text in ("A", "I", "O") and gap > 0.3 * first.size
    first.chunks[0].spaced = word
    first.chunks.insert(
        0, Chunk(drop.text, drop.x0, first.x0 - 0.01, first.y, first.size, False, 0)
    )


def footnote_marks(lines: Sequence[Line]) -> frozenset[str]:
    """The marks with which small lines of a page, or lines with a raised number, begin."""
    if not lines:
        return frozenset()
    usual = usual_size([chunk for line in lines for chunk in line.chunks])
    marks = set()
    for line in lines:
        if -1 in line.raised:
            marks.add("".join(chunk.text for chunk in line.raised[-1]).strip())
        elif line.size <= 0.92 * usual:
            mark = re.match(r"(\d{1,3}|[a-z])[.):]? +\S", line.chunks[0].text)
            if mark:
                marks.add(mark[1])
    return frozenset(marks)


def cells_of(line: Line, notes: frozenset[str] = frozenset()) -> list[Cell]:
    """The parts of a line between wide gaps; one for running text."""
    cells: list[Cell] = []
    text, start, end = _scripted(line, -1, "", notes), line.x0, line.x0
    if text:
        text += " "
    for at, chunk in enumerate(line.chunks):
        gap = chunk.x0 - end
        wide = gap > _CELL_GAP_EM * line.size and not _in_leader(text, chunk.text)
        if at and (chunk.filled or wide):
            cells.append(Cell(text.strip(), start, end))
            text, start = "", chunk.x0
        elif text and (chunk.spaced or gap > WORD_GAP_EM * min(chunk.size, line.size)):
            text += " "
        text += chunk.text
        end = max(end, chunk.x1)
        text += _scripted(line, at, text, notes)
        for script in (*line.raised.get(at, ()), *line.lowered.get(at, ())):
            end = max(end, script.x1)
    cells.append(Cell(text.strip(), start, end))
    return cells


def _in_leader(before: str, after: str) -> bool:
    """Whether a gap lies in, before or after a row of dots that leads to a number."""
    return not after.strip(" ._…") or before.endswith(("..", ". .", "__"))


def _scripted(line: Line, at: int, before: str, notes: frozenset[str]) -> str:
    """The scripts after a chunk, as they are written."""
    if _over_slash(line, at):
        mark = _marks(line.raised[at])
        return mark if not before or before[-1].isspace() or before[-1] in "([" else f" {mark}"
    added = ""
    for chunks, write in ((line.lowered.get(at), None), (line.raised.get(at), raised)):
        if not chunks:
            continue
        mark = _marks(chunks)
        text = before + added
        added += lowered(text, mark) if write is None else raised(text, mark, notes=notes)
    return added


def _over_slash(line: Line, at: int) -> bool:
    """Whether the raised characters are the upper part of a fraction whose lower part is small."""
    slash = line.chunks[at + 1] if at + 1 < len(line.chunks) else None
    if at in line.lowered or at not in line.raised or slash is None or slash.text[0] not in "/⁄":
        return False
    if len(slash.text) > 1:
        return slash.size <= _SMALL * line.size
    under = line.chunks[at + 2] if at + 2 < len(line.chunks) else None
    return at + 1 in line.lowered or (under is not None and under.size <= _SMALL * line.size)


def _marks(chunks: list[Chunk]) -> str:
    ordered = sorted(chunks, key=lambda chunk: chunk.x0)
    text = ordered[0].text
    for before, chunk in itertools.pairwise(ordered):
        wide = chunk.spaced or chunk.x0 - before.x1 > 0.25 * chunk.size
        text += f" {chunk.text}" if wide else chunk.text
    return text
