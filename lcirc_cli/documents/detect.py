"""Finds out what a document is: by its first bytes, and by its name where bytes leave it open.

Knows nothing about how a format is read.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import PurePath

from lcirc_cli.documents.encoding import looks_like_wide
from lcirc_cli.errors import DocumentError

EXTENSIONS = {
    ".pdf": "pdf",
    ".txt": "text",
    ".text": "text",
    ".rst": "text",
    ".md": "markdown",
    ".markdown": "markdown",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".epub": "epub",
    ".docx": "docx",
}
# Read where a person names one; a folder's are too often those of a page beside them.
READ_PICTURES = dict.fromkeys((".png", ".jpg", ".jpeg", ".tif", ".tiff"), "picture")
OTHER_PICTURES = (".gif", ".bmp", ".webp", ".heic")
HEAD_BYTES = 1 << 16  # enough for every rule below

_ZIP = b"PK\x03\x04"
_EPUB_MIMETYPE = b"mimetypeapplication/epub+zip"  # the first member, and its name, by the standard
_OFFICE_TYPES = "[Content_Types].xml"
_OTHER_ZIPS = {
    "xl/workbook.xml": "an Excel workbook; save it as PDF or text",
    "ppt/presentation.xml": "a PowerPoint file; save it as PDF",
    "content.xml": "an OpenDocument file; save it as DOCX or PDF",
}
# Possessive (*+): a run of comments with no tag after it is read once, not in every way to cut it.
_HTML = re.compile(
    rb"\A(?:<\?xml[^>]*+>|<!--(?:(?!-->).)*+-->|\s)*+<(?:!doctype\s+html|html|head|body)\b",
    re.I | re.S,
)
_PDF_WINDOW = 1024  # readers of PDF accept junk of this length before the header
_FOREIGN = (
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old or locked Office file; save it as DOCX or PDF"),
    (b"{\\rtf", "RTF; save it as DOCX, PDF or text"),
    (b"GIF8", "a GIF image; save it as PNG"),
    (b"%!PS", "PostScript; convert it with ps2pdf"),
    (b"\x1f\x8b", "a gzip archive; unpack it"),
    (b"BZh", "a bzip2 archive; unpack it"),
    (b"\xfd7zXZ", "an xz archive; unpack it"),
    (b"7z\xbc\xaf", "a 7z archive; unpack it"),
    (b"Rar!", "a RAR archive; unpack it"),
    (b"\x7fELF", "a program"),
)
_READ_PICTURES = (b"\x89PNG", b"\xff\xd8\xff", b"II*\0", b"MM\0*")
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


def is_address(name: str) -> bool:
    """Whether a name is an address on the web, and not that of a file."""
    return re.match(r"(?:https?|ftp|file)://", name, re.I) is not None


def detect_format(head: bytes, *, name: str) -> str:
    """The format of a document that begins with `head`; "zip" is for `detect_zip` to tell apart.

    Raises:
        DocumentError: nothing that lcirc reads.
    """
    by_name = EXTENSIONS.get(PurePath(name).suffix.lower())
    if head.startswith(_READ_PICTURES):
        return "picture"
    return _by_content(head, by_name, name=name) or by_name or "text"


def notes_on_name(format: str, *, name: str) -> list[str]:
    """A note if the name of a document promises another format than it has."""
    suffix = PurePath(name).suffix
    if {**EXTENSIONS, **READ_PICTURES}.get(suffix.lower(), format) == format:
        return []
    return [f"named {suffix}, but holds {format}; read as {format}"]


def detect_zip(head: bytes, members: Collection[str], *, name: str) -> str:
    """The format of a ZIP archive.

    Raises:
        DocumentError: nothing that lcirc reads.
    """
    if _EPUB_MIMETYPE in head[:200] or "META-INF/container.xml" in members:
        return "epub"
    if any(member.startswith("word/") and member.endswith(".xml") for member in members):
        return "docx"
    for member, what in _OTHER_ZIPS.items():
        if member in members:
            raise DocumentError(f"{name}: is {what}")
    if _OFFICE_TYPES in members:
        return "docx"  # its main part may have any name; the reader looks whether it is one
    raise DocumentError(f"{name}: is a ZIP archive; unpack it and give the folder")


def _by_content(head: bytes, by_name: str | None, *, name: str) -> str | None:
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n\0")
    if start.startswith(b"%PDF-"):
        return "pdf"
    if by_name in (None, "pdf") and b"%PDF-" in head[:_PDF_WINDOW]:
        return "pdf"
    if head.startswith(_ZIP):
        return "zip"
    if _HTML.match(start):
        return "html"
    for signature, what in _FOREIGN:
        if head.startswith(signature):
            raise DocumentError(f"{name}: is {what}")
    if by_name in ("epub", "docx"):
        raise DocumentError(f"{name}: damaged, or not {by_name.upper()}; get another copy")
    if by_name != "pdf" and _is_binary(head):
        raise DocumentError(f"{name}: is not text and of no format that lcirc reads")
    return None


def _is_binary(head: bytes) -> bool:
    """More than one control character in twenty, unless the zero bytes are those of UTF-16/32."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff")) or looks_like_wide(head):
        return False
    return len(_CONTROL.findall(head)) > max(1, len(head) // 20)
