"""The handbook's page layout: what a heading, a paragraph, a table look like on A4 with fpdf2.

Knows paper and fonts; knows neither Markdown nor files. Units are millimetres, font sizes points.
Only the standard PDF fonts are used, with the WinAnsi letters that they hold. The page number that
is printed is the physical page, so that a citation of page 12 is found on the page marked 12.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from fpdf import FPDF, FontFace
from fpdf.enums import Align, XPos, YPos
from fpdf.outline import OutlineSection
from fpdf.text_region import ImageParagraph, LineWrapper, Paragraph, TextColumns

BODY, CODE = "Times", "Courier"  # a sans-serif face would make "lcirc" look like "Icirc"
BODY_SIZE, CODE_SIZE, TABLE_SIZE = 11.5, 9.0, 10.0
POINT = 0.3528  # millimetres
LINE = 1.32  # line height as a multiple of the font size
MARGIN, TOP = 27.0, 30.0
WHOLE_TABLE_ROWS = 11  # a table of up to so many rows isn't split between pages
CONTENTS_PAGES = 3  # reserved; fpdf2 raises if the contents need more
FIRST_BODY_PAGE = 2 + CONTENTS_PAGES
BLUE, INK, GREY = (31, 58, 95), (20, 20, 20), (110, 110, 110)
CODE_FILL, HEAD_FILL = (244, 244, 240), (228, 234, 242)


@dataclass(frozen=True)
class Run:
    """A stretch of text in one style; `emphasis` is "", "B" or "I"."""

    text: str
    emphasis: str = ""
    code: bool = False


class KeptLines(TextColumns):
    """A text column that leaves no single line of a paragraph alone on a page."""

    pdf: Handbook

    def collect_lines(self) -> list[ImageParagraph | LineWrapper]:
        """The paragraph's lines; may start a page first. fpdf2 calls it once, before drawing."""
        lines = super().collect_lines()
        self.pdf.keep_lines(len(lines))
        return lines


