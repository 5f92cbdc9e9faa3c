"""Reads HTML into text. Headings begin sections; scripts, styles and comments are left out.

Knows nothing about what the elements mean.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from lcirc_cli.documents.assemble import Part, build_document, sha256_of
from lcirc_cli.documents.cleaning import clean_parts, clean_text
from lcirc_cli.documents.document import Document
from lcirc_cli.documents.encoding import decode_text
from lcirc_cli.documents.flow import Flow
from lcirc_cli.documents.html_lists import count_reversed
from lcirc_cli.documents.html_page import HtmlPage
from lcirc_cli.documents.html_styles import Sheet
from lcirc_cli.documents.html_tokens import tokenize
from lcirc_cli.documents.limits import DEFAULT_LIMITS, ReadLimits
from lcirc_cli.documents.losses import reading_notes

_COMMENT = re.compile(rb"<!--.*?(?:-->|\Z)", re.S)
_DECLARED = re.compile(
    rb"""<(?:meta\b|\?xml\b)[^>]*?\b(?:charset|encoding)\s*=\s*["']?\s*([a-z0-9_:.-]{2,40})""", re.I
)
_DECLARATION_BYTES = 4096
_REVERSED = re.compile(r"<ol\b[^<>]*?\breversed\b", re.I)


def read_html(data: bytes, *, name: str, limits: ReadLimits = DEFAULT_LIMITS) -> Document:
    """Read an HTML or XHTML page; each heading begins a page without a number.

    Raises:
        DocumentError: no text, or more than `limits.characters`.
    """
    html, notes = decode_text(data, declared=declared_encoding(data))
    html, repairs = clean_text(html)
    losses: Counter[str] = Counter()
    parts = clean_parts(html_parts(html, losses=losses), repairs)
    return build_document(
        name,
        parts,
        sha256=sha256_of(data),
        format="html",
        limits=limits,
        notes=reading_notes(notes, repairs, losses),
    )


def declared_encoding(data: bytes) -> str | None:
    """The label of an encoding in a `<meta>` or `<?xml?>` among the first bytes."""
    found = _DECLARED.search(_COMMENT.sub(b"", data[:_DECLARATION_BYTES]))
    return None if found is None else found[1].decode("ascii").lower()


def html_parts(
    html: str,
    *,
    section: str | None = None,
    losses: Counter[str] | None = None,
    sheet: Sheet | None = None,
) -> Iterator[Part]:
    """The text of a page, cut before each heading; `section` names what precedes the first one.

    Where `section` is None the page's title stands in. `losses` counts what isn't read.
    `sheet` is what style sheets outside of the page say.
    """
    losses = Counter() if losses is None else losses
    flow = Flow(section)
    counts = count_reversed(tokenize(html)) if _REVERSED.search(html) else []
    page = HtmlPage(flow, losses, counts, sheet=sheet)
    for token in tokenize(html, losses):
        page.take(token)
        yield from flow.finished()
    page.end()
    yield from flow.finish()
