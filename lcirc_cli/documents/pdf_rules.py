"""The horizontal rules that a PDF page paints, and the fractions that they are the bars of.

Knows pdfium's page objects and chunks; nothing about lines or tables.
"""

from __future__ import annotations

import ctypes
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lcirc_cli.documents.pdf_chunks import Chunk

MOST_OBJECTS = 5_000  # of a page; a drawing with more says nothing about tables
_THIN = 2.0  # points: the height of a rule
_SHORTEST = 2.5
_BOX = 6.0  # points: a box as high has a rule above and one below
_AXIS_EM = 0.25  # a fraction's bar stands so high above the baseline
_WIDEST_EM = 12.0
_SCRIPT_EM = 0.45  # a fraction's sides may have powers and indices


@dataclass(frozen=True, slots=True)
class Rule:
    """A horizontal line; lengths in points, y grows upwards."""

    x0: float
    x1: float
    y: float
    edge: bool = False  # of a box


def read_rules(page: Any, *, rotation: int) -> list[Rule]:
    """The rules of a page that is shown turned by `rotation` quarter turns to the right."""
    import pypdfium2.raw as pdfium

    count = pdfium.FPDFPage_CountObjects(page)
    if count > MOST_OBJECTS:
        return []
    edges = [ctypes.c_float() for _ in range(4)]
    rules: list[Rule] = []
    for number in range(count):
        drawn = pdfium.FPDFPage_GetObject(page, number)
        if pdfium.FPDFPageObj_GetType(drawn) != pdfium.FPDF_PAGEOBJ_PATH:
            continue
        if not pdfium.FPDFPageObj_GetBounds(drawn, *edges):
            continue
        left, low, right, high = (edge.value for edge in edges)
        left, low, right, high = (
            (left, low, right, high),
            (low, -right, high, -left),
            (-right, -high, -left, -low),
            (-high, left, -low, right),
        )[rotation % 4]
        if right - left < _SHORTEST:
            continue
        if high - low <= _THIN:
            rules.append(Rule(left, right, (low + high) / 2))
        elif high - low >= _BOX:
            rules += [Rule(left, right, low, True), Rule(left, right, high, True)]
    return rules


def with_fractions(chunks: Sequence[Chunk], rules: Sequence[Rule], usual: float) -> list[Chunk]:
    """The chunks, those above and below a fraction's bar in one: `1/2`, `(a + b)/c`."""
    widest = _WIDEST_EM * usual
    short = [rule for rule in rules if not rule.edge and rule.x1 - rule.x0 <= widest]
    if not short or not usual:
        return list(chunks)
    found = sorted(chunks, key=lambda chunk: chunk.y)
    for rule in sorted(short, key=lambda rule: rule.x1 - rule.x0):
        heights = [chunk.y for chunk in found]
        near = found[
            bisect_left(heights, rule.y - 1.6 * usual) : bisect_right(heights, rule.y + 1.2 * usual)
        ]
        if made := _fraction(near, rule, usual):
            fraction, parts = made
            gone = {id(part) for part in parts}
            found = [chunk for chunk in found if id(chunk) not in gone]
            found.insert(bisect_left([chunk.y for chunk in found], fraction.y), fraction)
    return found


def _fraction(near: Sequence[Chunk], rule: Rule, usual: float) -> tuple[Chunk, list[Chunk]] | None:
    inside = [c for c in near if c.x0 >= rule.x0 - 0.15 * usual and c.x1 <= rule.x1 + 0.15 * usual]
    over = [c for c in inside if 0 < c.y - rule.y <= 0.75 * max(c.size, 0.7 * usual)]
    under = [c for c in inside if -1.2 * usual <= c.y - rule.y < -0.3 * c.size]
    if not over or not under:
        return None
    low, high = min(c.y for c in over), max(c.y for c in under)
    over = [c for c in over if c.y - low < _SCRIPT_EM * usual]
    under = [c for c in under if high - c.y < _SCRIPT_EM * usual]
    if not _centred(over, rule, usual) or not _centred(under, rule, usual):
        return None
    wide = max(c.x1 for c in (*over, *under)) - min(c.x0 for c in (*over, *under))
    baseline = rule.y - _AXIS_EM * usual
    beside = [
        c
        for c in near
        if abs(c.y - baseline) < 0.14 * usual
        and (-0.3 * usual < rule.x0 - c.x1 < usual or -0.3 * usual < c.x0 - rule.x1 < usual)
    ]
    if wide < 0.6 * (rule.x1 - rule.x0) or not beside:
        return None
    first = min((*over, *under), key=lambda c: c.number)
    spaced = first.spaced
    for c in beside:  # 2 1/2 is not 21/2
        if c.x0 > rule.x0:
            c.spaced = c.spaced or c.text[0].isalnum()
        else:
            spaced = spaced or c.text[-1].isalnum()
    text = f"{_side(over)}/{_side(under)}"
    size = max(c.size for c in beside)
    return (
        Chunk(text, rule.x0, rule.x1, beside[0].y, size, spaced, first.number),
        [*over, *under],
    )


def _centred(chunks: Sequence[Chunk], rule: Rule, usual: float) -> bool:
    """Whether the chunks stand on one line, their middle at the rule's."""
    if len(chunks) > 6:
        return False
    middle = (min(c.x0 for c in chunks) + max(c.x1 for c in chunks)) / 2
    return abs(middle - (rule.x0 + rule.x1) / 2) < 0.25 * usual


def _side(chunks: Sequence[Chunk]) -> str:
    """One side of a fraction, in brackets where it is more than a name or a number."""
    ordered = sorted(chunks, key=lambda chunk: chunk.x0)
    base = max(chunk.size for chunk in ordered)
    level = max(ordered, key=lambda chunk: (chunk.size, len(chunk.text))).y
    text = ""
    for at, chunk in enumerate(ordered):
        small = at and chunk.size < 0.9 * base
        sign = ("^" if chunk.y > level else "_") if small and abs(chunk.y - level) > 0.5 else ""
        text += f"{' ' if at and chunk.spaced and not sign else ''}{sign}{chunk.text}"
    simple = all(c.isalnum() or c in ".,_^" for c in text)
    return text if simple or (text[0] == "(" and text[-1] == ")") else f"({text})"