class Handbook(FPDF):
    """A PDF under construction; blocks are drawn in reading order."""

    def __init__(self, *, title: str, created: datetime, keywords: str) -> None:
        super().__init__(format="A4")
        self.core_fonts_encoding = "windows-1252"
        self.book_title, self.chapter, self.chapter_page = title, "", 0
        self.room_below = 0.0
        self.set_margins(MARGIN, TOP, MARGIN)
        self.set_auto_page_break(True, 25)
        self.set_title(title)
        self.set_author("The lcirc maintainers")
        self.set_lang("en")
        self.set_keywords(keywords)
        self.set_producer("fpdf2")  # without its version, which would change the bytes
        self.set_creation_date(created)

    # -- page furniture ---------------------------------------------------------------------

    def header(self) -> None:
        """Chapter (or the book's title on the page that opens one) and page number."""
        if self.page == 1:
            return
        opens = self.page in (self.chapter_page, FIRST_BODY_PAGE)
        left = self.book_title if opens else self.chapter
        self.set_y(14)
        self._font(BODY, 8.5, colour=GREY)
        self.cell(self.epw - 20, 5, left)
        self.cell(20, 5, str(self.page), align=Align.R)
        self.set_draw_color(*GREY)
        self.set_line_width(0.2)
        self.line(MARGIN, 20, self.w - MARGIN, 20)
        self.set_xy(MARGIN, TOP)

    def title_page(self, lines: Sequence[str]) -> None:
        """Title, subtitle (the first line) and the remaining lines lower down."""
        self.add_page()
        self.set_fill_color(*BLUE)
        self.rect(0, 0, self.w, 9, style="F")
        self.set_y(88)
        self._font(BODY, 34, "B", BLUE)
        self.multi_cell(0, 15, self.book_title, align=Align.L, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.ln(4)
        self._font(BODY, 16)
        self.multi_cell(0, 8, lines[0], align=Align.L, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.set_y(235)
        self._font(BODY, 11.5, colour=GREY)
        for line in lines[1:]:
            self.multi_cell(0, 6, line, align=Align.L, new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    def contents_pages(self) -> None:
        """Reserves the table of contents; it is drawn when all page numbers are known."""
        self.chapter = "Contents"
        self.chapter_page = self.page + 1
        self.add_page()
        self.insert_toc_placeholder(
            Handbook._draw_contents, pages=CONTENTS_PAGES, reset_page_indices=False
        )

    @staticmethod
    def _draw_contents(pdf: FPDF, outline: list[OutlineSection]) -> None:
        assert isinstance(pdf, Handbook)
        pdf._font(BODY, 20, "B", BLUE)
        pdf.cell(0, 12, "Contents", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        for entry in outline:
            is_chapter = entry.level == 0
            pdf._font(BODY, 9.5, "B" if is_chapter else "")
            if is_chapter:
                if pdf.will_page_break(16):  # a chapter stays with its first section
                    pdf.add_page()
                pdf.ln(1.2)
            height, indent = 4.2, 0 if is_chapter else 6
            link = pdf.add_link(page=entry.page_number)
            pdf.set_x(MARGIN + indent)
            pdf.cell(pdf.epw - indent - 14, height, entry.name, link=link)
            pdf.cell(14, height, str(entry.page_number), align=Align.R, link=link)
            pdf.ln(height)

    # -- blocks -----------------------------------------------------------------------------

    def chapter_heading(self, text: str) -> None:
        """Starts a new page unless there is much room left on this one."""
        if self.will_page_break(110):
            self.chapter_page = self.page + 1
            self.add_page()
        elif self.y > TOP + 1:
            self.ln(9)
        self.chapter = text.partition(". ")[2] or text  # a number there would look like the page's
        self.start_section(text, level=0)
        self._font(BODY, 20, "B", BLUE)
        self.multi_cell(0, 9, text, align=Align.L, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.ln(4)

    def section_heading(self, text: str, *, room: float) -> None:
        """Starts a page if less than `room` mm would be left below it."""
        if self.will_page_break(min(room, self.eph / 2) + 12):
            self.add_page()
        elif self.y > TOP + 1:
            self.ln(2.5)
        self.start_section(text, level=1)
        self._font(BODY, 12.5, "B", BLUE)
        self.multi_cell(0, 6, text, align=Align.L, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.ln(1.8)

    def paragraph_block(self, runs: Sequence[Run], *, room: float) -> None:
        """A justified paragraph; a short one starts a page if it can't leave `room` mm below it."""
        self.room_below = room
        with self._text(after=2.2) as paragraph:
            self._write(paragraph, runs)
        self.room_below = 0.0

    def list_item(self, runs: Sequence[Run], *, mark: str, last: bool) -> None:
        """One item of a list, with its mark in the indent."""
        with self._text(after=2.6 if last else 0.9, indent=7.0, mark=mark) as paragraph:
            self._write(paragraph, runs)

    def code_block(self, text: str) -> None:
        """Preformatted text on a tinted ground; never split between pages.

        Raises:
            ValueError: a line is wider than the page.
        """
        lines = text.split("\n")
        self._font(CODE, CODE_SIZE)
        widest = max(lines, key=len)
        if self.get_string_width(widest) > self.epw - 6:
            raise ValueError(f"code line too wide for the page: {widest!r}")
        height = CODE_SIZE * POINT * 1.28
        if self.will_page_break(height * len(lines) + 6):
            self.add_page()
        self.set_fill_color(*CODE_FILL)
        self.rect(MARGIN, self.y, self.epw, height * len(lines) + 4, style="F")
        self.ln(2)
        for line in lines:
            self.set_x(MARGIN + 3)
            self.cell(0, height, line, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.ln(4.8)

    def table_block(self, rows: Sequence[Sequence[Run]]) -> None:
        """A table whose first row is its heading; a short one isn't split between pages."""
        with self.offset_rendering() as trial:
            trial._draw_table(rows)
        if trial.page_break_triggered and (
            len(rows) <= WHOLE_TABLE_ROWS or self.will_page_break(50)
        ):
            self.add_page()
        self._draw_table(rows)

    def _draw_table(self, rows: Sequence[Sequence[Run]]) -> None:
        widths = self._column_widths(rows)
        self._font(BODY, TABLE_SIZE)
        self.set_fill_color(255, 255, 255)
        self.set_draw_color(190, 196, 204)
        self.set_line_width(0.2)
        heading = FontFace(BODY, "BOLD", TABLE_SIZE - 1, BLUE, HEAD_FILL)
        code = FontFace(CODE, "", CODE_SIZE - 0.4)
        with self.table(
            col_widths=widths,
            width=self.epw,
            align=Align.L,
            text_align=Align.L,
            line_height=TABLE_SIZE * POINT * 1.25,
            padding=(1.1, 1.6, 1.1, 1.6),
            borders_layout="HORIZONTAL_LINES",
            headings_style=heading,
            v_align="TOP",
        ) as table:
            for cells in rows:
                row = table.row()
                for cell in cells:
                    row.cell(cell.text, style=code if cell.code else None)
        self.ln(3.6)

    def keep_lines(self, total: int) -> None:
        """Makes room so that a paragraph of `total` lines isn't broken after or before one line."""
        line = BODY_SIZE * POINT * LINE
        left = self.h - self.b_margin - self.y
        fits = int(left / line)
        short = total <= 3
        if (fits < total and (fits < 2 or short)) or (
            short and left < total * line + self.room_below
        ):
            self.add_page()
        elif fits == total - 1:  # the last line takes another one along to the next page
            self.set_auto_page_break(True, self.b_margin + line)

    # -- helpers ----------------------------------------------------------------------------

    def _column_widths(self, rows: Sequence[Sequence[Run]]) -> tuple[float, ...]:
        """Columns get what their longest word needs, then share the rest by their text."""
        longest, natural = [], []
        for column in zip(*rows, strict=True):
            widths = []
            for cell in column:
                self._font(CODE if cell.code else BODY, TABLE_SIZE, "" if cell.code else "B")
                words = max(self.get_string_width(word) for word in [*cell.text.split(), ""])
                widths.append((words, self.get_string_width(cell.text)))
            longest.append(max(word for word, _ in widths) + 4)
            natural.append(max(text for _, text in widths) + 4)
        spare = self.epw - sum(longest)
        wanted = [max(full - word, 0.01) for full, word in zip(natural, longest, strict=True)]
        share = spare / sum(wanted)
        return tuple(word + want * share for word, want in zip(longest, wanted, strict=True))

    def _font(
        self, family: str, size: float, emphasis: str = "", colour: tuple[int, int, int] = INK
    ) -> None:
        self.set_font(family, emphasis, size)
        self.set_text_color(*colour)

    def _write(self, paragraph: Paragraph, runs: Sequence[Run]) -> None:
        for run in runs:
            if run.code:
                self._font(CODE, BODY_SIZE - 1.4, run.emphasis)
            else:
                self._font(BODY, BODY_SIZE, run.emphasis)
            paragraph.write(run.text)

    @contextmanager
    def _text(self, *, after: float, indent: float = 0.0, mark: str = "") -> Iterator[Paragraph]:
        """A paragraph to write to, drawn at the end without single lines left on a page."""
        self._font(BODY, BODY_SIZE)
        bottom = self.b_margin
        column_of_text = KeptLines(
            self,
            text_align=Align.J,
            line_height=LINE,
            wrapmode="WORD",
            l_margin=MARGIN,
            r_margin=MARGIN + indent,  # fpdf2 shifts indented lines without narrowing them
        )
        with (
            column_of_text as column,
            column.paragraph(
                indent=indent, bullet_string=mark, bullet_r_margin=2.0, bottom_margin=after
            ) as paragraph,
        ):
            yield paragraph
        self.set_auto_page_break(True, bottom)
        self.set_x(MARGIN)
