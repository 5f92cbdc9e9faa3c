"""Pages whose letters stand where a test wants them, and what is read of them."""

from __future__ import annotations

from lcirc_cli.documents.pdf_notes import PdfNotes
from lcirc_cli.documents.pdf_pdfium import PdfiumReader
from lcirc_cli.documents.reflow import Reflow

from .raw_pdf import objects, stream, write


def put(x: float, y: float, text: str, *, size: float = 10, more: str = "") -> str:
    """Page content that paints a text at a place."""
    text = text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
    return f"BT /F1 {size} Tf {more} 1 0 0 1 {x} {y} Tm ({text}) Tj ET"


def read(*pages: str, rotate: int = 0) -> tuple[list[str], list[str]]:
    """(texts, notes) of pages with this content; without a child process, which costs seconds."""
    made = objects([stream(page.encode("cp1252")) for page in pages])
    for i in range(len(pages)):
        made[4 + 2 * i] = made[4 + 2 * i].replace(b"/Parent", b"/Rotate %d /Parent" % rotate)
    return read_bytes(write(made))


def read_bytes(data: bytes) -> tuple[list[str], list[str]]:
    reader, reflow, notes = PdfiumReader(data, ""), Reflow(), PdfNotes()
    for number in range(1, reader.facts()["page_count"] + 1):
        answer = reader.page(number)
        reflow.add(answer["text"])
        notes.page({"page": number, **answer})
    return reflow.pages(), notes.lines()


def text(*parts: str) -> str:
    (page,), _ = read("\n".join(parts))
    return page
