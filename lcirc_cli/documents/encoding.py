"""Turns the bytes of a text into characters, and says so when they were not UTF-8.

The guess among older encodings is a small set of rules, not a language model: Western European,
Cyrillic, Greek, Hebrew, Arabic, Thai, Japanese, Korean and Chinese texts come out right, others may
not, so the note names the encoding. Knows nothing about formats; control characters and surrogates
are `cleaning`'s part.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable

from lcirc_cli.documents.alphabets import alphabet_of
from lcirc_cli.documents.encoding_labels import codec_of
from lcirc_cli.documents.legacy_codecs import EMBEDDED_UTF8, decode_legacy

_BOMS = (  # longest first: the UTF-32 mark begins with the UTF-16 one
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SEVEN_BIT = ("iso2022", "hz", "iso-2022")
_SAMPLE_BYTES = 1 << 16
_RUN_SHARE = 0.5  # of the bytes above 127, those beside another: less means accents among ASCII
_HIGH_BYTE = re.compile(rb"[\x80-\xff]")
_HIGH_RUN = re.compile(rb"[\x80-\xff]{2,}")
_HIGH = re.compile(r"[^\x00-\x7f]")
# In a line without a character of UTF-8: what a damage leaves of one, and no letters or signs of
# Windows-1252 but rare ones.
_LEFT_OF_UTF8 = re.compile(
    rb"[\xc2\xc3\x81\x8d\x8f\x90\x9d]|[\x80-\xbf]{2}|[\xe0-\xf4][\x80-\xbf]?\Z"
)
_CONTINUATION = bytes(range(0x80, 0xC0))
_KANA = re.compile(r"[\u3040-\u30ff]")
_HANGUL = re.compile(r"[\uac00-\ud7a3]")


def decode_text(data: bytes, *, declared: str | None = None) -> tuple[str, list[str]]:
    """The characters of `data`, and notes about its encoding; never fails.

    In this order: a byte order mark, UTF-8, the encoding that the format `declared` (HTML), UTF-16
    and UTF-32 without a mark, UTF-8 with damages, older encodings, Windows-1252. A page that is
    declared as UTF-8 and is none is guessed like one that declares nothing.
    """
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return _decode(data, encoding, "" if encoding == "utf-8-sig" else encoding)
    codec = codec_of(declared) if declared else None
    if codec and codec.startswith(_SEVEN_BIT):
        return _decode(data, codec, codec)  # its bytes are valid UTF-8 as well
    wide = looks_like_wide(data)
    if wide:
        return _decode(data, wide, wide)
    try:
        return data.decode("utf-8", "surrogatepass"), []  # `cleaning` tells of surrogates
    except UnicodeDecodeError as error:
        bad = error.start
    if codec and codec != "utf-8":
        return _decode(data, codec, codec)
    sample = data[max(0, bad - 1024) : bad + _SAMPLE_BYTES]
    if _is_damaged_utf8(sample):
        return _damaged_utf8(data)
    encoding = _guess(sample)
    return _decode(data, encoding, encoding)


def looks_like_wide(data: bytes) -> str | None:
    """The UTF-16 or UTF-32 codec if zero bytes lie as in Latin text without a mark, else None."""
    sample = data[: _SAMPLE_BYTES & ~3]
    if len(sample) < 8:
        return None
    zeros = [sample[offset::4].count(0) / (len(sample) / 4) for offset in range(4)]
    full, empty = 0.9, 0.05
    if min(zeros[1:]) > full and zeros[0] < empty:
        return "utf-32-le"
    if min(zeros[:3]) > full and zeros[3] < empty:
        return "utf-32-be"
    if min(zeros[1], zeros[3]) > 0.4 and max(zeros[0], zeros[2]) < empty:
        return "utf-16-le"
    if min(zeros[0], zeros[2]) > 0.4 and max(zeros[1], zeros[3]) < empty:
        return "utf-16-be"
    return None


def _decode(data: bytes, encoding: str, shown: str) -> tuple[str, list[str]]:
    notes = [f"read as {shown}"] if shown else []
    if encoding.startswith("utf"):
        text = data.decode(encoding, "replace")
        broken = text.count("\ufffd") - data.count("\ufffd".encode(encoding))
    else:
        text, embedded = decode_legacy(data, encoding)
        broken = text.count("\ufffd")
        if embedded:
            notes.append(
                f"{embedded:,} character{'' if embedded == 1 else 's'} in it read as utf-8"
            )
    if broken > 0:
        plural = "" if broken == 1 else "s"
        notes.append(f"{broken:,} damaged character{plural} ({encoding}) replaced")
    return text, notes


def _damaged_utf8(data: bytes) -> tuple[str, list[str]]:
    """UTF-8 with damages; lines that were pasted from Windows-1252 are read as that."""
    pieces: list[str] = []
    broken = windows = 0
    for line in data.splitlines(keepends=True):
        text = line.decode("utf-8", "replace")
        bad = text.count("\ufffd") - line.count("\ufffd".encode())
        if bad and not _LEFT_OF_UTF8.search(line) and line.decode("utf-8", "ignore").isascii():
            text = line.decode("cp1252")
            windows += len(_HIGH.findall(text))
        else:
            broken += bad
        pieces.append(text)
    counts = ((windows, "in it read as cp1252"), (broken, "(utf-8) replaced"))
    kinds = ("character", "damaged character")
    notes = [
        f"{count:,} {kind}{'' if count == 1 else 's'} {what}"
        for kind, (count, what) in zip(kinds, counts, strict=True)
        if count
    ]
    return "".join(pieces), notes


def _is_damaged_utf8(sample: bytes) -> bool:
    """At least as many good characters above 127 as bad ones: other encodings have next to none."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    text = decoder.decode(sample.lstrip(_CONTINUATION))  # the sample may begin inside a character
    broken = text.count("\ufffd")
    return len(_HIGH.findall(text)) - broken >= max(1, broken)


