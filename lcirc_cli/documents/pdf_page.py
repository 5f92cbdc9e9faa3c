"""The text of one PDF page from its chunks: columns, lines and tables in the order of reading.

Knows nothing about pdfium or processes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lcirc_cli.documents.pdf_bidi import has_rtl, logical
from lcirc_cli.documents.pdf_chunks import Chunk
from lcirc_cli.documents.pdf_columns import find_columns
from lcirc_cli.documents.pdf_lines import footnote_marks, lines_of, usual_size
from lcirc_cli.documents.pdf_rules import Rule, with_fractions
from lcirc_cli.documents.pdf_tables import apart, write_lines


@dataclass(frozen=True)
class PageText:
    """A page's text; `unsure` where two columns may have been read across."""

    text: str
    unsure: bool


def page_text(directions: Sequence[Sequence[Chunk]], rules: Sequence[Rule] = ()) -> PageText:
    """The text of the chunks, one writing direction after the other.

    `rules` are those of the first, the upright one.
    """
    written: list[str] = []
    unsure = False
    for number, upright in enumerate(directions):
        rules = rules if number == 0 else ()
        chunks = with_fractions(upright, rules, usual_size(upright)) if rules else upright
        layout = find_columns(chunks)
        unsure |= layout.unsure
        regions = [lines_of(region) for region in layout.regions]
        notes = footnote_marks([line for lines in regions for line in lines])
        if written:
            written.append("")
        for at, lines in enumerate(regions):
            last = regions[at - 1][-1] if at and regions[at - 1] else None
            if last and lines and last.y > lines[0].y and apart(last, lines[0], 0.0):
                written.append("")
            written += write_lines(lines, notes, rules)
    text = "\n".join(written)
    if has_rtl(text):
        text = "\n".join(map(logical, written))
    return PageText(text, unsure)
