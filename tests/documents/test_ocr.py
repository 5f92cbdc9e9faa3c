"""Pages that are read from their pictures: drawn pages of known text, limits, and what is told."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from lcirc_cli.documents import Document, ReadLimits, child, ocr, read_document
from lcirc_cli.documents import pdf as pdf_reading
from lcirc_cli.documents.kept_pages import KeptPages
from lcirc_cli.errors import DocumentError, UsageError

from . import scanned
from .raw_pdf import text_pdf

needs_ocr = pytest.mark.skipif(
    not ocr.version(), reason="needs the extra ocr: pip install 'lcirc[ocr]'"
)
MOST_ERRORS = 0.03  # of the characters
SMALL: dict[str, Any] = {"size": (300, 200), "points": 8.0}  # points: a page of a few lines


def small(kind: str, *, start: int = 3, dpi: int = 150) -> scanned.Scanned:
    about = {**SMALL, "size": (180, 110)} if kind == "few" else SMALL
    return scanned.page(kind, font="DejaVuSans", dpi=dpi, start=start, **about)


def save(path: Path, pages: list[scanned.Scanned]) -> Path:
    first, *others = [page.image for page in pages]
    if path.suffix == ".pdf":
        path.write_bytes(scanned.as_pdf(pages))
    elif others:
        first.save(path, save_all=True, append_images=others, dpi=(pages[0].dpi,) * 2)
    else:
        first.save(path, dpi=(pages[0].dpi,) * 2)
    return path


def mixed(path: Path, scan: scanned.Scanned) -> Path:
    """A page with letters, one that is a picture, and a blank one."""
    from pypdf import PdfReader, PdfWriter

    writer = PdfWriter()
    written = PdfReader(io.BytesIO(text_pdf(["A page with letters of its own.", ""]))).pages
    for page in (written[0], PdfReader(io.BytesIO(scanned.as_pdf([scan]))).pages[0], written[1]):
        writer.add_page(page)
    writer.write(path)
    return path


def text_of(document: Document, number: int) -> str:
    page = next(page for page in document.pages if page.number == number)
    return document.text[page.start : page.end]


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the extra were missing."""
    monkeypatch.setattr(ocr, "version", lambda: "")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """The pages that children are asked for, a list each time."""
    found: list[list[int]] = []
    send = child.ChildProcess.send

    def noted(self: Any, message: dict[str, Any], data: bytes = b"") -> None:
        if "pages" in message:
            found.append(message["pages"])
        send(self, message, data)

    monkeypatch.setattr(child.ChildProcess, "send", noted)
    return found


@needs_ocr
def test_a_picture_of_several_pages_is_read_in_order(tmp_path: Path) -> None:
    pages = [small(kind) for kind in ("columns", "table", "skewed")]
    document = read_document(save(tmp_path / "scan.tiff", pages))
    assert (document.format, document.page_count) == ("picture", 3)
    assert document.ocr == f"auto: {ocr.version()}"
    assert document.notes == ("pages 1-3: read from the picture (OCR)",)
    found = [scanned.errors(text_of(document, n), p.text) for n, p in enumerate(pages, start=1)]
    assert sum(found) <= MOST_ERRORS * sum(len(page.text) for page in pages), found
    row = next(line for line in pages[1].rows if line[2] in document.text)
    assert "\t".join(row) in text_of(document, 2)  # a row on a line, its cells apart
    for scan, page in zip(document.scans, pages, strict=True):
        said = " ".join(text for text, *_ in scan.words)
        assert scanned.errors(said, page.text) <= MOST_ERRORS * len(page.text)


@needs_ocr
@pytest.mark.slow
@pytest.mark.timeout(3_600)
def test_thirty_pages(tmp_path: Path) -> None:
    wrong = total = 0
    for page in scanned.thirty():
        found = scanned.errors(read_document(save(tmp_path / "a.pdf", [page])).text, page.text)
        assert found <= MOST_ERRORS * len(page.text), (page.kind, page.font, page.dpi)
        wrong, total = wrong + found, total + len(page.text)
    assert wrong <= MOST_ERRORS * total


