"""Tables as lines: a row a line, cells apart by a tab, merged cells repeated wherever they reach.

A table inside a cell becomes rows of its own, with the other cells of its row repeated. Below its
first rows a long table repeats its header, so that every passage of it has one. What is laid out
as a table but holds running text is written cell after cell. Knows nothing about formats.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from lcirc_cli.documents.assemble import Part

_HEADER_EVERY = 20  # rows
_MAX_SPAN = 1000  # columns, as in HTML's standard
_REPEATED = 20_000  # characters that merged cells of one table may repeat, or ...
_REPEATED_SHARE = 4  # ... so many times the table's own: a small file must not fill the memory
_RUNNING_TEXT = 600  # characters in paragraphs: a cell of so many is no cell of a table


@dataclass
class Cell:
    """A cell: its text in lines, and how far it reaches."""

    text: str = ""
    rowspan: int = 1  # 0 for all rows that follow
    colspan: int = 1
    header: bool = False
    continues: bool = False  # the one above goes on here, as Word writes it
    rows: list[list[str]] = field(default_factory=list)  # of the one table that it holds
    parts: list[Part] = field(default_factory=list)  # where it holds headings and their text

    def line(self) -> str:
        return " ".join(self.text.split())


@dataclass
class Row:
    """A row of cells."""

    cells: list[Cell] = field(default_factory=list)
    header: bool = False  # by the mark of the row, whatever its cells are
    group: int = 0  # head, body or foot of the table, counted: no cell reaches beyond its own


@dataclass
class Table:
    """A table that is open: its rows so far."""

    layout: bool = False  # no rows and columns, but places on a page
    rows: list[Row] = field(default_factory=list)
    in_header: bool = False  # whether the next row belongs to the header
    group: int = 0  # that the next row belongs to
    implied: bool = False  # begun by a cell that no table holds


def is_layout(rows: list[Row]) -> bool:
    """Whether the cells hold running text, or several tables beside one another."""
    return any(
        sum(bool(cell.rows) for cell in row.cells) > 1
        or any(len(cell.text) > _RUNNING_TEXT and "\n\n" in cell.text for cell in row.cells)
        for row in rows
    )


class Grid:
    """The rows of a table as texts of cells, merged ones repeated."""

    def __init__(self, rows: list[Row]) -> None:
        own = sum(len(cell.text) for row in rows for cell in row.cells)
        self.budget = max(_REPEATED, _REPEATED_SHARE * own)  # characters left to repeat
        self.width = max((len(row.cells) for row in rows), default=0)
        self.height = len(rows)
        self.reaching: dict[int, tuple[Cell, int]] = {}  # column -> cell from above, rows left
        self.above: list[Cell] = []
        self.lines = self._lines(rows)

    def _lines(self, rows: list[Row]) -> list[list[str]]:
        lines: list[list[str]] = []
        header: list[list[str]] = []
        since = group = 0
        for row in rows:
            if row.group != group:
                self.reaching, group = {}, row.group
            self.above = self._placed(row)
            written = [line for line in self._written(self.above) if any(line)]
            if self._is_header(row) and len(header) == len(lines):
                header += written
            elif header and since + len(written) > _HEADER_EVERY:
                lines += header
                self.budget -= sum(len(cell) for line in header for cell in line)
                header = header if self.budget > 0 else []
                since = 0
            since += len(written)
            lines += written
        return lines

    def _is_header(self, row: Row) -> bool:
        return row.header or (bool(row.cells) and all(cell.header for cell in row.cells))

    def _placed(self, row: Row) -> list[Cell]:
        """The cells of a row by column, those that reach into it from above among them."""
        if len(row.cells) == 1 and row.cells[0].colspan > 1 and not self.reaching:
            return [row.cells[0]]  # a heading across the table is written once
        placed: list[Cell] = []
        pending = row.cells[::-1]
        last = max(self.reaching, default=-1)
        while pending or len(placed) <= last:
            if len(placed) in self.reaching:
                placed.append(self._from_above(len(placed)))
            elif pending:
                self._place(pending.pop(), placed)
            else:
                placed.append(Cell())  # a gap before a cell that reaches down
        return placed

    def _from_above(self, column: int) -> Cell:
        cell, left = self.reaching.pop(column)
        if left > 1 and self.budget > 0:
            self.reaching[column] = (cell, left - 1)
        return self._repeated(cell)

    def _place(self, cell: Cell, placed: list[Cell]) -> None:
        for at in range(max(1, min(cell.colspan, _MAX_SPAN, self.width))):
            column = len(placed)
            if cell.continues:
                above = self.above[column] if column < len(self.above) else Cell()
                placed.append(self._repeated(above))
                continue
            if at and self.budget <= 0:
                break
            placed.append(cell if at == 0 else self._repeated(cell))
            if cell.rowspan != 1 and self.budget > 0:
                self.reaching[column] = (cell, (cell.rowspan or self.height) - 1)

    def _repeated(self, cell: Cell) -> Cell:
        """The same text once more, as long as there is room; tables inside are not repeated."""
        self.budget -= len(cell.text) + 1
        return Cell(cell.text) if self.budget > 0 else Cell()

    def _written(self, placed: list[Cell]) -> list[list[str]]:
        texts = [cell.line() for cell in placed]
        holder = next((at for at, cell in enumerate(placed) if cell.rows), None)
        if holder is None:
            return [texts]
        lines = []
        for inner in placed[holder].rows:
            lines.append([*texts[:holder], *inner, *texts[holder + 1 :]])
            self.budget -= sum(map(len, texts)) - len(texts[holder])
            if self.budget <= 0:
                texts = [""] * len(texts)
        return lines
