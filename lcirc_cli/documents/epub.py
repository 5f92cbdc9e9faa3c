"""Reads an EPUB: its chapters in reading order, headings as sections.

Knows nothing about layout, images or links; books under DRM are refused.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from urllib.parse import unquote
from xml.etree.ElementTree import Element

from lcirc_cli.documents.archive import Archive
from lcirc_cli.documents.assemble import Part, build_document, sha256_of
from lcirc_cli.documents.cleaning import clean_text
from lcirc_cli.documents.document import Document
from lcirc_cli.documents.encoding import decode_text
from lcirc_cli.documents.html import declared_encoding, html_parts
from lcirc_cli.documents.limits import DEFAULT_LIMITS, ReadLimits
from lcirc_cli.errors import DocumentError

_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
_PAGE_TYPES = ("application/xhtml+xml", "text/html", "application/x-dtbook+xml")
_MAX_CHAPTER_BYTES = 64 << 20
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
    chapters, missing = _reading_order(archive)
    notes = []
    if missing:
        notes.append(f"{missing:,} of {missing + len(chapters):,} chapters are not in the file")
    return build_document(
        name,
        _parts(archive, chapters),
        sha256=sha256_of(data),
        format="epub",
        limits=limits,
        notes=notes,
    )


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


def _reading_order(archive: Archive) -> tuple[list[str], int]:
    """The members that hold the chapters, in spine order, and how many are missing."""
    package_path = _package_path(archive)
    package = archive.read_xml(package_path)
    folder = posixpath.dirname(package_path)
    items: dict[str, Element] = {}
    spine: list[str] = []
    for element in package.iter():
        if _local(element) == "item":
            items[element.get("id", "")] = element
        elif _local(element) == "itemref":
            spine.append(element.get("idref", ""))
    chapters: list[str] = []
    missing = 0
    for reference in spine:
        item = items.get(reference)
        if item is not None and item.get("media-type", _PAGE_TYPES[0]) not in _PAGE_TYPES:
            continue  # a picture as a page
        path = "" if item is None else _resolve(folder, item.get("href", ""))
        if path in archive:
            chapters.append(path)
        else:
            missing += 1
    if not chapters:
        raise DocumentError(f"{archive.name}: damaged EPUB (lists no chapter that it holds)")
    return list(dict.fromkeys(chapters)), missing


def _package_path(archive: Archive) -> str:
    if _CONTAINER in archive:
        for element in archive.read_xml(_CONTAINER).iter():
            path = _resolve("", element.get("full-path", ""))
            if _local(element) == "rootfile" and path in archive:
                return path
    for path in archive.names():  # the container is damaged; there is but one such file
        if path.endswith(".opf"):
            return path
    raise DocumentError(f"{archive.name}: damaged EPUB (no package file)")


def _parts(archive: Archive, chapters: list[str]) -> Iterator[Part]:
    for path in chapters:
        data = archive.read(path)
        html, _ = decode_text(data, declared=declared_encoding(data))
        yield from html_parts(clean_text(html)[0])


def _resolve(folder: str, href: str) -> str:
    """The member that a link in `folder` means; nothing outside of the archive has such a name."""
    path = unquote(href.split("#", 1)[0])
    return posixpath.normpath(posixpath.join(folder, path))


def _local(element: Element) -> str:
    """The name of an element without its namespace."""
    return str(element.tag).rsplit("}", 1)[-1]
