"""What the parts of a Word file share while it is read: styles, the counts of lists and of notes.

Knows nothing about how text is written.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from lcirc_cli.documents.docx_drawing import Drawings
from lcirc_cli.documents.docx_numbering import Numbering
from lcirc_cli.documents.docx_package import Package
from lcirc_cli.documents.docx_styles import Styles, child_of, value
from lcirc_cli.documents.numerals import numeral

_MAX_QUOTE = 120  # characters of what a comment is about


@dataclass
class Story:
    """A Word file that is being read."""

    package: Package
    styles: Styles
    numbering: Numbering
    losses: Counter[str]
    drawings: Drawings
    notes: dict[str, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    quotes: dict[str, str] = field(default_factory=dict)  # comment -> what it is about
    _quoting: set[str] = field(default_factory=set)  # comments whose range is open

    def mark(self, properties: Element | None, style: str | None) -> tuple[str | None, int]:
        """The number or bullet of a paragraph, and how deep its list is."""
        style_number, style_level = self.styles.numbering(style)
        own = child_of(properties, "w:numPr")
        number = value(own, "w:numId") or style_number
        if not number or number == "0":
            return None, 0
        level = value(own, "w:ilvl")
        if level is None and value(own, "w:numId") is None:
            level = style_level or str(self.numbering.level(number, style))
        at = int(level) if level and level.isdecimal() and len(level) < 3 else 0
        return self.numbering.mark(number, at), at

    def note_mark(self, kind: str, key: str) -> str:
        """The mark of a note at its place: 1, 2 for footnotes, i, ii for endnotes."""
        marks = self.notes[kind]
        if key not in marks:
            count = len(marks) + 1
            marks[key] = str(count) if kind == "footnote" else numeral(count, "i")
        return marks[key]

    def quote_start(self, comment: str) -> None:
        """What follows is what a comment is about."""
        if comment not in self.quotes:
            self.quotes[comment] = ""
            self._quoting.add(comment)

    def quote_end(self, comment: str) -> None:
        """That ends here."""
        self._quoting.discard(comment)

    def quote(self, text: str) -> None:
        """Take text for the comments that are about it."""
        for comment in list(self._quoting):
            self.quotes[comment] = (self.quotes[comment] + text)[:_MAX_QUOTE]
            if len(self.quotes[comment]) == _MAX_QUOTE:
                self._quoting.discard(comment)
