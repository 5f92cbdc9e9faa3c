"""Writes the paragraphs, tables and drawings of a part of a Word file into a `Flow`.

What Word would print is read: insertions, not deletions; no hidden text; the results of fields.
Elements that aren't known are looked into, so that no text is lost. Knows nothing about files.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from xml.etree.ElementTree import Element

from lcirc_cli.documents.docx_drawing import alternative
from lcirc_cli.documents.docx_fields import Fields
from lcirc_cli.documents.docx_package import Relation
from lcirc_cli.documents.docx_story import Story
from lcirc_cli.documents.docx_styles import child_of, children_of, is_on, value
from lcirc_cli.documents.docx_symbols import symbol
from lcirc_cli.documents.equations import linear
from lcirc_cli.documents.flow import Flow
from lcirc_cli.documents.losses import DELETED, OBJECTS
from lcirc_cli.documents.tables import Cell

_HIDDEN = "passage{s} of hidden text left out"
_DOCUMENTS = "embedded document{s} not read"
_SYMBOLS = "sign{s} of a picture font not read"
_CHARACTERS = {"w:noBreakHyphen": "-", "w:softHyphen": "", "w:pgNum": ""}
_UNREAD = frozenset(
    "w:tblGrid w:fldData w:delText w:delInstrText w:moveFrom w:footnoteRef w:endnoteRef"
    " w:annotationRef w:rt w:binData".split()
)
_RAISED = {"superscript": "sup", "subscript": "sub"}
_POSITION = re.compile(r"(-?)(\d{1,3})")
_MOVED = 4  # half points up or down; less only evens out a line


class Body:
    """Writes one part: the document itself, a header, a note."""

    def __init__(self, flow: Flow, story: Story, relations: Mapping[str, Relation]) -> None:
        self.flow = flow
        self.story = story
        self.relations = relations
        self.fields = Fields(story.losses)
        self.after_item = False  # whether the paragraph before was an item of a list
        self.raised: str | None = None  # what the run before was: "sup", "sub" or neither
        self.struck = False
        self.hidden = False
        self.style: str | None = None  # of the paragraph
        self.boxes: list[Element] = []  # text boxes, which are read after their paragraph

    def read(self, element: Element) -> None:
        """Read what an element holds."""
        for child in element:
            handler = _HANDLERS.get(child.tag)
            if handler is not None:
                handler(self, child)
            elif not (child.tag in _UNREAD or child.tag.endswith("Pr")):
                self.read(child)

    def _paragraph(self, element: Element) -> None:
        properties = child_of(element, "w:pPr")
        outer, self.style = self.style, value(properties, "w:pStyle")
        mark, depth = self.story.mark(properties, self.style)
        written = any(True for name in ("w:t", "m:t", "w:sym") for _ in element.iter(name))
        outline = value(properties, "w:outlineLvl") or ""
        heading = self.story.styles.heading(self.style)
        if outline.isdigit():
            heading = int(outline) < 9
        if heading and written:
            self.flow.heading_start()
            if mark:
                self.flow.text(mark + " ")
        elif mark and written:
            (self.flow.line if self.after_item else self.flow.paragraph)()
            self.flow.item(mark, depth)
        else:
            self.flow.paragraph()
        self.read(element)
        self._plain()
        if heading and written:
            self.flow.heading_end()
        self.after_item = bool(mark) and not heading and written
        self.style = outer
        boxes, self.boxes = self.boxes, []
        for box in boxes:
            self.after_item = False
            self.flow.paragraph()
            self.read(box)

    def _run(self, element: Element) -> None:
        properties = child_of(element, "w:rPr")
        if not any(child.tag != "w:rPr" for child in element):
            return
        if self._property(properties, "w:vanish", self.style) not in (None, "0", "false", "off"):
            if not self.hidden and any(t.text for t in element.iter("w:t")):
                self.story.losses[_HIDDEN] += 1
                self.hidden = True
            self._field_parts(element)
            return
        self.hidden = False
        raised = _RAISED.get(self._property(properties, "w:vertAlign") or "")
        raised = raised or _moved(self._property(properties, "w:position") or "")
        struck = bool(is_on(properties, "w:strike") or is_on(properties, "w:dstrike"))
        if raised != self.raised or struck != self.struck:
            self._plain()
            if struck:
                self.flow.text("~~")
            if raised:
                self.flow.raise_start(raised)
            self.raised, self.struck = raised, struck
        self.read(element)

    def _property(
        self, properties: Element | None, name: str, style: str | None = ""
    ) -> str | None:
        """The value of a property of a run: its own, its style's, its paragraph's style's."""
        own = child_of(properties, name)
        if own is not None:
            return own.get("w:val", "1")
        of_run = value(properties, "w:rStyle")
        found = self.story.styles.run(of_run, name) if of_run else None
        return self.story.styles.run(style, name) if found is None and style else found

    def _field_parts(self, element: Element) -> None:
        """Follow the fields of hidden text, which may end outside of it."""
        for child in element.iter("w:fldChar"):
            self.fields.character(child)

    def _plain(self) -> None:
        """End what the run before began."""
        if self.raised:
            self.flow.raise_end()
        if self.struck:
            self.flow.text("~~")
        self.raised, self.struck = None, False

    def _write(self, text: str) -> None:
        if not text or not self.fields.reading():
            return
        self.fields.show()
        self.flow.text(text)
        self.story.quote(text)

    def _text(self, element: Element) -> None:
        self._write(element.text or "")

    def _character(self, element: Element) -> None:
        self._write(_CHARACTERS[element.tag])

    def _symbol(self, element: Element) -> None:
        found = symbol(element.get("w:font", ""), element.get("w:char", ""))
        if found is None:
            self.story.losses[_SYMBOLS] += 1
        self._write(found or "")

    def _tab(self, element: Element) -> None:
        if self.fields.reading():
            self.flow.tab()

    def _break(self, element: Element) -> None:
        if self.fields.reading():
            self.flow.line_break()

    def _field_character(self, element: Element) -> None:
        reading = self.fields.reading()
        shown = self.fields.character(element)
        if shown and reading:
            self.flow.apart(shown)

    def _instruction(self, element: Element) -> None:
        self.fields.instruct(element.text or "")

    def _deleted(self, element: Element) -> None:
        if any(text.text for name in ("w:delText", "m:t") for text in element.iter(name)):
            self.story.losses[DELETED] += 1
        self._field_parts(element)

    def _equation(self, element: Element) -> None:
        self._plain()
        self._write(linear(element))

    def _own_line(self, element: Element) -> None:
        """Equations that stand between paragraphs or on a line of their own."""
        self.flow.line()
        for equation in element.iter("m:oMath"):
            self.flow.line()
            self._equation(equation)
        self.flow.line()

    def _table(self, element: Element) -> None:
        self.flow.table_start()
        self.after_item = False
        self.read(element)
        self.flow.table_end()
        self.after_item = False

    def _row(self, element: Element) -> None:
        properties = child_of(element, "w:trPr")
        if child_of(properties, "w:del") is not None:
            self.story.losses[DELETED] += 1
            return
        self.flow.row_start(header=bool(is_on(properties, "w:tblHeader")))
        before = value(properties, "w:gridBefore") or ""
        if before.isdecimal() and len(before) < 4 and int(before):
            self.flow.cell_start(Cell(colspan=int(before)))
        self.read(element)
        self.flow.cell_end()

    def _cell(self, element: Element) -> None:
        properties = child_of(element, "w:tcPr")
        span = value(properties, "w:gridSpan") or ""
        merged = value(properties, "w:vMerge")
        continues = merged is not None and merged != "restart"
        colspan = int(span) if span.isdecimal() and len(span) < 4 else 1
        self.flow.cell_start(Cell(colspan=colspan, continues=continues))
        self.after_item = False
        self.read(element)
        self.flow.cell_end()

    def _alternatives(self, element: Element) -> None:
        chosen = alternative(element)
        if chosen is not None:
            self.read(chosen)

    def _drawing(self, element: Element) -> None:
        drawing = self.story.drawings.read(element, self.relations)
        for description in drawing.descriptions:
            self.flow.apart(description)
        self.boxes += drawing.boxes()

    def _note(self, element: Element) -> None:
        if self.fields.reading():
            self._plain()
            kind = element.tag.removeprefix("w:").removesuffix("Reference")
            self.flow.note(self.story.note_mark(kind, element.get("w:id", "")))

    def _comment_start(self, element: Element) -> None:
        self.story.quote_start(element.get("w:id", ""))

    def _comment_end(self, element: Element) -> None:
        self.story.quote_end(element.get("w:id", ""))

    def _ruby(self, element: Element) -> None:
        for base in children_of(element, "w:rubyBase"):
            self.read(base)
        above = "".join(t.text or "" for rt in children_of(element, "w:rt") for t in rt.iter("w:t"))
        self._write(f"({above})" if above else "")

    def _embedded(self, element: Element) -> None:
        self.story.losses[OBJECTS if element.tag == "w:control" else _DOCUMENTS] += 1


