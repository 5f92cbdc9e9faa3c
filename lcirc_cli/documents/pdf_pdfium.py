"""The reader of PDF files: pdfium opens them and says where each letter stands.

Runs in the child process (`worker.py`); pdfium is C++ and meets files from strangers.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lcirc_cli.documents.pdf_attachments import read_attachments
from lcirc_cli.documents.pdf_chunks import Chunk, chunks_of
from lcirc_cli.documents.pdf_fonts import readable
from lcirc_cli.documents.pdf_forms import Extras, place, read_extras, turned
from lcirc_cli.documents.pdf_glyphs import read_glyphs
from lcirc_cli.documents.pdf_page import page_text
from lcirc_cli.documents.pdf_rules import read_rules

if TYPE_CHECKING:
    from lcirc_cli.documents.ocr_engine import OcrEngine

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

_FEW_GLYPHS = 60  # on a page with a large picture: a scan with a printed number or a stamp
_MANY = 0.1  # of a page's letters that can't be read: its picture says more
_PICTURE_SHARE = 0.5  # of the page
_MOST_OBJECTS = 200  # of a page that are looked at for pictures
_LABEL_BYTES = 256  # of UTF-16; a longer label is no page's number
_KEPT_BYTES = 3 << 20  # of pages that were read


class LockedError(Exception):
    """The password is missing or wrong."""


class PdfiumReader:
    """A PDF that pdfium has opened."""

    name = "pdfium"

    def __init__(self, source: Path | bytes, password: str) -> None:
        """Open a file.

        Raises:
            LockedError: it needs another password.
            Exception: pdfium can't open it.
        """
        import pypdfium2.raw as pdfium

        self._pdfium, self._source, self._password = pdfium, source, password
        self._open()

    def _open(self) -> None:
        import pypdfium2

        pdfium = self._pdfium
        try:
            self._document = pypdfium2.PdfDocument(self._source, password=self._password)
        except pypdfium2.PdfiumError as error:
            if getattr(error, "err_code", None) == pdfium.FPDF_ERR_PASSWORD:
                raise LockedError from None
            raise
        self._form: Any = None
        with contextlib.suppress(Exception):
            if self._document.init_forms():
                self._form = self._document.formenv.raw  # type: ignore[union-attr]
        self._peak = _peak_bytes()

    def _forget(self) -> None:
        """Open the file anew where pages have left much behind: pdfium keeps every picture."""
        if _peak_bytes() - self._peak > _KEPT_BYTES:
            self._form = None
            self._document.close()
            self._open()

    def facts(self) -> dict[str, Any]:
        """What is to be known of the whole file."""
        pdfium, document = self._pdfium, self._document
        attached = document.count_attachments()
        names, texts = read_attachments(document)
        xfa = document.get_formtype() == pdfium.FORMTYPE_XFA_FULL
        facts = {"page_count": len(document), "attached": attached, "names": names, "xfa": xfa}
        return {**facts, "texts": texts}

    def page(self, number: int) -> dict[str, Any]:
        """A page's text and what is to be known of it; `number` counts from 1.

        Raises:
            ValueError: pdfium can't load it.
        """
        with self._loaded(number) as page:
            text_page = self._pdfium.FPDFText_LoadPage(page)
            if not text_page:
                raise ValueError("damaged page")
            try:
                return {**self._label(number), **self._read(page, text_page)}
            finally:
                self._pdfium.FPDFText_ClosePage(text_page)

    def look(self, number: int, engine: OcrEngine) -> dict[str, Any]:
        """The same of a page's picture, with what the page holds beside it.

        Raises:
            ValueError: pdfium can't load it.
        """
        with self._loaded(number) as page:
            return {**self._label(number), **self._look(page, engine)}

    @contextlib.contextmanager
    def _loaded(self, number: int) -> Iterator[Any]:
        self._forget()
        page = self._pdfium.FPDF_LoadPage(self._document, number - 1)
        if not page:
            raise ValueError("damaged page")
        try:
            yield page
        finally:
            self._pdfium.FPDF_ClosePage(page)

    def _label(self, number: int) -> dict[str, str]:
        """The page's printed number, where the file has a table of them (/PageLabels)."""
        import ctypes

        size = self._pdfium.FPDF_GetPageLabel(self._document, number - 1, None, 0)
        if not 2 < size <= _LABEL_BYTES:
            return {}
        buffer = ctypes.create_string_buffer(size)
        self._pdfium.FPDF_GetPageLabel(self._document, number - 1, buffer, size)
        return {"label": buffer.raw[: size - 2].decode("utf-16-le", "replace")}

    def _read(self, page: Any, text_page: Any) -> dict[str, Any]:
        pdfium = self._pdfium
        rotation = max(0, pdfium.FPDFPage_GetRotation(page))
        directions, lost, total = readable(read_glyphs(text_page, rotation=rotation))
        groups = [chunks_of(glyphs) for glyphs in directions]
        extras = self._extras(page)
        entries = [turned(entry, rotation) for entry in extras.entries]
        upright: list[Chunk] = groups[0] if groups else []
        placed, apart = place(entries, upright)
        if placed:
            groups = [[*upright, *placed], *groups[1:]]
        read = page_text(groups, read_rules(page, rotation=rotation) if groups else ())
        text = "\n\n".join(part for part in (read.text, *apart, *extras.notes) if part.strip())
        answer: dict[str, Any] = {"text": text}
        if lost:
            answer["unreadable"] = [lost, total]
        if read.unsure:
            answer["unsure"] = True
        if extras.files or extras.unread:
            answer["unread"] = [extras.files, extras.unread]
        if total < _FEW_GLYPHS and not placed:
            objects = pdfium.FPDFPage_CountObjects(page)
            if total and self._is_picture(page, objects):
                answer["scan"] = True
            if objects <= 0 and not text:
                answer["nothing"] = True
            if objects > 0 and (not total or "scan" in answer):
                answer["pictured"] = True
        if lost and lost >= _MANY * total:
            answer["many"] = answer["pictured"] = True
        return answer

    def _look(self, page: Any, engine: OcrEngine) -> dict[str, Any]:
        """The page by its picture, with what it holds beside it."""
        from lcirc_cli.documents.ocr_page import read_picture, render

        rotation = max(0, self._pdfium.FPDFPage_GetRotation(page))
        extras = self._extras(page)
        entries = [turned(entry, rotation) for entry in extras.entries]

        def more(chunks: Sequence[Chunk]) -> tuple[list[Chunk], list[str]]:
            placed, apart = place(entries, chunks)
            return placed, [*apart, *extras.notes]

        picture, scale, origin = render(page, rotation=rotation)
        answer = read_picture(engine, picture, scale=scale, origin=origin, more=more)
        if extras.files or extras.unread:
            answer["unread"] = [extras.files, extras.unread]
        return answer

    def _extras(self, page: Any) -> Extras:
        if self._pdfium.FPDFPage_GetAnnotCount(page) > 0:
            return read_extras(page, self._form)
        return Extras()

    def _is_picture(self, page: Any, objects: int) -> bool:
        """Whether one picture covers most of the page."""
        import ctypes

        pdfium = self._pdfium
        area = pdfium.FPDF_GetPageWidthF(page) * pdfium.FPDF_GetPageHeightF(page)
        edges = [ctypes.c_float() for _ in range(4)]
        for number in range(min(objects, _MOST_OBJECTS)):
            drawn = pdfium.FPDFPage_GetObject(page, number)
            kind = pdfium.FPDFPageObj_GetType(drawn)
            if kind not in (pdfium.FPDF_PAGEOBJ_IMAGE, pdfium.FPDF_PAGEOBJ_FORM):
                continue
            if pdfium.FPDFPageObj_GetBounds(drawn, *edges):
                left, bottom, right, top = (edge.value for edge in edges)
                if (right - left) * (top - bottom) > _PICTURE_SHARE * area:
                    return True
        return False


def _peak_bytes() -> int:
    """The most memory that this process had so far; 0 where that isn't known."""
    if resource is None:
        return 0
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB elsewhere
    return int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) * unit
