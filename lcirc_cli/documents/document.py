"""What every reader returns: the text of a document and where its pages are.

Knows nothing about formats, tokens or models.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field

from lcirc_cli.documents.ocr import Scan


@dataclass(frozen=True)
class Page:
    """A page (or a section, in formats without pages) as a range of `Document.text`."""

    number: int | None  # physical page, from 1; None where the format has no pages
    section: str | None  # heading or chapter that it belongs to, if known
    start: int  # first character in Document.text
    end: int  # one past its last character
    label: str | None = None  # what is printed on it as its number ("iv", "A-3"), if the file says


@dataclass(frozen=True)
class Document:
    """A document's text; `pages` are in order, don't overlap and cover every word."""

    name: str
    text: str
    pages: tuple[Page, ...]
    sha256: str  # of the source's bytes
    format: str  # "pdf", "text", "markdown", ...
    page_count: int | None = None  # physical pages in the source, read or not
    empty_pages: tuple[int, ...] = ()  # numbers of pages read that hold no text
    notes: tuple[str, ...] = field(default=())  # what the person should know (encoding, repairs)
    asked: str = ""  # the pages that were asked for, "" for all
    ocr: str = ""  # how pages were read from their pictures; "" where there was nothing to read so
    scans: tuple[Scan, ...] = ()  # those that were

    def page_at(self, character: int) -> Page:
        """The page that holds a character of `text`.

        Raises:
            IndexError: the character lies outside the text.
        """
        if not self.pages or not 0 <= character < max(1, len(self.text)):
            raise IndexError(character)
        starts = [page.start for page in self.pages]
        return self.pages[max(0, bisect_right(starts, character) - 1)]
