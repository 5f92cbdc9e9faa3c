"""Turns the bytes of a text into characters, and says so when they were not UTF-8.

Knows nothing about formats; control characters and surrogates are `cleaning`'s part.
"""

from __future__ import annotations

import codecs

_BOMS = (  # longest first: the UTF-32 mark begins with the UTF-16 one
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SAMPLE = 1 << 16


def decode_text(data: bytes) -> tuple[str, list[str]]:
    """The characters of `data`, and notes about its encoding; never fails.

    In this order: a byte order mark, UTF-8, UTF-16 without a mark, Windows-1252 (Latin-1).
    """
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return _with_mark(data, encoding)
    try:
        return data.decode("utf-8"), []
    except UnicodeDecodeError as error:
        bad = error
    encoding = _guess(data)
    text = data.decode(encoding, "replace")
    return text, [f"not UTF-8 (byte {bad.start:,}); read as {encoding}"]


def _with_mark(data: bytes, encoding: str) -> tuple[str, list[str]]:
    text = data.decode(encoding, "replace")
    broken = text.count("\ufffd")
    notes = [] if encoding == "utf-8-sig" else [f"read as {encoding.upper()}"]
    if broken:
        notes.append(f"{broken:,} character(s) not valid in {encoding}, replaced")
    return text, notes


def _guess(data: bytes) -> str:
    return looks_like_utf16(data) or "cp1252"


def looks_like_utf16(data: bytes) -> str | None:
    """`utf-16-le` or `utf-16-be` if the zero bytes of `data` lie as in Latin text, else None."""
    sample = data[:_SAMPLE]
    half = len(sample) // 2
    if half < 2:
        return None
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    if odd > 0.4 * half and even < 0.05 * half:
        return "utf-16-le"
    if even > 0.4 * half and odd < 0.05 * half:
        return "utf-16-be"
    return None
