"""When pages are read from their picture (OCR), and by which version of what.

The models come with the extra `ocr`; nothing is fetched. Knows nothing about pictures: a child
process reads them (`ocr_engine.py`).
"""

from __future__ import annotations

import importlib.metadata
import os
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from lcirc_cli.errors import UsageError

MODES = ("auto", "off", "all")
UNSURE = 0.95  # mean confidence of a page's letters; a page below it is named: docs/results/ocr.md
GET_IT = "pip install 'lcirc[ocr]'"
UNREAD = "unread"  # pages show something that was not read

_LIBRARIES = ("rapidocr", "onnxruntime")
SIDE = 65_535  # of a page, in the unit of a word's box

Word = tuple[str, int, int, int, int]  # text, left, top, right, bottom in parts of `SIDE`


class Scan(NamedTuple):
    """A page that was read from its picture: its words in the order of reading, for marks."""

    number: int  # of the page, from 1
    words: tuple[Word, ...]


@cache
def version() -> str:
    """What reads pictures here; "" where the extra is missing."""
    try:
        return " ".join(f"{name} {importlib.metadata.version(name)}" for name in _LIBRARIES)
    except importlib.metadata.PackageNotFoundError:
        return ""


def engine(mode: str) -> str:
    """What reads pictures under a mode: its version, "" where nothing does.

    Raises:
        UsageError: no such mode, or all pages are to be read so and the extra is missing.
    """
    if mode not in MODES:
        raise UsageError(f"ocr must be one of {', '.join(MODES)}, not {mode!r}")
    if mode == "all" and not version():
        raise UsageError(f"--ocr all needs an extra: {GET_IT}")
    return "" if mode == "off" else version()


def remedy(mode: str) -> str:
    """How to have pictures read, after "run OCR first"."""
    return "or leave out --ocr off" if mode == "off" and version() else f"or: {GET_IT}"


def mark(mode: str, *, wanted: bool) -> str:
    """What a document keeps of how its pictures were read; another one is read again.

    Args:
        wanted: whether there was anything to read so, or all pages were to be.
    """
    if not wanted:
        return ""
    found = engine(mode)
    return f"{mode}: {found}" if found else UNREAD


def is_read_so(format: str, made: str, mode: str) -> bool:
    """Whether a document that was read with the mark `made` would be read the same today."""
    if format not in ("pdf", "picture"):
        return True
    wanted = bool(made) or mode == "all"
    return made == mark(mode, wanted=wanted)


def threads() -> int:
    """Threads of the engine: as many as torch takes, by OMP_NUM_THREADS or by the cores."""
    given = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    if given.isascii() and given.isdigit() and int(given):
        return min(int(given), MOST_THREADS)
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # macOS, Windows
        cores = os.cpu_count() or 1
    return max(1, min(cores, MOST_THREADS))


MOST_THREADS = 8  # more don't make a line of text faster, and each takes address space


def scan_of(message: Mapping[str, Any]) -> Scan:
    """The words of a page as the child process tells them."""
    words: Sequence[Sequence[Any]] = message["words"]
    return Scan(
        message["page"],
        tuple((str(text), *(min(max(int(s), 0), SIDE) for s in box)) for text, *box in words),  # type: ignore[misc]
    )
