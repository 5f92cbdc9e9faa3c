"""The text of one page from its picture: a page of a PDF, or a picture of its own.

Runs in the child process (`worker.py`).
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lcirc_cli.documents.ocr_engine import LONGEST, OcrEngine, Picture
from lcirc_cli.documents.ocr_layout import place_lines, words_in_order
from lcirc_cli.documents.pdf_chunks import Chunk
from lcirc_cli.documents.pdf_page import page_text

_MOST_SCALE = 400 / 72  # pixels a point, of a small page
# From the page's own chunks to those that join them, and the texts that follow the page's.
More = Callable[[Sequence[Chunk]], tuple[list[Chunk], list[str]]]


def read_picture(
    engine: OcrEngine,
    picture: Picture,
    *,
    scale: float,
    origin: tuple[float, float] = (0.0, 0.0),
    more: More | None = None,
) -> dict[str, Any]:
    """What a picture with `scale` pixels a point says, as an answer of the child process.

    Args:
        origin: where its lower left corner is in the frame of `more`.
        more: adds what the page holds beside it.
    """
    seen = engine.look(picture)
    placed = place_lines(seen, scale=scale, origin=origin)
    joined, after = more(placed.chunks) if more is not None else ([], [])
    read = page_text([[*placed.chunks, *joined]])
    answer: dict[str, Any] = {
        "text": "\n\n".join(part for part in (read.text, *after) if part.strip()),
        "ocr": round(seen.confidence, 4),
        "words": words_in_order(placed, seen),
    }
    if read.unsure:
        answer["unsure"] = True
    return answer


def render(page: Any, *, rotation: int) -> tuple[Picture, float, tuple[float, float]]:
    """A PDF page without its annotations: the picture, pixels a point, its lower left corner.

    The corner is in points, in the frame in which the page's text runs to the right.

    Args:
        page: pdfium's handle.
    """
    import pypdfium2.raw as pdfium

    across = max(pdfium.FPDF_GetPageWidthF(page), 1.0)
    down = max(pdfium.FPDF_GetPageHeightF(page), 1.0)
    scale = min(LONGEST / max(across, down), _MOST_SCALE)
    width, height = max(round(across * scale), 1), max(round(down * scale), 1)
    bitmap = pdfium.FPDFBitmap_Create(width, height, 0)
    if not bitmap:
        raise MemoryError
    try:
        pdfium.FPDFBitmap_FillRect(bitmap, 0, 0, width, height, 0xFFFFFFFF)
        pdfium.FPDF_RenderPageBitmap(bitmap, page, 0, 0, width, height, 0, 0)
        stride = pdfium.FPDFBitmap_GetStride(bitmap)
        address = ctypes.cast(pdfium.FPDFBitmap_GetBuffer(bitmap), ctypes.c_void_p).value
        buffer = (ctypes.c_ubyte * (stride * height)).from_address(address or 0)
        pixels = np.frombuffer(buffer, np.uint8).reshape(height, stride)[:, : 4 * width]
        picture = pixels.reshape(height, width, 4)[:, :, 2::-1].copy()  # blue comes first
    finally:
        pdfium.FPDFBitmap_Destroy(bitmap)
    x, y = ctypes.c_double(), ctypes.c_double()
    pdfium.FPDF_DeviceToPage(page, 0, 0, width, height, 0, 0, height, x, y)
    corner = ((x.value, y.value), (y.value, -x.value), (-x.value, -y.value), (-y.value, x.value))
    return picture, scale, corner[rotation % 4]
