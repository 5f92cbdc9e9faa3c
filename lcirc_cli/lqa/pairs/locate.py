"""Where a quote stands in a document: its characters, so that text[start:end] is the quote.

A quote must be there word for word. What is forgiven is only what copying changes without
changing the words: line breaks and runs of spaces, and typographic quotes and dashes.
"""

from __future__ import annotations

import re

_MARKS = {
    '"': '"“”„«»″',
    "'": "'‘’‚′`",
    "-": "-‐‑‒–—−",
}
_CLASS = {char: f"[{re.escape(alike)}]" for alike in _MARKS.values() for char in alike}
_LONGEST = 20_000  # characters; a longer quote is looked for as it stands, in linear time
_EDGES = " \t\r\n\"“”„«»'‘’`"


def find_quote(text: str, quote: str, *, near: int) -> tuple[int, int] | None:
    """The characters of `text` that the quote copies, the occurrence nearest to `near`.

    Returns:
        (start, end), or None where the quote isn't there.
    """
    quote = quote.strip(_EDGES)
    if not quote:
        return None
    exact = _nearest(text, quote, near)
    if exact is not None:
        return exact, exact + len(quote)
    if len(quote) > _LONGEST:
        return None
    matches = list(re.finditer(_pattern(quote), text))
    if not matches:
        return None
    best = min(matches, key=lambda match: (abs(match.start() - near), match.start()))
    return best.start(), best.end()


def _nearest(text: str, quote: str, near: int) -> int | None:
    """The start of the exact occurrence nearest to `near`."""
    before = text.rfind(quote, 0, near + len(quote))
    after = text.find(quote, near)
    found = [start for start in (before, after) if start != -1]
    return min(found, key=lambda start: (abs(start - near), start), default=None)


def _pattern(quote: str) -> str:
    parts = []
    for piece in quote.split():
        parts.append("".join(_CLASS.get(char, re.escape(char)) for char in piece))
    return r"\s+".join(parts)


def words_of_document(text: str) -> str:
    """A document with its space made even, for `occurs`."""
    return " ".join(text.split()).casefold()


def occurs(even: str, phrase: str) -> bool:
    """Whether a phrase stands in a document, whatever its case and space.

    Args:
        even: the document as `words_of_document` gives it.
    """
    wanted = " ".join(phrase.split()).casefold().strip(_EDGES + ".,;:!?")
    return bool(wanted) and wanted in even
