"""Paints pages of PDFs and pictures, and finds words on them, in the child process (`worker.py`).

Protocol, one JSON object a line (see `protocol.py`), the child's answers indented:
    {"path": str, "page": int, "width": int}
        {"size": int, ...}                     with a PNG
    {"path": str, "page": int, "texts": [[text, what stands before it], ...],
     "words": [[text, left, top, right, bottom], ...] | null}
        {"boxes": [[[left, top, right, bottom], ...], ...]}
        {"error": str}                         instead: the page can't be shown
Words are those of a page that was read from its picture (`ocr.py`).
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from lcirc_cli.documents.detect import HEAD_BYTES, detect_format
from lcirc_cli.documents.ocr_marks import letters_of_words
from lcirc_cli.documents.pdf_marks import Letters, find, read_letters
from lcirc_cli.documents.picture import picture_png
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
        if request.get("words") is not None:
            letters = letters_of_words(request["words"])
            return {"boxes": _found(letters, request["texts"])}, b""
        path = Path(request["path"])
        if _is_picture(path):
            return {}, picture_png(path, request["page"])
        with _page(path, request["page"]) as page:
            if "texts" in request:
                return {"boxes": _marks(page, request["texts"])}, b""
            return {}, _picture(page, request["width"])
    except Exception as error:
        return {"error": describe(error)}, b""


def _found(letters: Letters, texts: list[list[str]]) -> list[Any]:
    return [find(letters, text, before=before) for text, before in texts]


def _is_picture(path: Path) -> bool:
    with path.open("rb") as file:
        return detect_format(file.read(HEAD_BYTES), name="") == "picture"


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
        return _found(read_letters(page, text_page), texts)
    finally:
        pdfium.FPDFText_ClosePage(text_page)
