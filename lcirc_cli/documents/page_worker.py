"""Paints pages of PDFs, and finds words on them, in the child process (`worker.py`).

Protocol, one JSON object a line (see `protocol.py`), the child's answers indented:
    {"path": str, "page": int, "width": int}
        {"size": int, ...}                     with a PNG
    {"path": str, "page": int, "texts": [[text, what stands before it], ...]}
        {"boxes": [[[left, top, right, bottom], ...], ...]}
        {"error": str}                         instead: the page can't be shown
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from lcirc_cli.documents.pdf_marks import find, read_letters
from lcirc_cli.documents.protocol import Message, describe, receive, send

_MOST_PIXELS = 6_000_000  # of a picture


def serve(requests: IO[bytes], answers: IO[bytes]) -> None:
    """Answer for one page after another."""
    while (request := receive(requests)) is not None:
        message, data = _answer(request[0])
        send(answers, message, data)
    os._exit(0)


def _answer(request: Message) -> tuple[Message, bytes]:
    try:
        with _page(Path(request["path"]), request["page"]) as page:
            if "texts" in request:
                return {"boxes": _marks(page, request["texts"])}, b""
            return {}, _picture(page, request["width"])
    except Exception as error:
        return {"error": describe(error)}, b""


@contextmanager
def _page(path: Path, number: int) -> Iterator[Any]:
    import pypdfium2

    document = pypdfium2.PdfDocument(path)
    try:
        document.init_forms()
        if not 1 <= number <= len(document):
            raise ValueError("there is no such page")
        yield document[number - 1]
    finally:
        document.close()


def _picture(page: Any, width: int) -> bytes:
    """A PNG so many pixels wide, less of what would be too large."""
    across, down = page.get_size()
    scale = width / max(1.0, across)
    pixels = across * down * scale * scale
    if pixels > _MOST_PIXELS:
        scale *= (_MOST_PIXELS / pixels) ** 0.5
    target = io.BytesIO()
    page.render(scale=scale).to_pil().convert("RGB").save(target, "PNG", compress_level=4)
    return target.getvalue()


def _marks(page: Any, texts: list[list[str]]) -> list[Any]:
    import pypdfium2.raw as pdfium

    text_page = pdfium.FPDFText_LoadPage(page)
    if not text_page:
        raise ValueError("damaged page")
    try:
        letters = read_letters(page, text_page)
        return [find(letters, text, before=before) for text, before in texts]
    finally:
        pdfium.FPDFText_ClosePage(text_page)
