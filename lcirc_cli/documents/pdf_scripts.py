"""Writes raised and lowered characters so that they can't be taken for others: `10^8`, `H_2O`,
`250 [9]`, but `1st`.

What `raised.py` has for all formats, and what a page's footnotes tell besides. Knows text only;
where the characters stood is known elsewhere.
"""

from __future__ import annotations

import re

from lcirc_cli.documents.raised import NOTE_NUMBERS, ORDINALS, UNIT, apart, note_mark

_ENDINGS = ORDINALS | {"d"}  # "2d"
_SYMBOLS = frozenset("*∗†‡§¶#$™®©℠°′″'\"")
_SIGNS = frozenset("+-−–±")
_MARKS = {"TM": "™", "SM": "℠", "R": "®"}
_UNIT = re.compile(rf"(?:^|[\d\s/·⋅.(\[×*µμ^_-]){UNIT}$")
_VARIABLE = re.compile(r"(?:^|[^^\W\d_])[^\W\d_]$")
_POWER_OF = re.compile(r"(?:^|[^\d.,])(?:10|2|e)$")
_TIMES = re.compile(r"[×x·⋅*∗]\s?\d+$")
_SHORT_BASE = re.compile(r"(?:^|[^\d.,])\d$|[=+×·⋅*/<>≤≥≈(−-]\s?\d{1,3}$")
_LAST = re.compile(r"[^\s]*$")


def raised(before: str, mark: str, *, notes: frozenset[str] = frozenset()) -> str:
    """What to write for `mark`, raised, after `before` on its line.

    `notes` are the marks with which footnotes of the page begin.
    """
    mark = mark.strip()
    if not before.strip() or not mark:
        return mark
    last = before[-1]
    if mark in _MARKS and last.isalnum():
        return _MARKS[mark]
    if all(c in _SYMBOLS or c in _SIGNS for c in mark):
        power = any(c in _SIGNS for c in mark) and not re.search(r"[^\W\d_]{3}$", before)
        return f"^{mark}" if power else mark
    if not any(map(str.isalnum, mark)):
        return f" {mark}"  # an arrow or a tick that stands a little higher
    if last.isdigit() and mark in ("o", "◦", "º"):
        return "°" if mark != "º" else mark
    if last.isdigit() and _is_ending(mark) and _may_be_ordinal(before, mark):
        return mark
    if _is_exponent(before, mark, notes):
        return f"^{mark}"
    if len(mark) > 12 or (" " in mark and not NOTE_NUMBERS.fullmatch(mark)):
        return apart(before, mark)
    return note_mark(before, mark)


def lowered(before: str, mark: str) -> str:
    """What to write for `mark`, lowered, after `before` on its line."""
    mark = mark.strip()
    if not before.strip() or not mark or not (before[-1].isalnum() or before[-1] in ")]}|"):
        return mark
    return f"_{mark}"


def _is_ending(mark: str) -> bool:
    return mark.removesuffix(".").lower() in _ENDINGS


def _may_be_ordinal(before: str, mark: str) -> bool:
    digits = re.search(r"(?<!\d)\d+$", before)
    assert digits is not None  # it ends in a digit
    if len(mark.rstrip(".")) > 1:
        return True
    whole = before[-len(digits[0]) - 1 : -len(digits[0])] not in (".", ",")
    return whole and mark.rstrip(".").lower() in "oaed" and len(digits[0]) <= 2


def _is_exponent(before: str, mark: str, notes: frozenset[str]) -> bool:
    match = _LAST.search(before)
    word = match[0] if match else before
    if mark[0] in _SIGNS or mark[-1] in _SIGNS:
        return True  # a sign: 10^-3, Ca^2+
    if word[-1:].isdigit():
        if not NOTE_NUMBERS.fullmatch(mark):
            return (not mark[0].isdigit() and len(mark) <= 3 and not mark.islower()) or mark == "n"
        if _TIMES.search(before) and _POWER_OF.search(word):
            return True
        if mark in notes or "," in mark:
            return False
        if re.search(r"_\d+$", word) or _POWER_OF.search(word):
            return True
        return bool(_SHORT_BASE.search(before))  # 5^2, but 250 [9]
    if word[-1:] in ")]}|":
        inner = re.search(r"\(([^()]*)\)$", before)
        return not (inner and re.search(r"[^\W\d_]{3}", inner[1])) and mark not in notes
    if NOTE_NUMBERS.fullmatch(mark) and mark in notes and not _UNIT.search(word):
        return False
    if _UNIT.search(before) or _UNIT.search(word):
        return True
    return bool(_VARIABLE.search(word)) and len(re.sub(r"[^\w]", "", word)) <= 2
