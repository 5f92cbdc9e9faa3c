"""Quotes of pages that were read from their pictures, marked where they stand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from lcirc_cli.documents import read_document
from lcirc_cli.documents.ocr_marks import letters_of_words
from lcirc_cli.documents.pdf_marks import find
from lcirc_cli.serve.pictures import Pictures

from ..documents.scanned import Box
from ..documents.test_ocr import needs_ocr, save, small
from .conftest import Served


def shared(one: Sequence[float], other: Sequence[float]) -> float:
    """The area of both over that of either."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    both = max(width, 0.0) * max(height, 0.0)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return both / (sum(areas) - both)


def test_the_letters_of_words_are_found_in_their_order() -> None:
    words = [("Two", 0, 0, 300, 100), ("boats.", 400, 0, 1000, 100), ("Two", 0, 200, 300, 300)]
    letters = letters_of_words(words)
    unit = 65_535
    assert find(letters, "boats") == [(400 / unit, 0.0, 900 / unit, 100 / unit)]
    (second,) = find(letters, "Two", before="Two boats. ")
    assert second == (0.0, 200 / unit, 300 / unit, 300 / unit)
    assert len(find(letters, "boats. Two")) == 2  # on two lines
    assert find(letters, "sails") == []


@needs_ocr
def test_each_line_of_a_scan_is_marked_where_it_was_drawn(tmp_path: Path) -> None:
    page = small("columns")
    document = read_document(save(tmp_path / "scan.png", [page]))
    words = document.scans[0].words
    pictures = Pictures()
    try:
        found: list[tuple[float, str]] = []
        for line, box in page.places:
            at = document.text.index(line) if line in document.text else 0
            before = document.text[:at]
            boxes = pictures.boxes(tmp_path / "scan.png", 1, [(line, before)], words=words)[0]
            found.append((_best(box, boxes), line))
    finally:
        pictures.close()
    assert sum(share > 0.4 for share, _ in found) >= 0.95 * len(found), found


def _best(box: Box, boxes: list[list[float]]) -> float:
    return max((shared(box, each) for each in boxes), default=0.0)


@needs_ocr
@pytest.mark.allow_hosts(["127.0.0.1"])
def test_a_picture_that_was_dropped_in_is_shown_with_marks(served: Served, tmp_path: Path) -> None:
    data = save(tmp_path / "scan.png", [small("few")]).read_bytes()
    with served.client() as client:
        id = served.upload(client, "scan.png", data)["memory"]
        base = f"/api/memories/{id}/documents/0"
        page = client.get(f"{base}/page", params={"parts": "0-20"}).json()
        assert page["page"] == 1 and page["picture"] and page["boxes"]
        picture = client.get(f"{base}/picture?page=1")
        assert picture.content.startswith(b"\x89PNG")
