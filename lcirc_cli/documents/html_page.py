"""What the elements of an HTML page mean for its text, and what of them isn't read.

A browser without scripts is the model: `noscript` is read, templates are not. Knows nothing about
bytes or files.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from lcirc_cli.documents.flow import Flow
from lcirc_cli.documents.html_forms import field_text
from lcirc_cli.documents.html_lists import LIST_TAGS, Lists
from lcirc_cli.documents.html_math import Math
from lcirc_cli.documents.html_styles import Sheet
from lcirc_cli.documents.html_tokens import Token, attribute, tokenize
from lcirc_cli.documents.losses import CONTENTS, DELETED, OBJECTS, PICTURES
from lcirc_cli.documents.tables import Cell

_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_PARAGRAPHS = frozenset(
    "address article aside blockquote center details dialog fieldset figure footer form header"
    " hgroup hr listing main nav p pre search section xmp".split()
)
_LINES = frozenset("caption div figcaption legend option optgroup summary textarea".split())
_OBJECTS = frozenset({"object", "embed", "applet", "video", "audio", "canvas"})
_RAISABLE = frozenset("span small font b strong i em".split())  # as style sheets raise them
_TABLE_PARTS = frozenset({"table", "thead", "tbody", "tfoot", "tr", "td", "th"})
_NO_SVG = _HEADINGS | _PARAGRAPHS | LIST_TAGS | _TABLE_PARTS | {"div", "br"}  # they end one
_SVG_TEXTS = frozenset({"text", "title", "desc", "foreignobject"})
_NOT_TEXT_NAV = frozenset({"toc", "landmarks", "page-list"})
_MAX_FRAMES = 3  # one inside another
_PAGE_NUMBERS = "printed page number{s} left out"
_TEMPLATES = "template{s} of scripts not read"
_FRAMES = "frame{s} with another page not read"


class HtmlPage:
    """Takes the tokens of one page and writes them into a `Flow`."""

    def __init__(
        self,
        flow: Flow,
        losses: Counter[str],
        reversed_counts: Iterable[int] = (),
        *,
        sheet: Sheet | None = None,
    ) -> None:
        self.flow = flow
        self.losses = losses
        self.lists = Lists(flow, reversed_counts, sheet)
        self.title: list[str] | None = None  # the text of the title that is open
        self.math: Math | None = None
        self.svg: list[str] = []  # the elements of a drawing that are open, as far as they matter
        self.skipped: tuple[str, str] | None = None  # the element that is left out, and what it is
        self.depth = 0  # how many elements of that name are open
        self.held: list[Token] = []  # what it held so far, for the case that it never ends
        self.linked = False  # whether a link is open that has no text yet
        self.note_link = False  # whether it is the mark of a note
        self.raised: list[str] = []  # the elements of one name that are open since one was raised
        self.frames = 0

    def end(self) -> None:
        """Write what is still open: damage loses no text."""
        if self.skipped is not None:
            held, self.held, self.skipped = self.held, [], None
            for token in held:
                if token.kind == "text":
                    self.flow.text(token.value)
        if self.math is not None:
            self._end_math()

    def take(self, token: Token) -> None:
        """Take the next token."""
        if token.kind == "sheet":
            self.lists.sheet.add(token.value)
        elif self.skipped is not None:
            self._skip(token)
        elif self.math is not None and not (token.kind == "start" and token.value in _NO_SVG):
            if not self.math.take(token):
                self._end_math()
        elif token.kind == "text":
            self._text(token.value)
        else:
            if self.math is not None:
                self._end_math()
            self._tag(token, token.value, token.kind == "start")

    def _text(self, text: str) -> None:
        if self.title is not None:
            self.title.append(text)
        elif not self.svg or any(name in _SVG_TEXTS for name in self.svg):
            self.linked = self.linked and text.isspace()
            self.flow.text(text)

    def _tag(self, token: Token, name: str, opens: bool) -> None:
        if opens and (what := _left_out(token, name)):
            self.losses[what] += 1
            if not token.empty:
                self.skipped, self.depth = (name, what), 1
            return
        if (name == "svg" or self.svg) and self._drawing(token, name, opens):
            return
        if name in _HEADINGS:
            (self.flow.heading_start if opens else self.flow.heading_end)()
        elif name in LIST_TAGS:
            self.lists.tag(token, name, opens)
        elif name in _TABLE_PARTS:
            self._table(token, name, opens)
        elif name in _PARAGRAPHS:
            self._paragraph(name, opens)
        elif name in _LINES:
            self.flow.line()
            if opens and (shown := field_text(token)):
                self.flow.apart(shown)
        elif name == "br":
            self.flow.line_break()
        elif name == "title":
            self._title(opens)
        elif name in ("sup", "sub"):
            if opens and not token.empty and not self.note_link:
                self.flow.raise_start(name, linked=self.linked)
            elif not opens and not self.note_link:
                self.flow.raise_end()
        elif name in _RAISABLE and not token.empty:
            self._raisable(token, name, opens)
        elif name == "a":
            self._link(token, opens)
        elif opens:
            self._single(token, name)
        elif name in ("s", "strike", "q"):
            self.flow.text("”" if name == "q" else "~~")

    def _raisable(self, token: Token, name: str, opens: bool) -> None:
        """An element that a style may raise or lower, with those of its name inside it."""
        if self.raised and name == self.raised[0]:
            if opens:
                self.raised.append(name)
            else:
                self.raised.pop()
                if not self.raised:
                    self.flow.raise_end()
        elif opens and not self.raised and (kind := self.lists.sheet.raised(token, name)):
            self.raised = [name]
            self.flow.raise_start(kind, linked=self.linked)

    def _single(self, token: Token, name: str) -> None:
        """A start tag that stands for something, with or without an end."""
        if name in ("s", "strike", "q") and not token.empty:
            self.flow.text("“" if name == "q" else "~~")
        elif name in ("img", "area"):
            self._picture(token, name)
        elif name == "math" and not token.empty:
            self.math = Math()
        elif name in ("iframe", "frame"):
            self._frame(token)
        elif name in _OBJECTS:
            self.losses[OBJECTS] += 1
        elif name == "hr":
            self.flow.paragraph()
        elif shown := field_text(token):
            self.flow.apart(shown)

    def _paragraph(self, name: str, opens: bool) -> None:
        self.flow.paragraph()
        if name in ("pre", "xmp"):
            stream = self.flow.top
            stream.preformatted = max(0, stream.preformatted + (1 if opens else -1))

    def _table(self, token: Token, name: str, opens: bool) -> None:
        if name == "table":
            if opens:
                self.flow.table_start(layout=attribute(token, "role") in ("presentation", "none"))
            else:
                self.flow.table_end()
        elif name == "tr":
            if opens:
                self.flow.row_start()
            else:
                self.flow.cell_end()
        elif name in ("td", "th"):
            if opens:
                self.flow.cell_start(
                    Cell(
                        rowspan=_number(token, "rowspan", 0),
                        colspan=_number(token, "colspan", 1),
                        header=name == "th",
                    )
                )
            else:
                self.flow.cell_end()
        else:
            self.flow.row_group(header=opens and name == "thead")

    def _title(self, opens: bool) -> None:
        if opens:
            self.title = []
        elif self.title is not None:
            self.flow.name_section(" ".join("".join(self.title).split()))
            self.title = None

    def _link(self, token: Token, opens: bool) -> None:
        self.linked = False
        if self.note_link:
            self.note_link = False
            self.flow.raise_end()
        if not opens or token.empty or attribute(token, "href") is None:
            return
        if _type(token) & {"noteref", "doc-noteref"}:
            self.note_link = True
            self.flow.raise_start("sup", linked=True)
        elif not self.flow.top.link_raised():
            self.linked = True

    def _picture(self, token: Token, name: str) -> None:
        alt = attribute(token, "alt")
        if alt:
            self.flow.apart(alt)
        size = {attribute(token, "width"), attribute(token, "height")}
        if name == "img" and alt != "" and not size & {"0", "1"}:  # those are for counting readers
            self.losses[PICTURES] += 1

    def _frame(self, token: Token) -> None:
        page = attribute(token, "srcdoc")
        if page is not None and self.frames < _MAX_FRAMES:
            self.frames += 1
            self.flow.paragraph()
            for inner in tokenize(page, self.losses):
                if inner.value != "title":
                    self.take(inner)
            self.flow.paragraph()
            self.frames -= 1
        elif page is not None or attribute(token, "src"):
            self.losses[_FRAMES] += 1

    def _drawing(self, token: Token, name: str, opens: bool) -> bool:
        """A tag inside a drawing, or its own; False if it belongs to the page again."""
        if opens and name in _NO_SVG and "foreignobject" not in self.svg:
            self.svg = []
            return False
        if name == "svg" or name in _SVG_TEXTS:
            self.flow.line()
            if opens and not token.empty:
                self.svg.append(name)
            elif not opens and name in self.svg:
                while self.svg.pop() != name:
                    pass
            return True
        return "foreignobject" not in self.svg

    def _end_math(self) -> None:
        math, self.math = self.math, None
        if math is not None:
            self.flow.text(math.text())

    def _skip(self, token: Token) -> None:
        """Leave out a token of an element that is left out."""
        name, _ = self.skipped or ("", "")
        self.held.append(token)
        if token.value != name or token.kind == "text":
            return
        if token.kind == "end":
            self.depth -= 1
        elif not token.empty:
            self.depth += 1
        if self.depth == 0:
            self.skipped, self.held = None, []
            self.flow.text(" ")


def _left_out(token: Token, name: str) -> str | None:
    """What a start tag begins that is no text, as its note, or None."""
    if name == "del":
        return DELETED
    if name == "template":
        return None if attribute(token, "shadowrootmode") else _TEMPLATES
    if name == "nav" and _type(token) & _NOT_TEXT_NAV:
        return CONTENTS
    if "pagebreak" in token.attributes and _type(token) & {"pagebreak", "doc-pagebreak"}:
        return _PAGE_NUMBERS
    return None


def _type(token: Token) -> set[str]:
    """What an element of a book is, by `epub:type` and `role`."""
    words = f"{attribute(token, 'epub:type') or ''} {attribute(token, 'role') or ''}"
    return set(words.lower().split())


def _number(token: Token, name: str, least: int) -> int:
    """A whole number up to 65,534, as browsers read spans; 1 where there is none."""
    found = re.match(r"\s*(\d{1,5})(?!\d)", attribute(token, name) or "")
    return min(max(least, int(found[1])), 65_534) if found else 1
