"""Builds the text of a document from what its format says: paragraphs, headings, lists, tables.

A heading ends a part and begins the next. Cells of tables are written apart and put together once
the table ends. Works in time linear in the text, however deeply tables are nested. Knows nothing
about formats.
"""

from __future__ import annotations

from lcirc_cli.documents.assemble import Part, section_name
from lcirc_cli.documents.stream import Stream
from lcirc_cli.documents.tables import Cell, Grid, Row, Table, is_layout

_PARAGRAPH_BREAK = "\n\n"
_INDENT = "  "
_MAX_INDENTS = 8
_MAX_TABLES = 20  # one inside another; deeper ones are written as lines


class Flow:
    """Takes text and its structure in reading order; `finished` and `finish` give parts."""

    def __init__(self, section: str | None = None) -> None:
        self.streams = [Stream(section)]
        self.given = section is not None  # whether the section comes from more than a title
        self.deeper = 0  # tables that are open below the deepest that is kept

    @property
    def top(self) -> Stream:
        """What is being written: the document or a cell."""
        return self.streams[-1]

    def finished(self) -> list[Part]:
        """Parts that are complete, each given once."""
        bottom = self.streams[0]
        parts, bottom.parts = bottom.parts, []
        return parts

    def finish(self) -> list[Part]:
        """The parts that are left; what is still open ends here."""
        while len(self.streams) > 1 or self.top.table:
            self.table_end()
        self.top.close_raised()
        return [*self.finished(), self.top.part()]

    def name_section(self, title: str) -> None:
        """Name what is being written, unless a heading did or the caller."""
        if title and not self.given:
            self.streams[0].section = section_name(title)

    def text(self, text: str) -> None:
        """Text as it stands; blanks and line ends count as one blank unless preformatted."""
        table = self.top.table
        if table is not None and table.implied and not text.isspace():
            self.table_end()
        self.top.text(text)

    def apart(self, text: str) -> None:
        """Text that a blank keeps apart from what stands beside it."""
        self.text(f" {text} ")

    def tab(self) -> None:
        """A gap between columns that the author made."""
        if not self.top.at_line_start():
            self.top.pieces.append("\t")

    def raise_start(self, kind: str, *, linked: bool = False) -> None:
        """Begin a superscript ("sup") or subscript ("sub")."""
        self.top.raise_start(kind, linked=linked)

    def raise_end(self) -> None:
        """End the innermost superscript or subscript."""
        self.top.raise_end()

    def note(self, mark: str) -> None:
        """The mark of a note."""
        self.top.note(mark)

    def line(self) -> None:
        """Go on in a new line, unless at the beginning of one or of an item: see `paragraph`."""
        if not self.top.begun and not self.top.at_line_start():
            self.top.pieces.append("\n")

    def line_break(self) -> None:
        """End the line, empty or not."""
        self.top.close_raised()
        self.top.pieces.append("\n")

    def paragraph(self) -> None:
        """A blank line, unless a list item has just begun: its text stands beside its mark."""
        self.top.close_raised()
        if self.top.pieces and not self.top.begun:
            self.top.pieces.append(_PARAGRAPH_BREAK)

    def item(self, mark: str, depth: int = 0) -> None:
        """Begin a list item with its mark; `depth` is 0 for a list that stands in no other."""
        self.top.begun = False
        self.line()
        self.top.pieces.append(f"{_INDENT * min(depth, _MAX_INDENTS)}{mark} ")
        self.top.begun = True

    def heading_start(self) -> None:
        """Begin a heading, and with it a new part."""
        self.top.close_raised()
        if self.top.written:
            self.top.end_part()
        self.paragraph()
        self.top.heading = []

    def heading_end(self) -> None:
        """End the heading that is open; it names the part that it began."""
        self.top.close_raised()
        stream = self.top
        if stream.heading is not None:
            stream.section = section_name("".join(stream.heading)) or stream.section
            stream.heading = None
            self.given = True
        self.paragraph()

    def table_start(self, *, layout: bool = False) -> None:
        """Begin a table; in a cell it is one inside another. `layout`: no rows and columns."""
        if self.deeper or len(self.streams) > _MAX_TABLES:
            self.deeper += 1
            self.paragraph()
            return
        if self.top.table is not None:  # a table right inside a table
            self.table_end()
        self.paragraph()
        self.top.table = Table(layout=layout)

    def row_group(self, *, header: bool) -> None:
        """Begin or end the head, a body or the foot of a table; `header` if a head begins."""
        if self.deeper:
            return
        self._leave_cell()
        if self.top.table is not None:
            self.top.table.in_header = header
            self.top.table.group += 1

    def row_start(self, *, header: bool = False) -> None:
        """Begin a row."""
        if self.deeper:
            self.line()
            return
        self._leave_cell()
        implied = self.top.table is None
        if implied:
            self.table_start()
        if self.top.table is not None:
            self.top.table.implied = self.top.table.implied or implied
            group, header = self.top.table.group, header or self.top.table.in_header
            self.top.table.rows.append(Row(header=header, group=group))

    def cell_start(self, cell: Cell) -> None:
        """Begin a cell, whose text is what follows."""
        if self.deeper:
            self.top.text(" ")
            return
        self._leave_cell()
        if self.top.table is None or not self.top.table.rows:
            self.row_start()
        if self.top.table is not None:
            self.top.table.rows[-1].cells.append(cell)
            self.streams.append(Stream(self.top.section, cell))

    def cell_end(self) -> None:
        """End the cell that is open."""
        if not self.deeper:
            self._leave_cell()

    def table_end(self) -> None:
        """End the innermost table, with the cell that is open in it."""
        if self.deeper:
            self.deeper -= 1
            self.paragraph()
            return
        self._leave_cell()
        table, self.top.table = self.top.table, None
        if table is None or not table.rows:
            return
        cells = [cell for row in table.rows for cell in row.cells]
        if table.layout or is_layout(table.rows) or any(cell.parts for cell in cells):
            self._write_cells(cells)
        else:
            self._write_rows(Grid(table.rows).lines)

    def _leave_cell(self) -> None:
        """End the cell that is open, if one is and no table in it."""
        stream = self.top
        stream.close_raised()
        if stream.cell is None or stream.table is not None:
            return
        if stream.heading is not None:
            self.heading_end()
        outer = self.streams[-2].section
        last = stream.part()
        if stream.parts or (last.section != outer and "\n" in last.text):
            parts = [*stream.parts, last]  # it has headings: it is laid out as a table
            if parts[0].section == outer:
                parts[0] = Part(parts[0].text)
            stream.cell.parts = parts
        stream.cell.text = last.text
        stream.cell.rows = stream.rows
        self.streams.pop()

    def _write_cells(self, cells: list[Cell]) -> None:
        """The cells one after another, as paragraphs, and parts where they have headings."""
        stream = self.top
        for cell in cells:
            for part in cell.parts or [Part(cell.text)]:
                if not part.text:
                    continue
                if part.section not in (None, stream.section):
                    if stream.written:
                        stream.end_part()
                    stream.section = part.section
                self.paragraph()
                stream.block(part.text)
        self.paragraph()

    def _write_rows(self, lines: list[list[str]]) -> None:
        if lines:
            rows = [] if self.top.written else lines
            self.top.block("\n".join("\t".join(cells) for cells in lines))
            self.top.rows = rows
            self.paragraph()
