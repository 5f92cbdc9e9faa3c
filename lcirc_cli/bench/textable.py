"""A table of texts that can be shown on a terminal or written as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lcirc_cli import console


@dataclass(frozen=True)
class Table:
    """Columns, rows of the same length, and notes under them.

    Attributes:
        left: how many columns stand on the left; the rest are numbers, on the right.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()
    left: int = 1

    def markdown(self) -> str:
        """The table and its notes as Markdown."""
        rule = "|" + "---|" * self.left + "---:|" * (len(self.columns) - self.left)
        lines = [_markdown_row(self.columns), rule, *map(_markdown_row, self.rows)]
        if self.notes:
            lines += ["", *(f"* {console.one_line(note)}" for note in self.notes)]
        return "\n".join(lines)

    def rich(self) -> Any:
        """The same for a terminal."""
        from rich.console import Group
        from rich.table import Table as RichTable
        from rich.text import Text

        table = RichTable(box=None, header_style="bold", pad_edge=False)
        for number, name in enumerate(self.columns):
            justify: Any = "left" if number < self.left else "right"
            table.add_column(name, justify=justify, overflow="fold")
        for row in self.rows:
            table.add_row(*(Text(console.one_line(cell)) for cell in row))
        notes = map(console.one_line, self.notes)
        return Group(table, *(Text(note, style="dim") for note in notes))


def _markdown_row(cells: Sequence[str]) -> str:
    texts = (console.one_line(cell).replace("|", "\\|") for cell in cells)
    return "| " + " | ".join(texts) + " |"
