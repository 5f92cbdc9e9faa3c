"""Numbers as lists write them: 7, g, G, vii, VII.

Knows nothing about formats.
"""

from __future__ import annotations

_ROMAN = (
    *((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc")),
    *((50, "l"), (40, "xl"), (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i")),
)
_MAX_ROMAN = 3999
_MAX_LETTERS = 1_000_000


def numeral(number: int, style: str) -> str:
    """`number` in a style of HTML's lists: "1", "a", "A", "i" or "I".

    Numbers that a style can't write, such as zero in letters, are written in digits.
    """
    if style in ("a", "A") and 0 < number <= _MAX_LETTERS:
        written = _letters(number)
    elif style in ("i", "I") and 0 < number <= _MAX_ROMAN:
        written = _roman(number)
    else:
        return str(number)
    return written.upper() if style.isupper() else written


def _letters(number: int) -> str:
    """a to z, then aa, ab, ..."""
    letters = ""
    while number > 0:
        number, rest = divmod(number - 1, 26)
        letters = chr(ord("a") + rest) + letters
    return letters


def _roman(number: int) -> str:
    written = ""
    for value, letters in _ROMAN:
        count, number = divmod(number, value)
        written += letters * count
    return written
