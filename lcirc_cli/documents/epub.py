"""Reads an EPUB: its chapters in reading order, headings as sections.

Knows nothing about layout, images or links; books under DRM are refused.
"""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote
from xml.etree.ElementTree import Element

from lcirc_cli.documents.archive import Archive
from lcirc_cli.documents.assemble import Part, build_document, sha256_of
from lcirc_cli.documents.cleaning import clean_parts, clean_text
from lcirc_cli.documents.document import Document
from lcirc_cli.documents.encoding import decode_text
from lcirc_cli.documents.html import declared_encoding, html_parts
from lcirc_cli.documents.html_styles import Sheet
from lcirc_cli.documents.limits import DEFAULT_LIMITS, ReadLimits
from lcirc_cli.documents.losses import CONTENTS, PICTURES, reading_notes
from lcirc_cli.errors import DocumentError

_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
_PAGES = ("application/xhtml+xml", "text/html", "application/x-dtbook+xml", "text/x-oeb1-document")
_NO_PAGES = ("image/", "audio/", "video/", "font/", "text/css", "application/pdf")
_DRAWING = "image/svg+xml"
_MARKUP = re.compile(
    r"<(?:html|body|head|div|section|article|p|h[1-6]|dtbook|svg|span|table|ul|ol|blockquote)\b",
    re.I,
)
_MAX_CHAPTER_BYTES = 64 << 20
_MAX_SHEETS = 1 << 20  # bytes of style sheets: the rest says nothing about the text
_FONT_SCRAMBLING = (  # not DRM: the text stays readable
    "http://www.idpf.org/2008/embedding",
    "http://ns.adobe.com/pdf/enc#RC",
)


def read_epub(data: bytes, *, name: str, limits: ReadLimits = DEFAULT_LIMITS) -> Document:
    """Read an EPUB 2 or 3 from its bytes.

    Raises:
        DocumentError: damaged, under DRM, a bomb, without text, or over a limit.
    """
    archive = Archive(data, name=name, max_member_bytes=_MAX_CHAPTER_BYTES)
    _refuse_drm(archive)
    book = _Book(archive)
    return build_document(
        name,
        clean_parts(book.parts(), book.repairs),
        sha256=sha256_of(data),
        format="epub",
        limits=limits,
        notes=book.notes(),
    )


@dataclass(frozen=True)
class _Item:
    """A file of the book, as its package lists it."""

    path: str
    media_type: str
    fallback: str  # the identifier of what to read if this can't be
    contents: bool  # the table of contents that reading programs show


class _Book:
    """The chapters of a book, and what comes up while they are read."""

    def __init__(self, archive: Archive) -> None:
        self.archive = archive
        self.repairs: Counter[str] = Counter()
        self.losses: Counter[str] = Counter()
        self.encodings: Counter[str] = Counter()
        chapters, self.missing, sheets = _reading_order(archive)
        self.sheet = _sheet(archive, sheets)
        self.chapters = [item for item in chapters if not item.contents]
        self.losses[CONTENTS] += len(chapters) - len(self.chapters)
        self.unread = 0

    def parts(self) -> Iterator[Part]:
        """The text of all chapters; one that is damaged is counted, and all of them refused."""
        failure: DocumentError | None = None
        for item in self.chapters:
            if item.media_type.startswith("image/") and item.media_type != _DRAWING:
                self.losses[PICTURES] += 1
                continue
            try:
                data = self.archive.read(item.path)
            except DocumentError as error:
                self.unread, failure = self.unread + 1, failure or error
                continue
            html, notes = decode_text(data, declared=declared_encoding(data))
            html, repairs = clean_text(html)
            if item.media_type not in ("", *_PAGES) and not _MARKUP.search(html):
                self.unread += 1
                continue
            self.repairs.update(repairs)
            self.encodings.update(notes)
            yield from html_parts(html, losses=self.losses, sheet=self.sheet)
        if failure is not None and self.unread == len(self.chapters):
            raise failure

    def notes(self) -> Iterator[str]:
        """What the reader of the answers should know, once all parts have been read."""
        listed = len(self.chapters) + self.missing
        if self.missing:
            yield f"{self.missing:,} of {listed:,} chapters are not in the file"
        if self.unread:
            yield f"{self.unread:,} of {listed:,} chapters can't be read"
        for note, count in self.encodings.items():
            yield f"{note} ({count:,} chapter{'' if count == 1 else 's'})"
        yield from reading_notes([], self.repairs, self.losses)


