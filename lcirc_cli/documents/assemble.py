"""Puts pages or sections together into a Document, and counts where each begins and ends.

Knows nothing about formats or files.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from lcirc_cli.documents.document import Document, Page
from lcirc_cli.documents.limits import ReadLimits
from lcirc_cli.errors import DocumentError

PAGE_BREAK = "\n\n"
_SECTION_CHARACTERS = 300  # of a heading as the name of what it heads, which each part repeats


@dataclass(frozen=True)
class Part:
    """The text of one page or section, before it has a place in the document."""

    text: str
    number: int | None = None  # physical page, from 1
    section: str | None = None
    label: str | None = None  # what is printed as its number


def section_name(heading: str) -> str:
    """A heading on one line, as the name of its section; a longer one, with an ellipsis, begins it.

    The text of the document keeps the heading whole.
    """
    name = " ".join(heading.split())
    return name if len(name) <= _SECTION_CHARACTERS else name[: _SECTION_CHARACTERS - 1] + "…"


def too_long(name: str, limits: ReadLimits) -> DocumentError:
    """The refusal of a document with more text than `limits.characters`."""
    return DocumentError(
        f"{name}: more than {limits.characters:,} characters of text; split it into smaller files"
    )


def sha256_of(data: bytes) -> str:
    """Hex digest of a source that is held in memory."""
    return hashlib.sha256(data).hexdigest()


def build_document(
    name: str,
    parts: Iterable[Part],
    *,
    sha256: str,
    format: str,
    limits: ReadLimits,
    page_count: int | None = None,
    empty_pages: Iterable[int] = (),
    notes: Iterable[str] = (),
) -> Document:
    """A Document whose pages are `parts` in order, a blank line between two.

    Parts of white space only are left out; the caller reports them where they are pages.

    Raises:
        DocumentError: more text than `limits.characters`, or none at all.
    """
    pieces: list[str] = []
    pages: list[Page] = []
    position = 0
    for part in parts:
        if not part.text.strip():
            continue
        if pieces:
            pieces.append(PAGE_BREAK)
            position += len(PAGE_BREAK)
        pieces.append(part.text)
        end = position + len(part.text)
        pages.append(Page(part.number, part.section, position, end, part.label))
        position = end
        if position > limits.characters:
            raise too_long(name, limits)
    if not pages:
        raise DocumentError(f"{name}: holds no text")
    return Document(
        name=name,
        text="".join(pieces),
        pages=tuple(pages),
        sha256=sha256,
        format=format,
        page_count=page_count,
        empty_pages=tuple(empty_pages),
        notes=tuple(dict.fromkeys(notes)),
    )
