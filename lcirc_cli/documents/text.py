"""Reads plain text and Markdown. The headings of Markdown become sections.

Text is kept as it stands: line ends and line breaks inside paragraphs are the author's. Only files
that are written into it, such as pictures in base64, are left out.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from lcirc_cli.documents.assemble import Part, build_document, section_name, sha256_of
from lcirc_cli.documents.cleaning import clean_text
from lcirc_cli.documents.document import Document
from lcirc_cli.documents.embedded import leave_out_files
from lcirc_cli.documents.encoding import decode_text
from lcirc_cli.documents.limits import DEFAULT_LIMITS, ReadLimits
from lcirc_cli.documents.losses import reading_notes

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_HEADING = re.compile(r" {0,3}#{1,6}[ \t]+(.*)")
_CLOSING_HASHES = re.compile(r"(?:^|[ \t])#+[ \t]*$")
_UNDERLINE = re.compile(r" {0,3}(?:=+|--+)[ \t]*")


def read_text(
    data: bytes, *, name: str, markdown: bool = False, limits: ReadLimits = DEFAULT_LIMITS
) -> Document:
    """Read plain text (one page without a number) or Markdown (a page for each heading).

    Raises:
        DocumentError: no text, or more than `limits.characters`.
    """
    text, notes = decode_text(data)
    text, repairs = clean_text(text)
    losses: Counter[str] = Counter()
    text = leave_out_files(text, losses)
    parts = markdown_parts(text) if markdown else iter([Part(text.strip("\n"))])
    return build_document(
        name,
        parts,
        sha256=sha256_of(data),
        format="markdown" if markdown else "text",
        limits=limits,
        notes=reading_notes(notes, repairs, losses),
    )


def markdown_parts(text: str) -> Iterator[Part]:
    """Cut Markdown before each heading (`# Title` or underlined), fenced code excepted."""
    lines = text.split("\n")
    section: str | None = None
    start = 0
    for at, title in _headings(lines):
        yield Part("\n".join(lines[start:at]).strip("\n"), section=section)
        start, section = at, section_name(title)
    yield Part("\n".join(lines[start:]).strip("\n"), section=section)


def _headings(lines: list[str]) -> Iterator[tuple[int, str]]:
    """Line number and title of each heading."""
    fence: str | None = None
    for at, line in enumerate(lines):
        if mark := _FENCE.match(line):
            if fence is None:
                fence = mark[1]
            elif mark[1].startswith(fence):
                fence = None
        elif fence is not None:
            continue
        elif heading := _HEADING.match(line):
            if title := _CLOSING_HASHES.sub("", heading[1]).strip():
                yield at, title
        elif at and _UNDERLINE.fullmatch(line) and _can_be_title(lines, at - 1):
            yield at - 1, lines[at - 1].strip()


def _can_be_title(lines: list[str], at: int) -> bool:
    """A one-line paragraph: text, not indented code, with nothing or a blank line before it."""
    line = lines[at]
    alone = at == 0 or not lines[at - 1].strip()
    return (
        alone
        and bool(line.strip())
        and not line.startswith("    ")
        and line.lstrip()[0] not in "|#->"
    )