def _refuse_drm(archive: Archive) -> None:
    if _ENCRYPTION not in archive:
        return
    methods = [
        element.get("Algorithm", "")
        for element in archive.read_xml(_ENCRYPTION).iter()
        if _local(element) == "EncryptionMethod"
    ]
    if any(method not in _FONT_SCRAMBLING for method in methods):
        raise DocumentError(f"{archive.name}: is protected (DRM); a copy without it is needed")


def _sheet(archive: Archive, paths: list[str]) -> Sheet:
    """What the style sheets of a book say; nearly all chapters have all of them."""
    sheet, left = Sheet(), _MAX_SHEETS
    for path in paths:
        try:
            css = archive.read(path)[:left]
        except DocumentError:  # it holds no text
            continue
        left -= len(css)
        sheet.add(css.decode("utf-8", "replace"))
    return sheet


def _reading_order(archive: Archive) -> tuple[list[_Item], int, list[str]]:
    """The members that hold the chapters, how many are missing, and the style sheets."""
    package_path = _package_path(archive)
    package = archive.read_xml(package_path)
    folder = posixpath.dirname(package_path)
    items: dict[str, _Item] = {}
    spine: list[str] = []
    for element in package.iter():
        if _local(element) == "item":
            items[element.get("id", "")] = _Item(
                _resolve(folder, element.get("href", ""), archive),
                element.get("media-type", "").lower(),
                element.get("fallback", ""),
                "nav" in element.get("properties", "").split()
                or element.get("media-type") == "application/x-dtbncx+xml",
            )
        elif _local(element) == "itemref":
            spine.append(element.get("idref", ""))
    chapters: dict[str, _Item] = {}
    missing = 0
    for reference in spine:
        item = _readable(reference, items)
        if item is None or item.path not in archive:
            missing += 1
        else:
            chapters.setdefault(item.path, item)
    if not chapters:
        raise DocumentError(f"{archive.name}: damaged EPUB (lists no chapter that it holds)")
    sheets = [item.path for item in items.values() if item.media_type == "text/css"]
    return list(chapters.values()), missing, [path for path in sheets if path in archive]


def _readable(reference: str, items: dict[str, _Item]) -> _Item | None:
    """The item that is meant, or what stands in for it where it is no text."""
    first = item = items.get(reference)
    for _ in range(5):
        if item is None or not item.media_type.startswith(_NO_PAGES):
            break
        if item.media_type == _DRAWING and not item.fallback:
            break
        item = items.get(item.fallback)
    return first if item is None else item


def _package_path(archive: Archive) -> str:
    if _CONTAINER in archive:
        for element in archive.read_xml(_CONTAINER).iter():
            path = _resolve("", element.get("full-path", ""), archive)
            if _local(element) == "rootfile" and path in archive:
                return path
    for path in archive.names():  # the container is damaged; there is but one such file
        if path.endswith(".opf"):
            return path
    raise DocumentError(f"{archive.name}: damaged EPUB (no package file)")


def _resolve(folder: str, href: str, archive: Archive) -> str:
    """The member that a link in `folder` means; nothing outside of the archive has such a name.

    Some programs write names into links without the encoding that links need.
    """
    plain = href.split("#", 1)[0]
    for path in (unquote(plain), plain, href):
        member = posixpath.normpath(posixpath.join(folder, path))
        if member in archive:
            return member
    member = posixpath.normpath(posixpath.join(folder, unquote(plain)))
    return archive.like(member) or member  # written where capitals make no difference


def _local(element: Element) -> str:
    """The name of an element without its namespace."""
    return str(element.tag).rsplit("}", 1)[-1]
