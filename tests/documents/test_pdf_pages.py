"""Pages whose text was written down by hand from their pictures: all numbers right, 99 words in 100
in order.

`pages/` holds small files that reportlab, fpdf2 and matplotlib made; the others are real documents
under LCIRC_DATA, of which a part of the page is compared.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import pytest

from lcirc_cli.documents.pdf_pdfium import PdfiumReader
from lcirc_cli.documents.reflow import Reflow

HERE = Path(__file__).resolve().parent
TRUTH: list[dict[str, Any]] = json.loads((HERE / "pages.json").read_text("utf-8"))
ANCHOR = 3  # words by which the part that was written down is found


def name(entry: dict[str, Any]) -> str:
    return f"{Path(entry.get('file') or entry['data']).stem}-{entry['page']}"


def words(text: str) -> list[str]:
    """Without the dots that lead to a number."""
    found = unicodedata.normalize("NFC", text).split()
    return [word for word in found if set(word) - set(".…")]


def part(page: list[str], truth: list[str]) -> list[str]:
    """What stands on the page from the first words of the truth to its last ones."""
    first, last = truth[:ANCHOR], truth[-ANCHOR:]
    starts = [i for i in range(len(page)) if page[i : i + ANCHOR] == first]
    ends = [i + ANCHOR for i in range(len(page)) if page[i : i + ANCHOR] == last]
    start = starts[0] if starts else 0
    end = next((end for end in ends if end >= start + ANCHOR), len(page))
    return page[start:end]


def numbers(found: list[str]) -> list[str]:
    return [word for word in found if re.search(r"\d", word)]


def compared(path: Path, entry: dict[str, Any]) -> tuple[list[str], list[str]]:
    """(words found, words written down) of a page."""
    reflow = Reflow()
    reflow.add(PdfiumReader(path, "").page(entry["page"])["text"])
    truth, page = words(entry["text"]), words(reflow.pages()[0])
    return (page if "file" in entry else part(page, truth)), truth


def entries() -> Iterator[Any]:
    for entry in TRUTH:
        yield pytest.param(entry, id=name(entry))


def test_thirty_pages() -> None:
    assert len(TRUTH) >= 30 and len({name(entry) for entry in TRUTH}) == len(TRUTH)


@pytest.mark.parametrize("entry", entries())
def test_a_page_that_was_written_down_by_hand(
    entry: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    if "file" in entry:
        path = HERE / entry["file"]
    else:
        path = request.getfixturevalue("data_dir") / entry["data"]
    found, truth = compared(path, entry)
    assert numbers(found) == numbers(truth)
    assert SequenceMatcher(None, truth, found, autojunk=False).ratio() >= 0.99
