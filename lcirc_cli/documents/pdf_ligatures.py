"""The text of each glyph of a PDF page: one character, or several that one glyph shows.

Knows codes and texts only.
"""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from lcirc_cli.documents.pdf_math_fonts import NEGATION

MARKS = "\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f"  # stand on the letter before

_LAM, _ALEFS = "\u0644", frozenset("\u0622\u0623\u0625\u0627")


def texts_of(codes: NDArray[np.int64], piece: NDArray[np.bool_]) -> list[str]:
    """The character of each glyph; those of a ligature's pieces go to its first one."""
    texts = [chr(code) if code < 0x110000 else "\ufffd" for code in codes.tolist()]
    if not piece.any():
        return texts
    first = 0
    groups: dict[int, list[str]] = {}
    for i, more in enumerate(piece.tolist()):
        if not more:
            first = i
        else:
            groups.setdefault(first, [texts[first]]).append(texts[i])
    for first, parts in groups.items():
        texts[first] = _as_seen(parts)
    return texts


def _as_seen(parts: list[str]) -> str:
    """The letters of a ligature from left to right, as all other letters come.

    pdfium gives two letters of a right-to-left script in reading order, and longer ones, which a
    file gives as the text of a whole span, turned round once too often.
    """
    if parts[0] == NEGATION:
        parts = [*parts[1:], NEGATION]
    text = "".join(parts)
    if not any("\u0590" <= part <= "\u08ff" for part in parts):
        return text
    if len(parts) == 2 and _LAM in parts and _ALEFS.intersection(parts):
        return "".join(sorted(parts, key=_LAM.__eq__))  # lam-alef; alef-lam is no ligature
    if len(parts) > 2:
        text = text[::-1]
    return "".join(reversed(re.findall(f".[{MARKS}]*", text, re.DOTALL)))
