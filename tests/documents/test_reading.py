"""read_document and collect_sources: formats by content, folders, standard input, refusals."""

from __future__ import annotations

import hashlib
import io
import os
import sys
from pathlib import Path

import pytest

from lcirc_cli.documents import (
    Document,
    ReadLimits,
    collect_sources,
    parse_page_ranges,
    read_document,
)
from lcirc_cli.errors import DocumentError, UsageError

from .bad_inputs import docx, epub, page, paragraph, zipped
from .raw_pdf import text_pdf

SOUND = {
    "pdf": text_pdf(["A page of a PDF."]),
    "html": b"<!-- x --><!DOCTYPE HTML><h1>H</h1><p>Words.",
    "epub": epub({"a.xhtml": page("A", "<p>Words.</p>")}),
    "text": b"Words.",
}


def refusal(path: Path | str) -> str:
    with pytest.raises(DocumentError) as caught:
        read_document(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("suffix", [".pdf", ".txt", ".html", ".md", ".docx", ".dat", ""])
@pytest.mark.parametrize("format", ["pdf", "html", "epub"])
def test_what_a_file_holds_counts_more_than_its_name(
    format: str, suffix: str, tmp_path: Path
) -> None:
    path = tmp_path / f"file{suffix}"
    path.write_bytes(SOUND[format])
    document = read_document(path)
    assert document.format == format
    assert document.sha256 == hashlib.sha256(SOUND[format]).hexdigest()
    right = {".pdf": "pdf", ".html": "html", ".dat": format, "": format}.get(suffix)
    expected = () if right == format else (f"named {suffix}, but holds {format}; read as {format}",)
    assert document.notes == expected


def test_names_decide_between_kinds_of_text(tmp_path: Path) -> None:
    for name, format in (("a.md", "markdown"), ("a.txt", "text"), ("a.log", "text"), ("a", "text")):
        (tmp_path / name).write_bytes(b"# Heading\n\nWords.")
        assert read_document(tmp_path / name).format == format
    (tmp_path / "about.txt").write_bytes(b"A PDF file begins with the bytes %PDF-1.7, as a rule.")
    assert read_document(tmp_path / "about.txt").format == "text"


def test_junk_before_the_header_of_a_pdf(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(b"junk\n" * 200 + SOUND["pdf"])
    assert read_document(path).format == "pdf"


def test_other_zip_archives_are_named(tmp_path: Path) -> None:
    path = tmp_path / "a.docx"
    path.write_bytes(docx(paragraph("hello")))
    assert read_document(path).text == "hello"
    path.write_bytes(zipped({"xl/workbook.xml": "<a/>"}))
    assert "is an Excel workbook; save it as PDF or text" in refusal(path)
    path.write_bytes(zipped({"a.txt": "hello"}))
    assert "is a ZIP archive; unpack it and give the folder" in refusal(path)


def test_pages_of_something_without_pages(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"Words.")
    with pytest.raises(UsageError, match="only a PDF has pages to choose from"):
        read_document(tmp_path / "a.txt", pages=parse_page_ranges("1"))


def test_missing_files_and_folders(tmp_path: Path) -> None:
    assert "no such file; check the path" in refusal(tmp_path / "absent.pdf")
    assert "is a folder" in refusal(tmp_path)
    (tmp_path / "empty.pdf").write_bytes(b"")
    assert "is empty" in refusal(tmp_path / "empty.pdf")


def test_a_file_that_fails_while_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, *args: object, **kwargs: object) -> object:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "a.txt").write_bytes(b"Words.")
    monkeypatch.setattr(Path, "open", refuse)
    told = "a.txt: can't be opened (permission denied); check its permissions"
    assert refusal(tmp_path / "a.txt") == told


def test_large_sources_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"x" * (3 << 20))
    with pytest.raises(DocumentError, match="larger than 2 MiB"):
        read_document(path, limits=ReadLimits(source_bytes=2 << 20))


@pytest.mark.parametrize("format", ["pdf", "html", "epub", "text"])
def test_standard_input(format: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(SOUND[format])))
    document = read_document("-")
    assert (document.name, document.format, document.notes) == ("stdin", format, ())


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_a_named_pipe(tmp_path: Path) -> None:
    """That of a shell, as in `lcirc ingest <(pdftk ...)`, is read; nobody may write to another."""
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as file:
        file.write(SOUND["pdf"])
    assert read_document(Path(f"/dev/fd/{reading}")).text == "A page of a PDF."
    os.close(reading)
    os.mkfifo(tmp_path / "pipe")
    for name in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(DocumentError, match="a pipe or a device, not a file"):
            read_document(name)


def folder_of_documents(root: Path) -> Path:
    files = ["b.txt", "a/z.md", "a/y.txt", "a/.hidden.txt", ".git/config.txt", "c.png", "B.TXT"]
    for name in files:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"Words of " + name.encode())
    (root / "loop").symlink_to(root, target_is_directory=True)
    return root


def test_folders_are_read_in_order_and_say_what_they_skip(tmp_path: Path) -> None:
    sources = collect_sources([str(folder_of_documents(tmp_path / "docs"))])
    assert [source.name for source in sources] == ["B.TXT", "a/y.txt", "a/z.md", "b.txt"]
    pictures = "1 pictures, which are read where they are named"
    note = f"folder docs: skipped 2 hidden, {pictures}, 1 linked folders"
    documents: list[Document] = [read_document(source) for source in sources]
    assert documents[0].notes == (note,)
    assert all(document.notes == () for document in documents[1:])
    assert documents[1].name == "a/y.txt"


def test_sources_of_all_kinds(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"Words.")
    sources = collect_sources([str(tmp_path / "a.txt"), "-"])
    assert [source.name for source in sources] == ["a.txt", "stdin"]
    assert sources[1].path is None
    with pytest.raises(DocumentError, match=r"b\.txt: no such file; did you mean .*a\.txt\?"):
        collect_sources([str(tmp_path / "b.txt")])


def test_a_folder_without_documents(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"x")
    with pytest.raises(DocumentError, match="holds no readable document .skipped: 1 pict"):
        collect_sources([str(tmp_path)])
