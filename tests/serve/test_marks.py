"""Where quotes are marked on pictures of pages: of real PDFs, of turned ones and of columns.

What a box covers is read back from the PDF letter by letter, with the turning of pages computed
here once more.
"""

from __future__ import annotations

import functools
import io
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
from pypdf import PdfReader, PdfWriter

from lcirc_cli.documents import Document, parse_page_ranges, read_document
from lcirc_cli.documents.pdf_marks import letters_of
from lcirc_cli.evidence.passages import passage_ranges
from lcirc_cli.evidence.quotes import quotes
from lcirc_cli.evidence.running_text import RunningText
from lcirc_cli.serve.pictures import Pictures
from lcirc_cli.serve.problems import Problem

WORDS = """the harbour master wrote that every boat must leave before noon while storms gather over
northern hills and old bridges carry grain silver letters clocks maps bread lanterns""".split()


def turned(source: Path, target: Path, *, degrees: int, pages: int) -> Path:
    """The first pages of a PDF, shown with a quarter turn."""
    writer = PdfWriter()
    for page in PdfReader(source).pages[:pages]:
        writer.add_page(page.rotate(degrees))
    writer.write(target)
    return target


@functools.cache
def shown(path: Path, number: int) -> list[tuple[float, float, str]]:
    """Where the middle of each character is, as shares of the page as it is shown, and letters."""
    found = []
    with pypdfium2.PdfDocument(path) as pdf:
        page = pdf[number - 1]
        text, rotation = page.get_textpage(), page.get_rotation()
        left, bottom, right, top = page.get_bbox()
        width, height = right - left, top - bottom
        for at, character in enumerate(text.get_text_range(0, text.count_chars())):
            a, b, c, d = text.get_charbox(at)
            x, y = ((a + c) / 2 - left) / width, ((b + d) / 2 - bottom) / height
            turns = {0: (x, 1 - y), 90: (y, x), 180: (1 - x, y), 270: (1 - y, 1 - x)}
            found.append((*turns[rotation], letters_of(character)))
    return found


def under(path: Path, number: int, boxes: list[list[float]]) -> Counter[str]:
    """The letters whose middles lie in boxes."""
    found: Counter[str] = Counter()
    for x, y, letters in shown(path, number):
        if any(left <= x <= right and top <= y <= bottom for left, top, right, bottom in boxes):
            found.update(letters)
    return found


def marked_well(pictures: Pictures, path: Path, document: Document, parts: Any) -> tuple[bool, str]:
    """Whether the boxes of a quote hold all of its letters, and at most 5 % others."""
    held = other = wanted = 0
    for start, end in parts:
        for page in document.pages:
            a, b = max(start, page.start), min(end, page.end)
            if a >= b or page.number is None:
                continue
            text, before = document.text[a:b], document.text[page.start : a]
            boxes = pictures.boxes(path, page.number, [(text, before)])[0]
            got, own = under(path, page.number, boxes), Counter(letters_of(text))
            held += (got & own).total()
            other += (got - own).total()
            wanted += own.total()
    told = f"{path.name}: {held} of {wanted}, {other} others: {document.text[slice(*parts[0])]!r}"
    return wanted > 0 and held >= 0.99 * wanted and other <= 0.05 * wanted, told


def drawn(document: Document, count: int) -> list[Any]:
    """Parts of quotes of a document, drawn with a seed."""
    running = RunningText(document.text, document.pages, ())
    found = [
        quote.gone_on().parts
        for start, end in passage_ranges(document.text)
        for quote in [each for each in quotes(running, start, end) if not each.bare][:3]
    ]
    return random.Random(1).sample(found, count)


@pytest.fixture
def pictures() -> Any:
    made = Pictures()
    yield made
    made.close()


def test_quotes_of_a_page_in_columns_and_of_one_that_is_turned(
    data_dir: Path, repository: Path, tmp_path: Path, pictures: Pictures
) -> None:
    handbook = repository / "docs" / "handbook.pdf"
    for path, pages in (
        (turned(handbook, tmp_path / "turned.pdf", degrees=270, pages=9), "9"),
        (data_dir / "pdfs" / "tracemonkey.pdf", "2"),
    ):
        document = read_document(path, pages=parse_page_ranges(pages))
        for parts in drawn(document, 5):
            well, told = marked_well(pictures, path, document, parts)
            assert well, told


