"""The second reader of PDF files, for those that pdfium can't open: pypdf, which mends more damage
and knows neither columns nor forms.

Runs in the child process (`worker.py`).
"""

from __future__ import annotations

import contextlib
import itertools
from pathlib import Path
from typing import Any

from lcirc_cli.documents.pdf_pdfium import LockedError


class PypdfReader:
    """A PDF that pypdf has opened."""

    name = "pypdf"

    def __init__(self, source: Path | bytes, password: str) -> None:
        """Open a file.

        Raises:
            LockedError: it needs another password.
            Exception: pypdf can't open it.
        """
        import io

        from pypdf import PdfReader

        _mend_space_width()
        stream = source.open("rb") if isinstance(source, Path) else io.BytesIO(source)
        self._reader = PdfReader(stream)
        if self._reader.is_encrypted and not self._reader.decrypt(password):
            raise LockedError

    def facts(self) -> dict[str, Any]:
        """What is to be known of the whole file."""
        return {"page_count": len(self._reader.pages), "reader": self.name}

    def page(self, number: int) -> dict[str, Any]:
        """A page's text; `number` counts from 1. Raises whatever pypdf does."""
        known = len(self._reader.resolved_objects)
        page = self._reader.pages[number - 1]
        answer = {"text": page.extract_text()}
        with contextlib.suppress(Exception):  # its text is here, whatever is odd about the page
            self._forget_streams(page, known)
        return answer

    def check(self, number: int) -> None:
        """Raise what is wrong with a page's content, if anything is."""
        known = len(self._reader.resolved_objects)
        page = self._reader.pages[number - 1]
        contents = page.get_contents()
        if contents is not None:
            contents.get_data()
        with contextlib.suppress(Exception):
            self._forget_streams(page, known)

    def _forget_streams(self, page: Any, known: int) -> None:
        """Drop what this page alone needed, so that memory does not grow with the page count.

        pypdf keeps every object that it has resolved, and a decoded copy of every stream. Fonts and
        object streams stay: many pages share them. What is dropped would be read again from the
        file.
        """
        resolved: dict[tuple[int, int], Any] = self._reader.resolved_objects
        contents = page.get("/Contents")
        direct = getattr(contents, "indirect_reference", None)
        references = [direct, *(contents if isinstance(contents, list) else [])]
        for reference in references:
            key = (getattr(reference, "generation", 0), getattr(reference, "idnum", 0))
            resolved.pop(key, None)
        added = itertools.islice(reversed(resolved), max(0, len(resolved) - known))
        for key in list(added):
            stream = resolved[key]
            if isinstance(stream, dict) and stream.get("/Subtype") in ("/Image", "/Form"):
                del resolved[key]


def _mend_space_width() -> None:
    """Keep the words of composite fonts without a space glyph apart.

    pypdf takes the width of glyph 32 for that of a space, whatever glyph 32 is. Where it is wide,
    narrower gaps between words are lost: in one 193-page manual half of all words stick together.
    Without a space character pypdf falls back to its own default width, which fits.
    """
    try:
        from pypdf.generic._font import Font

        original = Font.from_font_resource.__func__  # type: ignore[attr-defined]
    except (ImportError, AttributeError):
        return  # another pypdf than the tested ones; the words of such files stick together

    def from_font_resource(cls: type[Font], resource: Any) -> Font:
        font: Font = original(cls, resource)
        if font.sub_type == "Type0" and " " not in font.character_map.values():
            font.space_char = ""
        return font

    Font.from_font_resource = classmethod(from_font_resource)  # type: ignore
