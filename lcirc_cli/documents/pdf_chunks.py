"""Puts the glyphs of a PDF page together into chunks: words that stand on one baseline, near each
other, in one letter height.

Spaces come from the file where it writes them, and from the gaps where it does not. Knows nothing
about lines, columns or pdfium.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

import numpy as np

from lcirc_cli.documents.pdf_glyphs import Flags, Floats, Glyphs
from lcirc_cli.documents.pdf_math_fonts import CIRCLE, NEGATION

WORD_GAP_EM = 0.13  # a wider gap between two letters is a space,
CHUNK_GAP_EM = 0.9  # and an even wider one may lie between two columns or cells
_BACK_EM = 0.35  # letters overlap by less
_BASELINE_EM = 0.06
_LOOSE_EM = 0.06  # letters that are set apart wider than this on purpose
_RTL = ("R", "AL")
ACCENTS = {
    "´": "\u0301", "`": "\u0300", "¨": "\u0308", "ˆ": "\u0302", "˜": "\u0303", "ˇ": "\u030c",
    "¸": "\u0327", "˚": "\u030a", "˘": "\u0306", "˝": "\u030b", "¯": "\u0304", "˙": "\u0307",
}  # fmt: skip


_PAINTED_OVER = {f"{CIRCLE}c": "©", f"{CIRCLE}C": "©", f"{CIRCLE}R": "®", f"{NEGATION}∈": "∉"}


@dataclass(slots=True, eq=False)
class Chunk:
    """Words on one baseline; lengths in points, y grows upwards."""

    text: str
    x0: float
    x1: float
    y: float  # the baseline
    size: float  # letter height
    spaced: bool  # a space is written before it
    number: int  # place in the order in which the page paints
    filled: bool = False  # what a form was filled with

    @property
    def top(self) -> float:
        """Where its capitals end, roughly."""
        return self.y + 0.72 * self.size


def chunks_of(glyphs: Glyphs) -> list[Chunk]:
    """The chunks of a page's glyphs, in the order in which they are painted."""
    if not len(glyphs):
        return []
    if any(is_rtl(text[0]) for text in set(glyphs.texts)):
        glyphs = _in_visual_order(glyphs)
    glyphs = _with_accents(glyphs)
    gap = np.zeros(len(glyphs))
    gap[1:] = glyphs.x[1:] - glyphs.right[:-1]
    breaks = _breaks(glyphs, gap)
    starts = np.flatnonzero(breaks)
    ends = np.append(starts[1:], len(glyphs))
    limits = _word_gaps(glyphs, gap, breaks)
    word = (glyphs.spaced | (gap > limits)) & ~breaks
    pieces = [f" {t}" if w else t for t, w in zip(glyphs.texts, word.tolist(), strict=True)]
    spaced = glyphs.spaced.tolist()
    left, right = glyphs.left.tolist(), glyphs.right.tolist()
    y, size = glyphs.y.tolist(), glyphs.size.tolist()
    return [
        Chunk("".join(pieces[a:b]), left[a], right[b - 1], y[a], size[a], spaced[a], number)
        for number, (a, b) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True))
    ]


def _breaks(glyphs: Glyphs, gap: Floats) -> Flags:
    """Where a chunk begins."""
    small = np.minimum(glyphs.size[1:], glyphs.size[:-1])
    found = np.ones(len(glyphs), np.bool_)
    found[1:] = np.abs(np.diff(glyphs.y)) > _BASELINE_EM * small
    found[1:] |= np.abs(glyphs.size[1:] / glyphs.size[:-1] - 1) > 0.04
    found[1:] |= gap[1:] > CHUNK_GAP_EM * small
    found[1:] |= gap[1:] < -_BACK_EM * small
    return found


def _word_gaps(glyphs: Glyphs, gap: Floats, breaks: Flags) -> Floats:
    """The gap above which a glyph begins a word; wider in a line whose letters are set apart."""
    limits = WORD_GAP_EM * glyphs.size
    loose = gap > _LOOSE_EM * glyphs.size
    if not loose.any():
        return limits
    letter = np.array([text[0].isalnum() for text in glyphs.texts])
    pair = ~breaks & ~glyphs.spaced & letter  # not the dots that lead to a number
    pair[1:] &= letter[:-1]
    numbers = np.cumsum(breaks) - 1
    pairs = np.bincount(numbers[pair], minlength=int(numbers[-1]) + 1)
    wide = np.bincount(numbers[pair & loose], minlength=len(pairs))
    starts = np.append(np.flatnonzero(breaks), len(glyphs))
    for chunk in np.flatnonzero((pairs > 3) & (wide > 0.6 * pairs)).tolist():
        members = slice(int(starts[chunk]) + 1, int(starts[chunk + 1]))
        usual = float(np.median(gap[members][pair[members]]))
        limits[members] = np.maximum(limits[members], 1.6 * usual + 0.08 * glyphs.size[members])
    return limits