def _guess(sample: bytes) -> str:
    """The likeliest of the older encodings, judged by a sample around the first high byte."""
    own = EMBEDDED_UTF8.sub(b"", sample)  # lines pasted from UTF-8 say nothing about the rest
    high = len(_HIGH_BYTE.findall(own))
    in_runs = sum(len(run) for run in _HIGH_RUN.findall(own))
    if in_runs >= _RUN_SHARE * high:
        if alphabet := alphabet_of(own, sure=True):
            return alphabet
        for encoding, share, wanted in _CANDIDATES:
            text = _strictly(sample, encoding)
            if text is not None and share(text) >= wanted:
                return encoding
        return alphabet_of(own, sure=False) or "cp1252"
    return "cp1252"


def _strictly(data: bytes, encoding: str) -> str | None:
    """`data` decoded, or None; a character that is cut at the end is forgiven."""
    try:
        return codecs.getincrementaldecoder(encoding)("strict").decode(data)
    except UnicodeDecodeError:
        return None


def _share(pattern: re.Pattern[str]) -> Callable[[str], float]:
    return lambda text: len(pattern.findall(text)) / max(1, len(_HIGH.findall(text)))


def _common_chinese(encoding: str, first: int, last: int) -> Callable[[str], float]:
    """Share of the characters whose first byte lies among the common ones of the encoding."""

    def share(text: str) -> float:
        high = _HIGH.findall(text)
        codes = [character.encode(encoding, "ignore") for character in high]
        return sum(len(c) == 2 and first <= c[0] <= last for c in codes) / max(1, len(high))

    return share


_CANDIDATES: tuple[tuple[str, Callable[[str], float], float], ...] = (
    ("cp932", _share(_KANA), 0.2),  # Shift JIS
    ("euc_jp", _share(_KANA), 0.2),
    ("cp949", _share(_HANGUL), 0.9),
    ("gb18030", _common_chinese("gb2312", 0xB0, 0xD7), 0.6),
    ("big5", _common_chinese("big5", 0xA4, 0xC6), 0.6),
)
