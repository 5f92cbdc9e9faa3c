"""read_document: finds the bytes and the format of a document and hands it to its reader.

Knows nothing about how a format is read.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO

from lcirc_cli import console
from lcirc_cli.documents import ocr as pictures
from lcirc_cli.documents.assemble import sha256_of
from lcirc_cli.documents.detect import HEAD_BYTES, detect_format, notes_on_name
from lcirc_cli.documents.document import Document
from lcirc_cli.documents.kept_pages import KeptPages
from lcirc_cli.documents.limits import DEFAULT_LIMITS, ReadLimits
from lcirc_cli.documents.page_ranges import PageRanges
from lcirc_cli.documents.pdf import Password, Watch, read_pdf
from lcirc_cli.documents.sources import STDIN, Source
from lcirc_cli.documents.whole import WholeReader
from lcirc_cli.errors import DocumentError, UsageError
from lcirc_cli.files import open_file


def read_document(
    source: Path | str | Source,
    *,
    password: Password = None,
    pages: PageRanges | None = None,
    limits: ReadLimits = DEFAULT_LIMITS,
    reader: WholeReader | None = None,
    watch: Watch | None = None,
    ocr: str = "auto",
    keep: Path | None = None,
) -> Document:
    """Read one document: a file, or `-` for standard input.

    It is parsed in a child process, so that nothing in it can harm this one. `password` opens a
    locked PDF; a function is asked only if one is needed. With `reader` many documents that are no
    PDF share a child. `watch` is told how many pages of a PDF are done, and of how many.

    Args:
        ocr: which pages of a PDF are read from their pictures: "auto" those without readable
            letters, where the extra is installed; "off" none, "all" every one.
        keep: a folder in which pages that were read so are kept, for a run after a killed one.

    Raises:
        DocumentError: missing, unreadable, locked, without text, or over one of `limits`.
        UsageError: `ocr` is none of these or needs the extra, `pages` lies outside the document, or
            its format has no pages.
    """
    if not isinstance(source, Source):
        path = None if source == STDIN else Path(source)
        source = Source(path, "stdin" if path is None else path.name)
    try:
        with contextlib.nullcontext(reader) if reader else WholeReader() as whole:
            document = _read(source, password, pages, limits, whole, watch, ocr, keep)
    except DocumentError:
        for note in source.notes:  # what its folder skipped has no document to go with now
            console.note(note)
        raise
    asked = "" if pages is None else str(pages)
    return replace(document, notes=(*source.notes, *document.notes), asked=asked)


def _read(
    source: Source,
    password: Password,
    pages: PageRanges | None,
    limits: ReadLimits,
    whole: WholeReader,
    watch: Watch | None,
    ocr: str,
    keep: Path | None,
) -> Document:
    path, name = source.path, source.name
    data, head = _fetch(path, name, limits)
    if not head:
        raise DocumentError(f"{name}: is empty")
    format = detect_format(head, name=name)
    if format == "picture" and not pictures.engine(ocr):
        raise DocumentError(
            f"{name}: is an image; run OCR first, e.g. ocrmypdf, {pictures.remedy(ocr)}"
        )
    if format in ("pdf", "picture"):
        pdf = path if data is None and path is not None else data or b""
        with _unchanged(pdf, name):
            digest = sha256_of(pdf) if isinstance(pdf, bytes) else sha256_of_file(pdf, name)
            looks = keep is not None and bool(pictures.engine(ocr))
            document = read_pdf(
                pdf,
                name=name,
                sha256=digest,
                format=format,
                mode=ocr,
                kept=KeptPages(keep, sha256=digest, mode=ocr) if keep and looks else None,
                password=password,
                pages=pages,
                limits=limits,
                watch=watch,
            )
    elif pages is not None:
        raise UsageError(f"{name}: only a PDF has pages to choose from; leave the range out")
    else:
        if data is None:
            data = _read_all(path, name, limits)
        document = whole.read(data, format=format, name=name, limits=limits)
    remarks = notes_on_name(document.format, name=name)
    return replace(document, notes=(*remarks, *document.notes))


def _fetch(path: Path | None, name: str, limits: ReadLimits) -> tuple[bytes | None, bytes]:
    """All bytes (None for a file on disk, which is not loaded yet) and the first ones."""
    if path is None or not os.path.isfile(path):  # noqa: PTH113 - Path's raises on no permission
        data = _read_all(path, name, limits)
        return data, data[:HEAD_BYTES]
    try:
        with path.open("rb") as file:
            return None, file.read(HEAD_BYTES)
    except OSError as error:
        raise _unreadable(name, error) from None


def _read_all(path: Path | None, name: str, limits: ReadLimits) -> bytes:
    if path is None and sys.stdin is None:
        raise DocumentError(f"{name}: is closed; pipe a document into lcirc, or name a file")
    try:
        if path is None:
            data = _read_at_most(sys.stdin.buffer, limits.source_bytes)
        else:
            with open_file(path) as file:
                data = _read_at_most(file, limits.source_bytes)
    except OSError as error:
        raise _unreadable(name, error) from None
    if len(data) > limits.source_bytes:
        size = f"{limits.source_bytes / (1 << 20):,.0f} MiB"
        raise DocumentError(f"{name}: larger than {size}; split it into smaller files")
    return data


def _read_at_most(file: IO[bytes], size: int) -> bytes:
    """Everything in `file`, or one byte more than `size` of it."""
    return file.read(size + 1)


def sha256_of_file(path: Path, name: str) -> str:
    """The hash of a document on the disk, as `Document.sha256` has it.

    Raises:
        DocumentError: it can't be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise _unreadable(name, error) from None


@contextlib.contextmanager
def _unchanged(source: Path | bytes, name: str) -> Iterator[None]:
    """Refuse a file that is written to or replaced meanwhile, whatever else that led to.

    A PDF on disk is opened more than once: its hash and its pages might be of two versions.
    """
    before = _version(source)
    failure: DocumentError | None = None
    try:
        yield
    except DocumentError as error:
        failure = error
    if _version(source) != before:
        raise DocumentError(f"{name}: changed while it was read; try again once it is complete")
    if failure is not None:
        raise failure


def _version(source: Path | bytes) -> tuple[int, ...] | None:
    try:
        found = None if isinstance(source, bytes) else source.stat()
    except OSError:
        return None
    return None if found is None else (found.st_ino, found.st_size, found.st_mtime_ns)


def _unreadable(name: str, error: OSError) -> DocumentError:
    if isinstance(error, FileNotFoundError):
        return DocumentError(f"{name}: no such file; check the path, or quote it if it has spaces")
    if isinstance(error, IsADirectoryError):
        return DocumentError(f"{name}: is a folder, not a document")
    reason = (error.strerror or type(error).__name__).lower()
    remedy = "check its permissions" if isinstance(error, PermissionError) else "try another copy"
    return DocumentError(f"{name}: can't be opened ({reason}); {remedy}")
