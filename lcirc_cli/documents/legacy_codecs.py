"""Decodes bytes in an older encoding as browsers do, where Python's codecs know less.

Pages in EUC-JP, ISO-2022-JP, Big5 and GBK hold characters that their vendors added, and files in
Windows-1252 hold words that were pasted in UTF-8. Only bytes that mean nothing become U+FFFD.
Knows nothing about which encoding a text is in.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable

# In Windows-1252 these are runs such as "â€™" that no text has: a curly quote in UTF-8. Sequences
# that words can hold by chance are not taken: "CAFÉ”" (C9 94), "allé…”" (E9 85 94).
EMBEDDED_UTF8 = re.compile(
    rb"[\xc3-\xdf][\x80-\xbf](?:[\xc3-\xdf][\x80-\xbf]){2,}"
    rb"|(?:[\xe3-\xed][\x80-\xbf]{2}){2,}"
    rb"|\xc2[\xa0-\xbf]|\xc3[\x9f-\xbf]|(?<![A-Z\xc0-\xde])\xc3[\x80-\x9e]"
    rb"|\xe2[\x80-\x84\x86-\x8b][\x80-\xbf]|\xef(?:\xbb\xbf|\xac[\x80-\x86])|\xf0\x9f[\x80-\xbf]{2}"
)
# What Microsoft's tables, and so browsers, read where Python's Japanese codecs differ.
_AS_MICROSOFT = str.maketrans("\u301c\u2016\u2212\u00a2\u00a3\u00ac", "\uff5e\u2225\uff0d￠￡￢")
_ESCAPES = re.compile(rb"\x1b(\([BJI]|\$[@B]|\$\(D)")


def decode_legacy(data: bytes, encoding: str) -> tuple[str, int]:
    """The characters of `data`, and how many of them were found written in UTF-8."""
    if encoding == "iso2022_jp":
        return _iso_2022_jp(data), 0
    if encoding == "cp1252":
        return _windows(data)
    text = data.decode(encoding, _HANDLERS.get(encoding, "replace"))
    return (text.translate(_AS_MICROSOFT) if encoding == "euc_jp" else text), 0


def _windows(data: bytes) -> tuple[str, int]:
    pieces: list[str] = []
    at = count = 0
    for found in EMBEDDED_UTF8.finditer(data):
        try:
            embedded = found[0].decode("utf-8")
        except UnicodeDecodeError:
            continue
        pieces += [data[at : found.start()].decode("cp1252", "replace"), embedded]
        at, count = found.end(), count + len(embedded)
    return "".join(pieces) + data[at:].decode("cp1252", "replace"), count


def _iso_2022_jp(data: bytes) -> str:
    """Each stretch between two escape sequences in the set that the sequence before it names."""
    pieces = _ESCAPES.split(data)
    text = [pieces[0].decode("ascii", "replace")]
    for escape, stretch in zip(pieces[1::2], pieces[2::2], strict=True):
        if escape[:1] == b"(" and escape != b"(I":
            text.append(stretch.decode("ascii", "replace"))
            continue
        for line in re.split(rb"([\r\n]+)", stretch):  # a line's end ends the set's characters
            if line[:1] in (b"\r", b"\n"):
                text.append(line.decode("ascii"))
                continue
            high = bytes(byte | 0x80 if byte > 0x20 else byte for byte in line)
            if escape == b"(I":
                text.append(high.decode("cp932", "replace"))
            else:
                if escape == b"$(D":
                    high = b"".join(b"\x8f" + high[i : i + 2] for i in range(0, len(high), 2))
                text.append(decode_legacy(high, "euc_jp")[0])
    return "".join(text)


def _handler(mend: Callable[[bytes], str | None], length: int) -> Callable[..., tuple[str, int]]:
    """An error handler that reads the next `length` bytes with `mend`, or replaces what is bad."""

    def handle(error: UnicodeError) -> tuple[str, int]:
        if not isinstance(error, UnicodeDecodeError):
            raise error
        mended = mend(bytes(error.object[error.start : error.start + length]))
        if mended is not None:
            return mended, error.start + length
        return "\ufffd", error.end

    return handle


def _row_of_euc(pair: bytes) -> str | None:
    """A character of JIS X 0208 with the rows that NEC and IBM added, by way of Shift JIS."""
    if len(pair) < 2 or min(pair) < 0xA1 or max(pair) > 0xFE:
        return None
    row, cell = pair[0] - 0xA1, pair[1] - 0xA1
    first = row // 2 + (0x81 if row < 62 else 0xC1)
    second = cell + 0x9F if row % 2 else cell + 0x40 + (cell >= 63)
    return _strictly(bytes((first, second)), "cp932")


def _strictly(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return None


_HANDLERS = {"euc_jp": "lcirc-euc-jp", "big5hkscs": "lcirc-big5", "gb18030": "lcirc-gbk"}
codecs.register_error("lcirc-euc-jp", _handler(_row_of_euc, 2))
codecs.register_error(
    "lcirc-big5", _handler(lambda pair: _strictly(pair, "cp950") if len(pair) == 2 else None, 2)
)
codecs.register_error("lcirc-gbk", _handler(lambda byte: "€" if byte == b"\x80" else None, 1))
