"""Opens a picture file (PNG, JPEG, TIFF) as pages, for `pdf_worker.py`: a TIFF has one a frame.

Runs in the child process (`worker.py`). The size of a frame is looked at before it is unpacked.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np

from lcirc_cli.documents.ocr_engine import LONGEST, OcrEngine, Picture

MOST_PIXELS = 80_000_000  # of a frame: an A4 page at 900 dots an inch
_FORMATS = ("PNG", "JPEG", "TIFF")
_DPI = 200.0  # where the file doesn't say it
_LIKELY = (50.0, 1_200.0)


class PictureReader:
    """A picture file, opened."""

    name = "picture"

    def __init__(self, source: Path | bytes, password: str) -> None:
        """Open a file; no picture has a password.

        Raises:
            Exception: Pillow can't open it.
        """
        self._image = _opened(source)
        frames = getattr(self._image, "n_frames", 1)
        self._frames = frames if self._image.format == "TIFF" else 1

    def facts(self) -> dict[str, Any]:
        """What is to be known of the whole file."""
        return {"page_count": self._frames}

    def page(self, number: int) -> dict[str, Any]:
        """No frame has letters."""
        return {"text": "", "pictured": True}

    def look(self, number: int, engine: OcrEngine) -> dict[str, Any]:
        """A frame's text; `number` counts from 1.

        Raises:
            ValueError: it has too many pixels.
        """
        from lcirc_cli.documents.ocr_page import read_picture

        width, height = _go_to(self._image, number)
        dpi = self._image.info.get("dpi", (0, 0))[0]
        dpi = float(dpi) if _LIKELY[0] <= float(dpi) <= _LIKELY[1] else _DPI
        picture = _as_shown(self._image)
        scale = dpi / 72 * max(picture.shape[:2]) / max(width, height)
        return read_picture(engine, picture, scale=scale)


def picture_png(path: Path, number: int) -> bytes:
    """A frame as it is looked at, as PNG.

    Raises:
        Exception: it can't be opened or has too many pixels.
    """
    from PIL import Image

    image = _opened(path)
    _go_to(image, number)
    target = io.BytesIO()
    Image.fromarray(_as_shown(image)).save(target, "PNG", compress_level=4)
    return target.getvalue()


def _opened(source: Path | bytes) -> Any:
    from PIL import Image, UnidentifiedImageError

    Image.MAX_IMAGE_PIXELS = None  # the limit here is looked at frame by frame, and raises
    stream = source if isinstance(source, Path) else io.BytesIO(source)
    try:
        return Image.open(stream, formats=_FORMATS)
    except UnidentifiedImageError as error:  # which names the file by its path
        raise ValueError(f"Pillow can't read it as {', '.join(_FORMATS)}") from error


def _go_to(image: Any, number: int) -> tuple[int, int]:
    """Width and height of a frame, not unpacked yet."""
    image.seek(number - 1)
    width, height = image.size
    if width * height > MOST_PIXELS:
        raise ValueError(f"has {width * height:,} pixels; the limit is {MOST_PIXELS:,}")
    return width, height


def _as_shown(image: Any) -> Picture:
    """In three colours on white, the way up that the file says, no larger than is looked at."""
    from PIL import Image, ImageOps

    if image.mode.startswith("I;16") or image.mode == "I":
        deep = np.asarray(image).astype(np.float32)
        image = Image.fromarray((deep * (255.0 / max(float(deep.max()), 1.0))).astype(np.uint8))
    if image.mode in ("1", "P", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA" if image.mode != "1" else "L")
    shown = ImageOps.exif_transpose(image)
    if max(shown.size) > LONGEST:
        shown.thumbnail((LONGEST, LONGEST), Image.Resampling.LANCZOS)
    if shown.mode == "RGBA":
        white = Image.new("RGBA", shown.size, (255, 255, 255, 255))
        shown = Image.alpha_composite(white, shown)
    return np.asarray(shown.convert("RGB"), np.uint8)