def is_rtl(character: str) -> bool:
    """Whether it is a letter of a script that runs to the left."""
    return "\u0590" <= character <= "\ufefc" and unicodedata.bidirectional(character) in _RTL


def _in_visual_order(glyphs: Glyphs) -> Glyphs:
    """From left to right on each baseline, each mark with the letter that it stands on."""
    row, rows, last = 0, np.zeros(len(glyphs), np.int64), None
    for i in np.argsort(-glyphs.y, kind="stable").tolist():
        if last is not None and last - glyphs.y[i] > 0.3 * glyphs.size[i]:
            row += 1
        rows[i], last = row, glyphs.y[i]
    middle = (glyphs.left + glyphs.right) / 2
    ordered = glyphs.pick(np.lexsort((middle, rows)))
    texts = list(ordered.texts)
    keep = np.ones(len(texts), np.bool_)
    centre = ((ordered.left + ordered.right) / 2).tolist()
    for i, text in enumerate(texts):
        if unicodedata.category(text[0]) != "Mn":
            continue
        near = [j for j in (i - 2, i - 1, i + 1, i + 2) if 0 <= j < len(texts) and keep[j]]
        near = [j for j in near if unicodedata.category(texts[j][0]) != "Mn"]
        if near:
            base = min(near, key=lambda j: abs(centre[j] - centre[i]))
            texts[base] += text
            keep[i] = False
    spaced = ordered.spaced.copy()
    spaced[:] = False  # the order in which spaces were written is lost; the gaps tell
    return Glyphs(
        texts, ordered.x, ordered.y, ordered.left, ordered.right, ordered.size, spaced, ordered.odd
    ).pick(keep)


def _with_accents(glyphs: Glyphs) -> Glyphs:
    """An accent that is painted over its letter becomes one with it."""
    texts = glyphs.texts
    found = [i for i, text in enumerate(texts[:-1]) if _goes_over(text, texts[i + 1])]
    found = [i for i in found if _over(glyphs, i)]
    if not found:
        return glyphs
    texts, keep = list(texts), np.ones(len(texts), np.bool_)
    spaced, left = glyphs.spaced.copy(), glyphs.left.copy()
    for i in found:
        texts[i + 1] = _one_of(texts[i], texts[i + 1])
        spaced[i + 1] = spaced[i]
        keep[i] = False
    x = glyphs.x.copy()
    x[np.flatnonzero(~keep) + 1] = np.minimum(left, x)[np.flatnonzero(~keep) + 1]
    return Glyphs(
        texts, x, glyphs.y, glyphs.left, glyphs.right, glyphs.size, spaced, glyphs.odd
    ).pick(keep)


def _goes_over(mark: str, base: str) -> bool:
    if mark == NEGATION:
        return not base.isalnum()
    if mark == CIRCLE:
        return f"{mark}{base}" in _PAINTED_OVER
    return mark in ACCENTS and base.isalpha()


def _one_of(mark: str, base: str) -> str:
    """What a character with a mark over it is."""
    if mark in (NEGATION, CIRCLE):
        over = _PAINTED_OVER.get(f"{mark}{base}")
        return over or unicodedata.normalize("NFC", base + mark)
    return unicodedata.normalize("NFC", {"ı": "i", "ȷ": "j"}.get(base, base) + ACCENTS[mark])


def _over(glyphs: Glyphs, i: int) -> bool:
    shared = min(glyphs.right[i], glyphs.right[i + 1]) - max(glyphs.left[i], glyphs.left[i + 1])
    narrow = min(glyphs.right[i] - glyphs.left[i], glyphs.right[i + 1] - glyphs.left[i + 1])
    near = abs(glyphs.y[i] - glyphs.y[i + 1]) < 0.4 * glyphs.size[i]
    return bool(near and shared > 0.5 * narrow)