@needs_ocr
def test_only_pages_without_letters_are_read_so(tmp_path: Path, asked: list[list[int]]) -> None:
    scan = small("few", dpi=300)
    path = mixed(tmp_path / "mixed.pdf", scan)
    seen: list[tuple[int, int]] = []
    document = read_document(path, watch=lambda *step: seen.append(step), keep=tmp_path / "kept")
    assert text_of(document, 1) == "A page with letters of its own."
    assert scanned.errors(text_of(document, 2), scan.text) <= MOST_ERRORS * len(scan.text)
    assert document.notes == ("page 2: read from the picture (OCR)",)
    assert (document.empty_pages, [scan.number for scan in document.scans]) == ((3,), [2])
    assert seen == [(1, 3), (2, 3), (3, 3)]

    again = read_document(path, keep=tmp_path / "kept")  # of a run that was killed
    assert again == document
    assert asked == [[1, 2, 3], [1, 3]]


def test_what_a_killed_run_left_of_a_page_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ocr, "version", lambda: "rapidocr 3 onnxruntime 1")
    pages = [{"page": n, "text": "x", "ocr": 0.9, "words": [["x", 0, 0, 9, 9]]} for n in (1, 2, 3)]

    def kept(sha256: str = "a", mode: str = "auto") -> KeptPages:
        return KeptPages(tmp_path / "kept", sha256=sha256, mode=mode)

    for page in pages[:2]:
        kept().add(page)
    (file,) = (tmp_path / "kept").iterdir()
    file.write_bytes(file.read_bytes()[:-20])  # in the midst of a line
    assert kept().pages == {1: pages[0]}
    kept().add(pages[2])
    assert kept().pages == {1: pages[0], 3: pages[2]}
    assert kept(sha256="b").pages == kept(mode="all").pages == {}
    kept().add({**pages[1], "words": [["x", 0, 0, 9, 70_000]]})  # of a stranger
    assert kept().pages.keys() == {1, 3}


@needs_ocr
def test_all_pages_are_read_so_where_that_is_asked(tmp_path: Path) -> None:
    path = tmp_path / "book.pdf"
    path.write_bytes(text_pdf(["Every boat must leave the harbour before noon."]))
    assert read_document(path).ocr == ""
    document = read_document(path, ocr="all")
    assert document.text == "Every boat must leave the harbour before noon."
    assert document.ocr == f"all: {ocr.version()}" and document.scans


@needs_ocr
def test_a_page_on_its_side_is_turned(tmp_path: Path) -> None:
    page = small("plain")
    page.image.rotate(90, expand=True).save(tmp_path / "side.png")
    document = read_document(tmp_path / "side.png")
    assert scanned.errors(document.text, page.text) <= MOST_ERRORS * len(page.text)
    boxes = [box for _, *box in document.scans[0].words]
    assert all(bottom - top > right - left for left, top, right, bottom in boxes[:1])


@needs_ocr
@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (ReadLimits(ocr_page_seconds=0.2), "took longer than 0 s"),
        (ReadLimits(memory_bytes=300 << 20, ocr_memory_bytes=64 << 20), ""),
    ],
)
def test_limits_end_a_page_and_not_the_document(
    tmp_path: Path, limits: ReadLimits, reason: str
) -> None:
    path = mixed(tmp_path / "mixed.pdf", small("few", dpi=300))
    document = read_document(path, limits=limits)
    (note,) = document.notes
    assert note.startswith("page 2 can't be read (") and reason in note
    assert text_of(document, 1) == "A page with letters of its own."


@needs_ocr
def test_a_picture_of_too_many_pixels_is_not_unpacked(tmp_path: Path) -> None:
    Image.new("1", (20_000, 5_000)).save(tmp_path / "bomb.png")
    with pytest.raises(DocumentError, match=r"100,000,000 pixels; the limit is 80,000,000"):
        read_document(tmp_path / "bomb.png")


