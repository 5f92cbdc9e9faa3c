"""Documents that a command is given, read one after another; what one should know is told."""

from __future__ import annotations

import getpass
import itertools
import os
import sys
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lcirc_cli import console
from lcirc_cli.commands.earlier import Earlier
from lcirc_cli.errors import DocumentError, UsageError
from lcirc_cli.files import open_file

if TYPE_CHECKING:
    from lcirc_cli.documents import Document, PageRanges, Source


_MOST_PASSWORD = 1 << 20  # bytes of its file

PasswordFile = Annotated[
    Path | None,
    typer.Option(
        "--password-file",
        metavar="FILE",
        help="Its first line opens a locked PDF (also: LCIRC_PASSWORD, or a prompt).",
    ),
]


@dataclass
class Reading:
    """What was read, and what of a folder could not be."""

    sources: list[Source] = field(default_factory=list)  # of the documents, in order
    documents: list[Document] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)  # name, reason
    told: set[str] = field(default_factory=set)  # names of those that were told of before


def read_sources(
    found: Sequence[Source],
    *,
    named: Collection[Path],
    password_file: Path | None,
    pages: PageRanges | None = None,
    earlier: Earlier | None = None,
    ocr: str = "auto",
    keep: Path | None = None,
) -> Reading:
    """All documents. One in a folder that can't be read is skipped aloud.

    Args:
        named: paths that the command line gave: one that can't be read is an error.
        earlier: of a command that does this again and again, by itself: nobody is asked for a
            password, and what is the same as before is not told again.
        ocr, keep: as `read_document` takes them.
    """
    from lcirc_cli.documents import WholeReader, read_document

    reading, again = Reading(), earlier or Earlier()
    again.keep_only(found)
    failure: DocumentError | None = None
    with console.progress(len(found), "reading", "documents") as advance, WholeReader() as reader:
        for source in found:
            password = _password(password_file, source.name, asks=earlier is None)
            steps = _Steps(advance)
            read = partial(
                read_document,
                source,
                password=password,
                pages=pages,
                reader=reader,
                watch=steps.page,
                ocr=ocr,
                keep=keep,
            )
            document, is_new = again.read(source, read)
            if isinstance(document, DocumentError):
                if source.path is None or source.path in named:
                    raise document
                failure = failure or document
                _skip(source, document, reading, is_new=is_new)
            else:
                if is_new:
                    _print_notes(document)
                if not _is_copy(document, reading.documents, tell=is_new):
                    reading.sources.append(source)
                    reading.documents.append(document)
            steps.end()
    if failure is not None and not reading.documents:
        raise failure
    return reading


def _skip(source: Source, error: DocumentError, reading: Reading, *, is_new: bool) -> None:
    reading.skipped.append((source.name, str(error)))
    if is_new:
        console.warn(f"skipped {error}")
    else:
        reading.told.add(source.name)


class _Steps:
    """Progress within one document, by its pages."""

    def __init__(self, advance: Callable[[float], object]) -> None:
        self._advance, self._shown = advance, 0.0

    def page(self, done: int, total: int) -> None:
        """So many of its pages are read."""
        part = done / max(total, 1)
        self._advance(part - self._shown)
        self._shown = part

    def end(self) -> None:
        """It is read, or can't be."""
        self._advance(1 - self._shown)


def _print_notes(document: Document) -> None:
    """What a person should know about how a document was read."""
    from lcirc_cli.documents.page_ranges import format_pages

    for remark in document.notes:
        console.note(f"{document.name}: {remark}")
    if document.empty_pages:
        console.note(f"{document.name}: no text on {format_pages(list(document.empty_pages))}")


def _password(file: Path | None, name: str, *, asks: bool) -> Any:
    """The password, or on a terminal a function that asks for it if the document needs one.

    Args:
        asks: whether somebody is there to be asked.
    """
    if file is not None:
        try:
            with open_file(file) as opened:
                lines = opened.read(_MOST_PASSWORD).decode("utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
            raise UsageError(f"can't read the password file {file}: {reason}") from error
        return lines[0] if lines else ""
    if password := os.environ.get("LCIRC_PASSWORD"):
        return password
    if not asks or sys.stdin is None or not sys.stdin.isatty():
        return None
    words = itertools.chain(["password of"], itertools.repeat("that was not it; password of"))
    shown = console.one_line(name)
    return lambda: getpass.getpass(f"{next(words)} {shown}: ", stream=sys.stderr)


def _is_copy(document: Document, others: Sequence[Document], *, tell: bool) -> bool:
    """Whether the same text was read already; told where `tell` says so."""
    for other in others:
        if (other.text, other.pages) == (document.text, document.pages):
            same = "the same as" if other.name != document.name else "given twice, as"
            if tell:
                console.note(f"{document.name}: {same} {other.name}; it is read once")
            return True
    return False
