"""Draws pages as a scanner would leave them, with the text that stands on them.

The words are those of the handbook, the fonts those that come with matplotlib.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

ROOT = Path(__file__).resolve().parents[2]
FONTS = ("DejaVuSans", "STIXGeneral", "DejaVuSansMono")
DPI = (150, 300)
POINTS = 10.5  # of the letters
PAGE = (595, 842)  # points of A4
_GUTTER_EM, _PITCH = 2.4, 1.45


Box = tuple[float, float, float, float]  # left, top, right, bottom, as shares of the page


@dataclass(frozen=True)
class Scanned:
    """A page's picture, and its text in the order of reading."""

    kind: str
    font: str
    dpi: int
    image: Image.Image
    text: str
    places: list[tuple[str, Box]]  # where each line or cell stands, before the page is spoilt
    rows: list[list[str]]  # of its table


@cache
def sentences() -> tuple[str, ...]:
    """Sentences of the handbook without its marks."""
    text = (ROOT / "docs" / "handbook.md").read_text(encoding="utf-8")
    prose = [each for each in text.split("\n\n") if re.match(r"[A-Z][a-z]+ [a-z]", each)]
    plain = " ".join(re.sub(r"[`*_]|\[([^]]*)\]\([^)]*\)", r"\1", each) for each in prose)
    found = re.split(r"(?<=[.!?]) (?=[A-Z])", " ".join(plain.split()))
    return tuple(each for each in found if 40 < len(each) < 200 and each.isascii())


@cache
def _font(name: str, pixels: int) -> Any:
    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    return ImageFont.truetype(folder / f"{name}.ttf", pixels)


class _Sheet:
    """What is drawn on; lengths in points."""

    def __init__(self, font: str, dpi: int, size: tuple[int, int], points: float) -> None:
        self.scale, self.size, self.points = dpi / 72, size, points
        self.margin = 0.1 * size[0]
        pixels = [round(side * self.scale) for side in size]
        self.image = Image.new("L", (pixels[0], pixels[1]), 255)
        self.draw, self.name = ImageDraw.Draw(self.image), font
        self.places: list[tuple[str, Box]] = []
        self.rows: list[list[str]] = []

    def font(self, points: float) -> Any:
        return _font(self.name, round(points * self.scale))

    def put(self, x: float, y: float, text: str, times: float = 1.0) -> None:
        at, font = (x * self.scale, y * self.scale), self.font(times * self.points)
        self.draw.text(at, text, fill=0, font=font)
        left, top, right, bottom = self.draw.textbbox(at, text, font=font)
        width, height = self.image.size
        self.places.append((text, (left / width, top / height, right / width, bottom / height)))

    def lines(self, text: str, width: float) -> Iterator[str]:
        """A text in lines of so many points."""
        line = ""
        for word in text.split():
            wider = f"{line} {word}".strip()
            if line and self.font(self.points).getlength(wider) > width * self.scale:
                yield line
                line = word
            else:
                line = wider
        if line:
            yield line

    def fill(self, x: float, y: float, width: float, bottom: float, start: int) -> tuple[str, int]:
        """Sentences from a number on, as many as there is room for: what was written, the next."""
        written: list[str] = []
        while True:
            lines = list(self.lines(sentences()[start % len(sentences())], width))
            if y + len(lines) * _PITCH * self.points > bottom:
                return " ".join(written), start
            for line in lines:
                self.put(x, y, line)
                written.append(line)
                y += _PITCH * self.points
            y += 0.5 * self.points
            start += 1


def _plain(sheet: _Sheet, start: int) -> str:
    title, top = f"Part {start} of the handbook", 0.07 * sheet.size[1]
    sheet.put(sheet.margin, top, title, 1.5)
    width, bottom = sheet.size[0] - 2 * sheet.margin, 0.92 * sheet.size[1]
    return f"{title} {sheet.fill(sheet.margin, top + 3 * sheet.points, width, bottom, start)[0]}"


def _few(sheet: _Sheet, start: int) -> str:
    """A sentence."""
    width, bottom = sheet.size[0] - 2 * sheet.margin, 12 * sheet.points
    return sheet.fill(sheet.margin, 2 * sheet.points, width, bottom, start)[0]