@needs_ocr
@pytest.mark.parametrize("mode", ["1", "L", "LA", "RGB", "RGBA", "P", "CMYK", "I;16"])
def test_pictures_of_every_kind_are_shown_in_colours_on_white(mode: str) -> None:
    from lcirc_cli.documents.picture import _as_shown

    image = Image.new("L", (40, 30), 255)
    image.paste(0, (0, 0, 20, 30))
    if mode == "I;16":
        image = Image.fromarray((__import__("numpy").asarray(image).astype("uint16")) * 257)
    shown = _as_shown(image if mode == "I;16" else image.convert(mode))
    assert shown.shape == (30, 40, 3)
    assert shown[15, 5].max() < 40 and shown[15, 35].min() > 215


@needs_ocr
def test_pages_without_text_and_damaged_pictures_are_told(tmp_path: Path) -> None:
    Image.new("L", (400, 300), 200).save(tmp_path / "grey.png")
    (tmp_path / "cut.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"0" * 40)
    for name, told in (
        ("grey.png", "grey.png: no text layer, and OCR finds no text in its pictures"),
        ("cut.png", "cut.png: damaged or no picture, try another copy"),
    ):
        with pytest.raises(DocumentError) as caught:
            read_document(tmp_path / name)
        assert str(caught.value).startswith(told)
        assert str(tmp_path) not in str(caught.value)  # which Pillow names


def test_without_the_extra_the_message_says_how_to_get_it(tmp_path: Path, without: None) -> None:
    page = small("plain")
    hint = "run OCR first, e.g. ocrmypdf, or: pip install 'lcirc[ocr]'"
    for name, told in (("scan.png", "is an image"), ("scan.pdf", "no text layer")):
        with pytest.raises(DocumentError) as caught:
            read_document(save(tmp_path / name, [page]))
        assert str(caught.value) == f"{name}: {told}; {hint}"
    document = read_document(mixed(tmp_path / "mixed.pdf", page))
    assert document.notes == ("page 2: no text layer; run OCR, or: pip install 'lcirc[ocr]'",)
    assert (document.empty_pages, document.ocr) == ((2, 3), ocr.UNREAD)
    with pytest.raises(UsageError, match="--ocr all needs an extra"):
        read_document(tmp_path / "mixed.pdf", ocr="all")


@needs_ocr
def test_what_is_switched_off_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="or leave out --ocr off"):
        read_document(save(tmp_path / "scan.png", [small("plain")]), ocr="off")
    with pytest.raises(UsageError, match="ocr must be one of auto, off, all"):
        read_document(tmp_path / "scan.png", ocr="some")


NOW = "rapidocr 3 onnxruntime 1"


@pytest.mark.parametrize(
    ("format", "made", "mode", "same"),
    [
        ("text", "", "all", True),  # has no pictures of pages
        ("pdf", "", "auto", True),  # nothing to read so
        ("pdf", "", "off", True),
        ("pdf", "", "all", False),
        ("pdf", f"auto: {NOW}", "auto", True),
        ("pdf", f"auto: {NOW}", "off", False),
        ("pdf", f"auto: {NOW}", "all", False),
        ("pdf", "auto: rapidocr 2 onnxruntime 1", "auto", False),
        ("pdf", ocr.UNREAD, "off", True),
        ("pdf", ocr.UNREAD, "auto", False),  # the extra came since
    ],
)
def test_when_a_document_is_read_again(
    monkeypatch: pytest.MonkeyPatch, format: str, made: str, mode: str, same: bool
) -> None:
    monkeypatch.setattr(ocr, "version", lambda: NOW)
    assert ocr.is_read_so(format, made, mode) is same


def test_threads_are_those_that_torch_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert ocr.threads() == 3
    monkeypatch.setenv("OMP_NUM_THREADS", "300")
    assert ocr.threads() == ocr.MOST_THREADS
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert 1 <= ocr.threads() <= ocr.MOST_THREADS


def test_few_letters_that_ocr_is_sure_of_make_a_page_doubtful() -> None:
    notes: Callable[[float], list[str]] = lambda sure: _notes({"ocr": sure})  # noqa: E731
    assert notes(0.97) == ["page 4: read from the picture (OCR)"]
    assert notes(0.93)[1].startswith("page 4: hard to read (OCR is less than 95% sure")


def _notes(about: dict[str, Any]) -> list[str]:
    notes = pdf_reading.PdfNotes()
    notes.page({"page": 4, "text": "x", "words": [["x", 0, 0, 1, 1]], **about})
    return notes.lines("")
