"""Tells which letters of a page can't be read because their font has no table of characters.

For such a font pdfium gives the glyph's number in the font. It is the letter's own code in many old
files, and means nothing in others. Knows nothing about pages or pdfium.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from lcirc_cli.documents.pdf_glyphs import Flags, Glyphs

# Where TeX's fonts have their ligatures.
_LIGATURES = {
    **dict(zip("\x0b\x0c\x0d\x0e\x0f", ("ff", "fi", "fl", "ffi", "ffl"), strict=True)),
    **dict(zip("\x1b\x1c\x1d\x1e\x1f", ("ff", "fi", "fl", "ffi", "ffl"), strict=True)),
}
_UNREADABLE = re.compile("[\x00-\x1f\x7f-\x9f\ufffd\ue000-\uf8ff]")
_FEW = 12  # letters; fewer don't show whether they are words
_VOWELS = frozenset("aeiouäöüéèêáíóúAEIOUÄÖÜÉ")
_VOWEL_SHARE = (0.22, 0.6)


def readable(directions: Sequence[Glyphs]) -> tuple[list[Glyphs], int, int]:
    """The glyphs that can be read, how many can't, and how many there were."""
    total = sum(map(len, directions))
    odd = [text for glyphs in directions if glyphs.odd.any() for text in _odd_texts(glyphs)]
    plain = any(_UNREADABLE.search(t) for glyphs in directions for t in set(glyphs.texts))
    if not odd and not plain:
        return list(directions), 0, total
    trusted = _are_words(odd)
    kept, lost = [], 0
    for glyphs in directions:
        good = _mended(glyphs, trusted)
        lost += len(glyphs) - len(good)
        kept.append(good)
    return [glyphs for glyphs in kept if len(glyphs)], lost, total


def _odd_texts(glyphs: Glyphs) -> list[str]:
    return [glyphs.texts[i] for i in np.flatnonzero(glyphs.odd).tolist()]


def _are_words(texts: Sequence[str]) -> bool:
    """Whether glyph numbers look like letters of words that were written with them."""
    letters = [t for t in texts if t.isascii() and t.isalpha()]
    if sum(not t.isascii() for t in texts) > 0.5 * len(texts):
        return False
    if len(letters) < _FEW:
        return True
    if len(letters) < 0.5 * len(texts):
        return False
    low, high = _VOWEL_SHARE
    vowels = sum(t in _VOWELS for t in letters) / len(letters)
    upper = sum(t.isupper() for t in letters) / len(letters)
    return low <= vowels <= high and (upper < 0.5 or upper > 0.9)


def _mended(glyphs: Glyphs, trusted: bool) -> Glyphs:
    """Without the glyphs that can't be read; TeX's ligatures among readable letters are spelt."""
    keep = np.ones(len(glyphs), np.bool_)
    texts = list(glyphs.texts)
    odd: Flags = glyphs.odd
    for i, text in enumerate(texts):
        if odd[i] and trusted and text in _LIGATURES and _between_letters(texts, i):
            texts[i] = _LIGATURES[text]
        elif (odd[i] and (not trusted or ord(text[0]) > 0xFF)) or _UNREADABLE.match(text):
            keep[i] = False
    changed = Glyphs(
        texts, glyphs.x, glyphs.y, glyphs.left, glyphs.right, glyphs.size, glyphs.spaced, odd
    )
    return changed.pick(keep)


def _between_letters(texts: Sequence[str], i: int) -> bool:
    return any(0 <= j < len(texts) and texts[j].isalpha() for j in (i - 1, i + 1))