def _columns(sheet: _Sheet, start: int) -> str:
    gutter = _GUTTER_EM * sheet.points
    width = (sheet.size[0] - 2 * sheet.margin - gutter) / 2
    top, bottom = 0.08 * sheet.size[1], 0.92 * sheet.size[1]
    left, after = sheet.fill(sheet.margin, top, width, bottom, start)
    right, _ = sheet.fill(sheet.margin + width + gutter, top, width, bottom, after)
    return f"{left} {right}"


def _table(sheet: _Sheet, start: int) -> str:
    high, pitch = sheet.size[1], 1.7 * sheet.points
    width = sheet.size[0] - 2 * sheet.margin
    head, after = sheet.fill(sheet.margin, 0.07 * high, width, 0.24 * high, start)
    words = [w for s in sentences()[start : start + 60] for w in re.findall(r"[a-z]{4,9}", s)]
    sheet.rows = [["Name", "Boats", "Price", "Place"]]
    for row in range(int(0.46 * high / pitch) - 1):
        count, price = (37 * row + start) % 90 + 10, (row * 7919 + start) % 9000 / 10 + 100
        place = f"{words[50 + row]} bay"
        sheet.rows.append([words[row].capitalize(), str(count), f"{price:.2f}", place])
    for number, row in enumerate(sheet.rows):
        for cell, share in zip(row, (0, 0.3, 0.5, 0.7), strict=True):
            sheet.put(sheet.margin + share * width, 0.26 * high + pitch * number, cell)
    tail, _ = sheet.fill(sheet.margin, 0.74 * high, width, 0.93 * high, after)
    return " ".join([head, *(" ".join(row) for row in sheet.rows), tail])


def _skewed(image: Image.Image, seed: int) -> Image.Image:
    return image.rotate(2 if seed % 2 else -2, Image.Resampling.BICUBIC, fillcolor=255)


def _noisy(image: Image.Image, seed: int) -> Image.Image:
    """Grey paper with grey letters, and noise."""
    grey = 60 + np.asarray(image, np.float32) * (150 / 255)
    noise = np.random.default_rng(seed).normal(0, 22, grey.shape)
    return Image.fromarray(np.clip(grey + noise, 0, 255).astype(np.uint8))


OTHERS = {"few": (_few, None)}
KINDS: dict[str, tuple[Callable[[_Sheet, int], str], Any]] = {
    "plain": (_plain, None),
    "skewed": (_plain, _skewed),
    "noisy": (_plain, _noisy),
    "columns": (_columns, None),
    "table": (_table, None),
}


def page(
    kind: str,
    *,
    font: str = FONTS[0],
    dpi: int = DPI[0],
    start: int = 1,
    size: tuple[int, int] = PAGE,
    points: float = POINTS,
) -> Scanned:
    """One page; `start` is the number of its first sentence."""
    sheet = _Sheet(font, dpi, size, points)
    write, spoil = {**OTHERS, **KINDS}[kind]
    text = write(sheet, start)
    image = sheet.image if spoil is None else spoil(sheet.image, start)
    return Scanned(kind, font, dpi, image, text, sheet.places, sheet.rows)


def thirty() -> list[Scanned]:
    """All kinds in all fonts at both resolutions."""
    wanted = [(kind, font, dpi) for dpi in DPI for font in FONTS for kind in KINDS]
    return [
        page(kind, font=font, dpi=dpi, start=1 + 11 * number)
        for number, (kind, font, dpi) in enumerate(wanted)
    ]


def as_pdf(pages: Sequence[Scanned]) -> bytes:
    """A PDF of pictures."""
    out = io.BytesIO()
    first, *others = [each.image for each in pages]
    first.save(out, "PDF", resolution=float(pages[0].dpi), save_all=True, append_images=others)
    return out.getvalue()


def squeezed(text: str) -> str:
    """White space as single blanks."""
    return " ".join(text.split())


def errors(read: str, true: str) -> int:
    """Characters to insert, delete or replace (Levenshtein)."""
    a, b = squeezed(read), np.array([ord(c) for c in squeezed(true)])
    at = np.arange(len(b) + 1)
    row = at.copy()
    for number, character in enumerate(a, start=1):
        best = np.minimum(row[:-1] + (b != ord(character)), row[1:] + 1)
        row = np.minimum.accumulate(np.concatenate(([number], best)) - at) + at
    return int(row[-1])
