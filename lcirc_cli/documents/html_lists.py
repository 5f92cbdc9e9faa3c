"""Lists of an HTML page: their numbers, as browsers count them, their depth, and definitions.

Knows nothing about other elements.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from lcirc_cli.documents.flow import Flow
from lcirc_cli.documents.html_styles import Sheet, style_of
from lcirc_cli.documents.html_tokens import Token, attribute
from lcirc_cli.documents.numerals import numeral

LIST_TAGS = frozenset({"ol", "ul", "menu", "dir", "li", "dl", "dt", "dd"})
_BULLET = "-"
_COMMAS = frozenset("一甲子あア")  # styles whose numbers end so in browsers
_INTEGER = re.compile(r"\s*([+-]?\d{1,9})(?!\d)")


@dataclass
class _List:
    """A list that is open."""

    level: int  # of the stream that it stands in: lists end with their cell
    style: str  # of its numbers; "" for bullets
    number: int = 1  # of the next item
    step: int = 1


class Lists:
    """Writes the items of lists, each with its mark."""

    def __init__(
        self, flow: Flow, reversed_counts: Iterable[int] = (), sheet: Sheet | None = None
    ) -> None:
        self.flow = flow
        self.sheet = Sheet(sheet)
        self.counts = iter(reversed_counts)  # items of the lists that count down from there
        self.open: list[_List] = []
        self.last = ""  # "dt" or "dd": the part of a definition that was begun last

    def tag(self, token: Token, name: str, opens: bool) -> None:
        """Take the start or end of a list or of a part of one."""
        while self.open and self.open[-1].level > len(self.flow.streams):
            self.open.pop()
        if name in ("dl", "dt", "dd"):
            self._definition(name, opens)
        elif name == "li":
            if opens:
                self._item(token)
            else:
                self.flow.line()
        elif opens:
            self._begin()
            self.open.append(self._list(token, name))
        else:
            if self._depth():
                self.open.pop()
            self._begin()

    def _depth(self) -> int:
        """How many lists are open in this stream."""
        return sum(each.level == len(self.flow.streams) for each in self.open[-20:])

    def _begin(self) -> None:
        """A blank line before and after a list, unless it stands in another one."""
        if self._depth():
            self.flow.line()
        else:
            self.flow.paragraph()

    def _list(self, token: Token, name: str) -> _List:
        level = len(self.flow.streams)
        style = self._style(token, name)
        if name != "ol":
            return _List(level, style or "")
        style = "1" if style is None else style
        start = _integer(attribute(token, "start"))
        if attribute(token, "reversed") is None:
            return _List(level, style, 1 if start is None else start)
        count = next(self.counts, 1)
        return _List(level, style, count if start is None else start, -1)

    def _item(self, token: Token) -> None:
        depth = self._depth()
        own = self.open[-1] if depth else None
        mark = _BULLET
        if own is not None:
            value = _integer(attribute(token, "value"))
            if value is not None:
                own.number = value
            style = self._style(token, "li")
            if style := own.style if style is None else style:
                mark = numeral(own.number, style) + ("、" if style in _COMMAS else ".")
            own.number += own.step
        self.flow.item(mark, max(0, depth - 1))

    def _style(self, token: Token, name: str) -> str | None:
        """How a list or an item is numbered: `numeral`'s style, "" for bullets, None: not said."""
        kind = attribute(token, "type")
        if kind in ("1", "a", "A", "i", "I"):
            return kind
        own = style_of(attribute(token, "style") or "")
        return self.sheet.style(name, attribute(token, "class") or "") if own is None else own

    def _definition(self, name: str, opens: bool) -> None:
        """`term: definition` on a line; a blank line before the next term."""
        if name == "dl":
            self.last = ""
            self.flow.paragraph()
        elif opens:
            stream = self.flow.top
            if name == "dd" and self.last == "dt" and not stream.at_line_start():
                self.flow.text(" " if stream.pieces[-1].rstrip().endswith((":", "?")) else ": ")
                stream.begun = True
            elif name == "dt" and self.last == "dd":
                self.flow.paragraph()
            else:
                self.flow.line()
            self.last = name


def count_reversed(tokens: Iterable[Token]) -> list[int]:
    """How many items each `<ol reversed>` has, in the order of their beginnings."""
    counts: list[int] = []
    open_lists: list[int | None] = []
    for token in tokens:
        if token.value == "li" and token.kind == "start" and open_lists:
            if (at := open_lists[-1]) is not None:
                counts[at] += 1
        elif token.value in ("ol", "ul", "menu", "dir"):
            if token.kind == "end":
                open_lists[-1:] = []
            elif token.kind == "start":
                counts_down = token.value == "ol" and attribute(token, "reversed") is not None
                open_lists.append(len(counts) if counts_down else None)
                if counts_down:
                    counts.append(0)
    return counts


def _integer(text: str | None) -> int | None:
    found = _INTEGER.match(text or "")
    return int(found[1]) if found else None