def _moved(position: str) -> str | None:
    """What letters are that stand so many half points above or below their line."""
    found = _POSITION.fullmatch(position)
    if found is None or int(found[2]) < _MOVED:
        return None
    return "sub" if found[1] else "sup"


_HANDLERS: dict[str, Callable[[Body, Element], None]] = {
    "w:p": Body._paragraph,
    "w:r": Body._run,
    "w:t": Body._text,
    "w:tab": Body._tab,
    "w:ptab": Body._tab,
    "w:br": Body._break,
    "w:cr": Body._break,
    "w:sym": Body._symbol,
    "w:fldChar": Body._field_character,
    "w:instrText": Body._instruction,
    "w:del": Body._deleted,
    "m:oMath": Body._equation,
    "m:oMathPara": Body._own_line,
    "w:tbl": Body._table,
    "w:tr": Body._row,
    "w:tc": Body._cell,
    "mc:AlternateContent": Body._alternatives,
    "w:drawing": Body._drawing,
    "w:pict": Body._drawing,
    "w:object": Body._drawing,
    "w:footnoteReference": Body._note,
    "w:endnoteReference": Body._note,
    "w:commentRangeStart": Body._comment_start,
    "w:commentRangeEnd": Body._comment_end,
    "w:ruby": Body._ruby,
    "w:altChunk": Body._embedded,
    "w:subDoc": Body._embedded,
    "w:control": Body._embedded,
    **dict.fromkeys(_CHARACTERS, Body._character),
}
