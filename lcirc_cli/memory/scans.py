"""The words of pages that were read from their pictures, as parts of a `.lcirc` file.

    scan_words   U8  [bytes]   the words in UTF-8, a line break after each
    scan_boxes   U16 [W, 4]    left, top, right, bottom of each, in 1/65535 of the shown page

A document's record has `scans`, a list of [page, words, bytes] in order. They are read when a quote
is to be marked, a document at a time. Never imports torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lcirc_cli.documents.ocr import Scan
from lcirc_cli.memory.arrays import array_part, read_array
from lcirc_cli.memory.container import Container
from lcirc_cli.memory.writing import Part

_UTF8 = ("utf-8", "surrogatepass")
_PARTS = ("scan_words", "scan_boxes")

Place = tuple[int, int]  # words and bytes of the documents before


def _encoded(scan: Scan) -> bytes:
    return "".join(f"{' '.join(word.split())}\n" for word, *_ in scan.words).encode(*_UTF8)


def sizes_of_scans(scans: Sequence[Scan]) -> list[list[int]]:
    """What a document's record has of them."""
    return [[scan.number, len(scan.words), len(_encoded(scan))] for scan in scans]


def scan_parts(scans: Sequence[Scan]) -> list[Part]:
    """The parts of all documents; none where nothing was read from a picture."""
    if not scans:
        return []
    words = b"".join(map(_encoded, scans))
    boxes = [box for scan in scans for _, *box in scan.words]
    return [
        array_part("scan_words", np.frombuffer(words, np.uint8)),
        array_part("scan_boxes", np.array(boxes, np.uint16).reshape(len(boxes), 4)),
    ]


def after_scans(record: dict[str, Any], at: Place) -> Place:
    """Where the next document's begin.

    Raises:
        ValueError: the record says something else than three numbers a page.
    """
    sizes = record.get("scans") or []
    if any(len(each) != 3 for each in sizes):
        raise ValueError(f"the scans of {record['name']!r} are not page, words and bytes")
    return at[0] + sum(words for _, words, _ in sizes), at[1] + sum(size for *_, size in sizes)


def check_scans(container: Container, end: Place) -> None:
    """Raises ValueError where the documents don't fill the parts."""
    entries = container.entries
    found = [entries[name].shape if name in entries else None for name in _PARTS]
    if found != [None, None] and found != [(end[1],), (end[0], 4)]:
        raise ValueError("the documents don't fill the words of scanned pages")
    if found == [None, None] and end != (0, 0):
        raise ValueError("the words of scanned pages are missing")


def read_scans(container: Container, record: dict[str, Any], at: Place) -> tuple[Scan, ...]:
    """The scanned pages of a document."""
    found = []
    first, start = at
    with container.consistent():
        for number, count, size in record.get("scans") or ():
            words = read_array(container, "scan_words", dtype="U8", rows=(start, start + size))
            boxes = read_array(
                container, "scan_boxes", dtype="U16", dims=2, rows=(first, first + count)
            )
            texts = words.tobytes().decode(*_UTF8).split("\n")[:-1]
            if len(texts) != count:
                raise ValueError(f"the words of page {number:,} are more or fewer than their boxes")
            placed = zip(texts, boxes.tolist(), strict=True)
            found.append(Scan(number, tuple((text, *box) for text, box in placed)))
            first, start = first + count, start + size
    return tuple(found)
