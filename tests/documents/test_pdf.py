"""PDF: pages, ranges, passwords, pages that fail, and the messages of what is refused."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from pypdf import PdfReader, PdfWriter

from lcirc_cli.documents import Document, ReadLimits, parse_page_ranges, read_document
from lcirc_cli.errors import DocumentError, UsageError

from .raw_pdf import objects, show, stream, text_pdf, write

PAGES = ["The first page tells of boats.", "", "The third page tells of bread.", "Four.", "Five."]

CODED = bytes(range(128, 256))  # what no reader can decode


def save(folder: Path, data: bytes, name: str = "book.pdf") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def lock(data: bytes, password: str) -> bytes:
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(data)))
    writer.encrypt(password, algorithm="AES-256")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def refusal(path: Path, **options: object) -> str:
    with pytest.raises(DocumentError) as caught:
        read_document(path, **options)  # type: ignore[arg-type]
    message = str(caught.value)
    assert "\n" not in message and message.startswith(path.name)
    return message


def text_of(document: Document, number: int) -> str:
    page = next(page for page in document.pages if page.number == number)
    return document.text[page.start : page.end]


def test_pages_keep_their_physical_numbers(tmp_path: Path) -> None:
    document = read_document(save(tmp_path, text_pdf(PAGES)))
    assert (document.name, document.format, document.page_count) == ("book.pdf", "pdf", 5)
    assert document.empty_pages == (2,)
    assert [page.number for page in document.pages] == [1, 3, 4, 5]
    assert text_of(document, 3) == PAGES[2]
    assert document.notes == ()


def test_page_ranges_choose_pages(tmp_path: Path) -> None:
    path = save(tmp_path, text_pdf(PAGES, compress=True))
    document = read_document(path, pages=parse_page_ranges("4-, 1,1"))
    assert [page.number for page in document.pages] == [1, 4, 5]
    assert document.page_count == 5
    assert document.empty_pages == ()  # page 2 was not read


def test_a_range_outside_names_the_page_count(tmp_path: Path) -> None:
    path = save(tmp_path, text_pdf(PAGES))
    for ranges in ("6", "4-9", "7-"):
        with pytest.raises(
            UsageError, match=f"page range {ranges} is out of range; it has 5 pages"
        ):
            read_document(path, pages=parse_page_ranges(ranges))


def test_no_text_at_all_asks_for_ocr(tmp_path: Path) -> None:
    blank = save(tmp_path, text_pdf(["", ""]))
    assert refusal(blank) == "book.pdf: no text layer; run OCR first, e.g. ocrmypdf"
    mixed = save(tmp_path, text_pdf(PAGES))
    message = refusal(mixed, pages=parse_page_ranges("2"))
    assert message == "book.pdf: page 2: no text layer; run OCR first, e.g. ocrmypdf"


def test_no_pages(tmp_path: Path) -> None:
    assert "has no pages" in refusal(save(tmp_path, text_pdf([])))


def test_a_password_is_asked_for_only_where_one_is_needed(tmp_path: Path) -> None:
    def never() -> str:
        raise AssertionError("asked")

    open_file = save(tmp_path, text_pdf(PAGES))
    assert read_document(open_file, password=never).page_count == 5
    locked = save(tmp_path, lock(text_pdf(PAGES), "öffne dich"), "locked.pdf")
    answers = iter(["wrong", "öffne dich"])
    assert read_document(locked, password=lambda: next(answers)).page_count == 5
    assert read_document(locked, password="öffne dich").empty_pages == (2,)


def test_a_missing_or_wrong_password_says_how_to_give_one(tmp_path: Path) -> None:
    locked = save(tmp_path, lock(text_pdf(PAGES), "secret"))
    for password, what in ((None, "locked with a password"), ("no", "the password is wrong")):
        message = refusal(locked, password=password)
        assert what in message
        assert "--password-file FILE" in message and "LCIRC_PASSWORD" in message
    asked: list[str] = []

    def keep_guessing() -> str:
        asked.append("?")
        return "guess"

    assert "the password is wrong" in refusal(locked, password=keep_guessing)
    assert len(asked) == 3


def test_the_password_is_not_on_a_command_line(tmp_path: Path) -> None:
    if not Path("/proc/self/cmdline").exists():
        pytest.skip("needs /proc")
    locked = save(tmp_path, lock(text_pdf(PAGES), "secret-7731"))
    seen: list[bytes] = []

    def look() -> str:
        for process in Path("/proc").glob("[0-9]*"):
            try:
                parent = (process / "stat").read_text().rsplit(")", 1)[1].split()[1]
                if int(parent) == os.getpid():
                    seen.append((process / "cmdline").read_bytes())
                    seen.append((process / "environ").read_bytes())
            except OSError:
                continue
        return "secret-7731"

    assert read_document(locked, password=look).page_count == 5
    assert any(b"worker.py" in each for each in seen)
    assert not any(b"secret-7731" in each for each in seen)


def test_a_page_that_fails_is_reported_and_the_rest_is_read(tmp_path: Path) -> None:
    made = objects([stream(show(text)) for text in ("one", "two", "three")])
    made[7] = stream(CODED, b"/Filter /Unheard")
    document = read_document(save(tmp_path, write(made)))
    assert [page.number for page in document.pages] == [1, 3]
    (note,) = document.notes
    assert note.startswith("page 2 can't be read (")


def test_the_only_page_that_fails_is_named(tmp_path: Path) -> None:
    made = objects([stream(CODED, b"/Filter /Unheard"), stream(b"")])
    message = refusal(save(tmp_path, write(made)))
    assert "page 1 can't be read (" in message and "no other page holds text" in message


def test_too_much_text_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path, text_pdf(["x" * 600, "y" * 600]))
    assert "more than 1,000 characters" in refusal(path, limits=ReadLimits(characters=1000))


def test_damaged_files_say_so(tmp_path: Path) -> None:
    data = text_pdf(PAGES)
    for bad in (data[:300], b"%PDF-1.4\n", b"%PDF-1.7\n" + bytes(range(256)) * 20):
        assert "damaged or no PDF, try another copy (" in refusal(save(tmp_path, bad))


def test_words_of_composite_fonts_stay_apart(data_dir: Path) -> None:
    """pypdf alone joins half of this manual's words: its fonts have no space glyph."""
    document = read_document(data_dir / "pdfs" / "policy.pdf", pages=parse_page_ranges("30"))
    assert (
        "Source packages should specify which binary packages they require to be installed or "
        "not to be installed in order to build correctly." in document.text
    )
