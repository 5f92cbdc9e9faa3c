"""Reads HTML into text. Headings begin sections; scripts, styles and comments are left out.

Knows nothing about links, images or layout; table cells are kept apart by tabs, rows by lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lcirc_cli.documents.assemble import Part, build_document, sha256_of
from lcirc_cli.documents.cleaning import clean_text, describe_repairs
from lcirc_cli.documents.document import Document
from lcirc_cli.documents.encoding import decode_text
from lcirc_cli.documents.html_tokens import Token, attribute, tokenize
from lcirc_cli.documents.limits import DEFAULT_LIMITS, ReadLimits

_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_PARAGRAPHS = _HEADINGS | {
    *("address", "article", "aside", "blockquote", "details", "dl", "fieldset", "figure"),
    *("footer", "form", "header", "hr", "main", "nav", "ol", "p", "pre", "section", "table", "ul"),
}
_LINES = frozenset(
    ("caption", "dd", "div", "dt", "figcaption", "legend", "li", "option", "summary")
)
_CELLS = frozenset({"td", "th"})
_COMMENT = re.compile(rb"<!--.*?-->", re.S)
_DECLARED = re.compile(
    rb"""<(?:meta\b|\?xml\b)[^>]*?\b(?:charset|encoding)\s*=\s*["']?\s*([a-z0-9_:.-]{2,40})""", re.I
)
_DECLARATION_BYTES = 4096
_PARAGRAPH_BREAK = "\n\n"
_GAPS = (" ", "\t")
_SPACES = re.compile(r"[ \t\n\r\f\u00a0]+")
_MANY_LINES = re.compile(r"\n{3,}")


def read_html(data: bytes, *, name: str, limits: ReadLimits = DEFAULT_LIMITS) -> Document:
    """Read an HTML or XHTML page; each heading begins a page without a number.

    Raises:
        DocumentError: no text, or more than `limits.characters`.
    """
    html, notes = decode_text(data, declared=declared_encoding(data))
    html, repairs = clean_text(html)
    return build_document(
        name,
        html_parts(html),
        sha256=sha256_of(data),
        format="html",
        limits=limits,
        notes=notes + describe_repairs(repairs),
    )


def declared_encoding(data: bytes) -> str | None:
    """The label of an encoding in a `<meta>` or `<?xml?>` among the first bytes."""
    found = _DECLARED.search(_COMMENT.sub(b"", data[:_DECLARATION_BYTES]))
    return None if found is None else found[1].decode("ascii").lower()


def html_parts(html: str, *, section: str | None = None) -> Iterator[Part]:
    """The text of a page, cut before each heading; `section` names what precedes the first one.

    Where `section` is None the page's title stands in.
    """
    writer = _Writer(section)
    for token in tokenize(html):
        yield from writer.take(token)
    yield writer.part()


class _Writer:
    """Writes tokens as lines, and ends a part where a heading begins."""

    def __init__(self, section: str | None) -> None:
        self.section = section
        self.given = section is not None
        self.pieces: list[str] = []
        self.written = False  # whether `pieces` hold more than white space
        self.heading: list[str] | None = None  # the text of the heading that is open
        self.title: list[str] | None = None  # the text of the title that is open
        self.preformatted = 0
        self.begun = False  # whether a list item or a cell has begun and has no text yet
        self.in_row = False  # whether the table row has a cell already

    def take(self, token: Token) -> Iterator[Part]:
        if token.kind == "text":
            self._text(token.value)
            return
        name, opens = token.value, token.kind == "start"
        if opens and name in _HEADINGS and self.written:
            yield self.part()
        if name in _PARAGRAPHS:
            self._break()
        elif name == "tr" or name in _CELLS:
            self._table(name, opens)
        elif name == "br" or (name in _LINES and not self._at_line_start()):
            self.pieces.append("\n")
        if name in _HEADINGS:
            self._heading(opens)
        elif name == "title":
            self._title(opens)
        elif name == "pre":
            self.preformatted = max(0, self.preformatted + (1 if opens else -1))
        elif name == "li" and opens:
            self.pieces.append("- ")
            self.begun = True
        elif name == "img" and (alt := attribute(token, "alt")):
            self._text(f" {alt} ")

    def part(self) -> Part:
        """What has been written since the last part."""
        lines = "".join(self.pieces).split("\n")
        text = "\n".join(line.rstrip().replace(" \t", "\t") for line in lines)
        self.pieces, self.written = [], False
        return Part(_MANY_LINES.sub("\n\n", text).strip("\n"), section=self.section)

    def _text(self, text: str) -> None:
        if not self.preformatted:
            text = _SPACES.sub(" ", text)
        if self.title is not None:
            self.title.append(text)
            return
        if self.heading is not None:
            self.heading.append(text)
        self.written = self.written or not text.isspace()
        if not self.preformatted and (self._at_line_start() or self.pieces[-1].endswith(_GAPS)):
            text = text.lstrip(" ")
        if text:
            self.pieces.append(text)
            self.begun = self.begun and text.isspace()

    def _at_line_start(self) -> bool:
        return not self.pieces or self.pieces[-1].endswith("\n")

    def _table(self, name: str, opens: bool) -> None:
        """A tab between two cells and a line for each row, paragraphs in the cells or not."""
        if self.in_row:
            while self.pieces and self.pieces[-1] == _PARAGRAPH_BREAK:
                self.pieces.pop()
        if name == "tr":
            self.in_row = False
            if not self._at_line_start():
                self.pieces.append("\n")
        elif opens:
            if self.in_row:
                self.pieces.append("\t")
            self.in_row = self.begun = True

    def _break(self) -> None:
        """A blank line, unless a list item or a cell has just begun: its text stands beside it."""
        if self.pieces and not self.begun:
            self.pieces.append(_PARAGRAPH_BREAK)

    def _heading(self, opens: bool) -> None:
        if opens:
            self.heading = []
        elif self.heading is not None:
            self.section = " ".join("".join(self.heading).split()) or self.section
            self.given = True
            self.heading = None

    def _title(self, opens: bool) -> None:
        if opens:
            self.title = []
        elif self.title is not None:
            title = " ".join("".join(self.title).split())
            if title and not self.given:
                self.section = title
            self.title = None
