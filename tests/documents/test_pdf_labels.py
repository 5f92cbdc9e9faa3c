"""PDF: the numbers that are printed on pages, beside the physical ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from lcirc_cli.documents import read_document
from lcirc_cli.documents.page_ranges import parse_page_ranges
from lcirc_cli.documents.pdf_notes import LABEL_LENGTH, label_of

from .raw_pdf import objects, show, stream, write


def labelled(tree: bytes, *, pages: int = 6) -> bytes:
    made = objects([stream(show(f"Page of the book: {n}")) for n in range(pages)])
    made[1] = b"<< /Type /Catalog /Pages 2 0 R %s >>" % tree
    return write(made)


def labels(path: Path, data: bytes, *, pages: str | None = None) -> dict[int | None, str | None]:
    path.write_bytes(data)
    read = read_document(path, pages=None if pages is None else parse_page_ranges(pages))
    return {page.number: page.label for page in read.pages}


TREE = b"/PageLabels << /Nums [0 << /S /r /St 3 >> 2 << /S /D >> 4 << /S /D /P (A-) /St 9 >>] >>"


def test_printed_numbers_are_read(tmp_path: Path) -> None:
    found = labels(tmp_path / "a.pdf", labelled(TREE))
    assert found == {1: "iii", 2: "iv", 3: "1", 4: "2", 5: "A-9", 6: "A-10"}
    assert labels(tmp_path / "a.pdf", labelled(TREE), pages="2,5") == {2: "iv", 5: "A-9"}


def test_a_file_without_them_has_none(tmp_path: Path) -> None:
    assert set(labels(tmp_path / "a.pdf", labelled(b"")).values()) == {None}


@pytest.mark.parametrize(
    ("prefix", "first"),
    [
        (b"(Part\\n\\r 2 )", "Part 2 1"),
        (b"<FEFF00410007005B00330031006D>", "A [31m1"),
        (b"<FEFF202E0041>", "A1"),  # right to left from here on
        (b"(%s)" % (b"x" * (LABEL_LENGTH - 1)), "x" * (LABEL_LENGTH - 1) + "1"),
        (b"(%s)" % (b"x" * LABEL_LENGTH), None),
        (b"(%s)" % (b"x" * 100_000), None),
    ],
)
def test_labels_of_strangers(prefix: bytes, first: str | None, tmp_path: Path) -> None:
    tree = b"/PageLabels << /Nums [0 << /S /D /P %s >>] >>" % prefix
    assert labels(tmp_path / "a.pdf", labelled(tree, pages=1)) == {1: first}


@pytest.mark.parametrize(
    "tree",
    [
        b"/PageLabels 7",
        b"/PageLabels << /Nums 7 >>",
        b"/PageLabels << /Nums [0 7] >>",
        b"/PageLabels << /Kids [1 0 R] >>",  # a tree that holds itself
        b"/PageLabels << /Nums [0 << /S /A /St 2000000000 >>] >>",
        b"/PageLabels << /Nums [0 << /S /R /St -5 >>] >>",
    ],
)
def test_a_damaged_table_costs_no_page(tree: bytes, tmp_path: Path) -> None:
    found = labels(tmp_path / "a.pdf", labelled(tree, pages=2))
    assert list(found) == [1, 2]
    assert all(label is None or len(label) <= LABEL_LENGTH for label in found.values())


def test_what_is_no_label() -> None:
    assert [label_of({}), label_of({"label": " \n"}), label_of({"label": "\x1b"})] == [None] * 3
    assert label_of({"label": "\ud800 7"}) == "? 7"