@pytest.mark.slow
def test_sixty_quotes_of_six_pdfs(
    data_dir: Path, repository: Path, tmp_path: Path, pictures: Pictures
) -> None:
    """One is turned, two are in columns."""
    real, handbook = data_dir / "pdfs", repository / "docs" / "handbook.pdf"
    files = [
        (handbook, None),
        (turned(handbook, tmp_path / "turned.pdf", degrees=90, pages=12), None),
        (real / "tracemonkey.pdf", None),
        (real / "multicolumn.pdf", None),
        (real / "R-intro.pdf", "8-40"),
        (real / "policy.pdf", None),
    ]
    results = []
    for path, pages in files:
        document = read_document(path, pages=parse_page_ranges(pages) if pages else None)
        results += [marked_well(pictures, path, document, each) for each in drawn(document, 10)]
    assert len(results) == 60
    assert sum(well for well, _ in results) >= 57, [told for well, told in results if not well]


def made(tmp_path: Path, *, columns: int = 1, degrees: int = 0) -> Path:
    """A page of running text, sentences of which come again and again."""
    from fpdf import FPDF

    pdf = FPDF()
    pdf.add_page()
    pdf.set_font("Helvetica", size=10)
    drawing = random.Random(3)
    sentences = []
    for number in range(14 * columns):
        words = " ".join(drawing.choice(WORDS) for _ in range(14))
        sentences += [f"Number {number} says {words}.", "This is said again."]
    with pdf.text_columns(ncols=columns, gutter=12, text_align="L") as area:
        area.write(" ".join(sentences))
    plain = tmp_path / f"{columns}.pdf"
    pdf.output(str(plain))
    return turned(plain, tmp_path / f"{columns}-{degrees}.pdf", degrees=degrees, pages=1)


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
@pytest.mark.parametrize("columns", [1, 2])
def test_sentences_of_pages_however_they_lie(
    tmp_path: Path, pictures: Pictures, columns: int, degrees: int
) -> None:
    path = made(tmp_path, columns=columns, degrees=degrees)
    document = read_document(path)
    for part in (f"Number {3 * columns} says", f"Number {9 * columns} says"):
        start = document.text.index(part)
        end = document.text.index(".", start) + 1
        well, told = marked_well(pictures, path, document, [(start, end)])
        assert well, told


def test_words_that_come_again_are_marked_where_they_are_quoted(
    tmp_path: Path, pictures: Pictures
) -> None:
    path = made(tmp_path)
    document = read_document(path)
    text, wanted = document.text, "This is said again."
    at = -1
    places = []
    while (at := text.find(wanted, at + 1)) >= 0:
        places.append(pictures.boxes(path, 1, [(wanted, text[:at])])[0])
    assert len({str(place) for place in places}) == len(places) == 14
    tops = [place[0][1] for place in places]
    assert tops == sorted(tops)


def test_what_is_not_on_the_page_is_not_marked(tmp_path: Path, pictures: Pictures) -> None:
    path = made(tmp_path)
    texts = [
        ("Nothing of this stands anywhere on it", ""),
        ("...", ""),
        ("", ""),
        ("q" * 9_000, ""),
    ]
    assert pictures.boxes(path, 1, texts) == [[], [], [], []]


def test_pictures_and_files_that_can_not_be_shown(tmp_path: Path, pictures: Pictures) -> None:
    from PIL import Image

    path = made(tmp_path)
    data = pictures.picture(path, 1)
    with Image.open(io.BytesIO(data)) as image:
        assert image.size[0] == pytest.approx(1_400, abs=2) and image.size[1] > 1_800
    assert pictures.picture(path, 1) is data  # kept
    broken = tmp_path / "broken.pdf"
    broken.write_bytes(b"%PDF-1.7 nothing")
    for wrong, page in ((path, 2), (path, 0), (broken, 1), (tmp_path / "none.pdf", 1)):
        with pytest.raises(Problem) as refusal:
            pictures.picture(wrong, page)
        assert str(tmp_path) not in str(refusal.value)
    pictures.forget(tmp_path)
    assert pictures.picture(path, 1) == data  # painted again


def test_a_page_that_breaks_its_child_costs_no_other(
    tmp_path: Path, pictures: Pictures, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = made(tmp_path)
    data = pictures.picture(path, 1)
    pictures.forget(tmp_path)
    pictures._child._process.kill()  # type: ignore[union-attr]
    with pytest.raises(Problem):
        pictures.picture(path, 1)
    assert pictures.picture(path, 1) == data
    monkeypatch.setattr("lcirc_cli.serve.pictures._SECONDS", 0.0)
    with pytest.raises(Problem):
        pictures.boxes(path, 1, [("Number", "")])
    monkeypatch.undo()
    assert pictures.boxes(path, 1, [("Number 3 says", "")]) != [[]]
