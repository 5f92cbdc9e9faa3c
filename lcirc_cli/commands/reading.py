"""Documents that a command is given, read one after another; what one should know is told."""

from __future__ import annotations

import getpass
import itertools
import os
import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lcirc_cli import console
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


def read_sources(
    found: Sequence[Source],
    *,
    named: Collection[Path],
    password_file: Path | None,
    pages: PageRanges | None = None,
) -> Reading:
    """All documents. One in a folder that can't be read is skipped aloud.

    Args:
        named: paths that the command line gave: one that can't be read is an error.
    """
    from lcirc_cli.documents import WholeReader, read_document

    reading = Reading()
    failure: DocumentError | None = None
    with console.progress(len(found), "reading", "documents") as advance, WholeReader() as reader:
        for source in found:
            password = _password(password_file, source.name)
            try:
                document = read_document(source, password=password, pages=pages, reader=reader)
            except DocumentError as error:
                if source.path is None or source.path in named:
                    raise
                failure = failure or error
                reading.skipped.append((source.name, str(error)))
                console.warn(f"skipped {error}")
            else:
                _print_notes(document)
                if not _is_copy(document, reading.documents):
                    reading.sources.append(source)
                    reading.documents.append(document)
            advance(1)
    if failure is not None and not reading.documents:
        raise failure
    return reading


def _print_notes(document: Document) -> None:
    """What a person should know about how a document was read."""
    from lcirc_cli.documents.page_ranges import format_pages

    for remark in document.notes:
        console.note(f"{document.name}: {remark}")
    if document.empty_pages:
        console.note(f"{document.name}: no text on {format_pages(list(document.empty_pages))}")


def _password(file: Path | None, name: str) -> Any:
    """The password, or on a terminal a function that asks for it if the document needs one."""
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
    if sys.stdin is None or not sys.stdin.isatty():
        return None
    words = itertools.chain(["password of"], itertools.repeat("that was not it; password of"))
    shown = console.one_line(name)
    return lambda: getpass.getpass(f"{next(words)} {shown}: ", stream=sys.stderr)


def _is_copy(document: Document, others: Sequence[Document]) -> bool:
    """Whether the same text was read already; that is told."""
    for other in others:
        if (other.text, other.pages) == (document.text, document.pages):
            same = "the same as" if other.name != document.name else "given twice, as"
            console.note(f"{document.name}: {same} {other.name}; it is read once")
            return True
    return False
