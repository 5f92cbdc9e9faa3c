"""The text of a document, or of one cell of a table, while it is being written.

Keeps blanks single, and superscripts and subscripts apart from what stands beside them. Knows
nothing about formats, and of structure only where lines and headings begin.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from lcirc_cli.documents.assemble import Part
from lcirc_cli.documents.raised import CONTEXT, lowered, note_mark, raised
from lcirc_cli.documents.tables import Cell, Table

_GAPS = (" ", "\t", "\n")
_SPACES = re.compile(r"[ \t\n\r\f\u00a0]+")
_MANY_LINES = re.compile(r"\n{3,}")


@dataclass
class _Raised:
    """A superscript or subscript whose text is being gathered."""

    kind: str  # "sup" or "sub"
    linked: bool
    pieces: list[str] = field(default_factory=list)


class Stream:
    """Text that is being written, with what is open in it."""

    def __init__(self, section: str | None, cell: Cell | None = None) -> None:
        self.section = section
        self.cell = cell
        self.parts: list[Part] = []  # finished, before `pieces`
        self.pieces: list[str] = []
        self.written = False  # whether `pieces` hold more than white space
        self.begun = False  # whether a list item has begun and has no text yet
        self.preformatted = 0
        self.heading: list[str] | None = None  # the text of the heading that is open
        self.table: Table | None = None  # that is open
        self.rows: list[list[str]] = []  # of a table that is all that was written
        self._raised: list[_Raised] = []
        self._pending: _Raised | None = None  # complete, until it is known what follows

    def part(self) -> Part:
        """What has been written since the last part."""
        lines = "".join(self.pieces).split("\n")
        text = "\n".join(line.rstrip().replace(" \t", "\t") for line in lines)
        self.pieces, self.written = [], False
        return Part(_MANY_LINES.sub("\n\n", text).strip("\n"), section=self.section)

    def end_part(self) -> None:
        """Let what follows be a part of its own."""
        self.parts.append(self.part())

    def text(self, text: str) -> None:
        """Write text; blanks and line ends count as one blank unless preformatted."""
        if not self.preformatted:
            text = _SPACES.sub(" ", text)
        if not text:
            return
        if self._raised:
            self._raised[-1].pieces.append(text)
            return
        self._settle(text)
        self._put(text)

    def block(self, text: str) -> None:
        """Write lines as they are."""
        self.pieces.append(text)
        self.written, self.begun = True, False

    def raise_start(self, kind: str, *, linked: bool) -> None:
        self._settle()
        self._raised.append(_Raised(kind, linked))

    def raise_end(self) -> None:
        if not self._raised:
            return
        done = self._raised.pop()
        if self._raised:  # a power of a power
            content = "".join(done.pieces)
            self._raised[-1].pieces.append(lowered(content, "", "_" if done.kind == "sub" else "^"))
        else:
            self._pending = done

    def link_raised(self) -> bool:
        """What is being raised is a link, and so the mark of a note; whether anything is."""
        if self._raised:
            self._raised[-1].linked = True
        return bool(self._raised)

    def note(self, mark: str) -> None:
        self._settle()
        self._put(note_mark(self._before(), mark))

    def close_raised(self) -> None:
        """No superscript goes on over a line's end, closed or not."""
        while self._raised:
            self.raise_end()
        self._settle()

    def at_line_start(self) -> bool:
        """Whether nothing stands on the line yet."""
        self.close_raised()
        return not self.pieces or self.pieces[-1].endswith("\n")

    def _put(self, text: str) -> None:
        if self.heading is not None:
            self.heading.append(text)
        if not text.isspace():
            self.written, self.rows = True, []
        if not self.preformatted and (not self.pieces or self.pieces[-1].endswith(_GAPS)):
            text = text.lstrip(" ")
        if text:
            self.pieces.append(text)
            self.begun = self.begun and text.isspace()

    def _settle(self, after: str = "") -> None:
        """Write what was raised last, now that it is known what follows."""
        done, self._pending = self._pending, None
        if done is None:
            return
        content = "".join(done.pieces)
        if done.kind == "sub":
            self._put(lowered(content, after))
        else:
            self._put(raised(self._before(), content, after, linked=done.linked))

    def _before(self) -> str:
        """The end of the line so far, or of the cell."""
        tail: list[str] = []
        length = 0
        for piece in reversed(self.pieces):
            tail.append(piece)
            length += len(piece)
            if length >= CONTEXT or "\n" in piece or "\t" in piece:
                break
        return "".join(reversed(tail))[-CONTEXT:].rpartition("\n")[2].rpartition("\t")[2]
