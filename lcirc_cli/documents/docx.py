"""Reads a Word document (DOCX) with mammoth, which turns it into HTML. Extra: `lcirc[office]`.

Headings begin sections. Images are not read. Knows nothing about Word's format itself.
"""

from __future__ import annotations

import io
from typing import Any

from lcirc_cli.documents.archive import Archive, defines_entities
from lcirc_cli.documents.assemble import build_document, sha256_of
from lcirc_cli.documents.cleaning import clean_text, describe_repairs
from lcirc_cli.documents.document import Document
from lcirc_cli.documents.html import html_parts
from lcirc_cli.documents.limits import DEFAULT_LIMITS, ReadLimits
from lcirc_cli.errors import DocumentError

_MAX_PART_BYTES = 64 << 20
_MAX_TAGS = 1_000_000  # in one XML part: mammoth's parser keeps about a kilobyte for each


def read_docx(data: bytes, *, name: str, limits: ReadLimits = DEFAULT_LIMITS) -> Document:
    """Read a DOCX from its bytes.

    Raises:
        DocumentError: mammoth is not installed, the file is damaged, a bomb, without text, or over
            a limit.
    """
    try:
        import mammoth
    except ImportError:
        hint = "pip install 'lcirc[office]'"
        raise DocumentError(f"{name}: reading DOCX needs mammoth: {hint}") from None
    _check_parts(Archive(data, name=name, max_member_bytes=_MAX_PART_BYTES))
    try:
        result = mammoth.convert_to_html(io.BytesIO(data), convert_image=_no_image)
    except Exception as error:  # damaged XML surfaces as anything from KeyError to RecursionError
        reason = f"{type(error).__name__} {' '.join(str(error).split())[:200]}".strip()
        raise DocumentError(f"{name}: damaged Word document ({reason})") from None
    html, repairs = clean_text(result.value)
    return build_document(
        name,
        html_parts(html),
        sha256=sha256_of(data),
        format="docx",
        limits=limits,
        notes=describe_repairs(repairs),
    )


def _check_parts(archive: Archive) -> None:
    """Read every XML part once under limits, since mammoth itself has none."""
    for member in archive.names():
        if not member.endswith((".xml", ".rels")):
            continue
        part = archive.read(member)
        if defines_entities(part):
            raise DocumentError(f"{archive.name}: {member} defines XML entities; not read")
        if part.count(b"<") > _MAX_TAGS:
            raise DocumentError(f"{archive.name}: {member} has more than {_MAX_TAGS:,} tags")


def _no_image(image: Any) -> list[Any]:
    """Leave images out, without opening them: they may link to files outside."""
    return []
