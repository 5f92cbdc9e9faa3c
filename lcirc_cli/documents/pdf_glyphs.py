"""Where every letter of a PDF page stands, as pdfium tells it: arrays with an entry for each glyph.

Knows pdfium's text pages; nothing about words, lines or columns. Letters that are painted twice
(fake bold, shadows) come once.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lcirc_cli.documents.pdf_ligatures import texts_of
from lcirc_cli.documents.pdf_math_fonts import LARGE, table_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

SPACES = (0x20, 0x09, 0x0A, 0x0D, 0xA0, 0x2002, 0x2003, 0x2009, 0x202F, 0x3000)
_HYPHENS = (0x02, 0xFFFE)  # what pdfium gives for a hyphen at a line's end
_OVERPRINT_EM = 0.2  # so near, in letter heights, the same letter is the same letter
_RIGHT_ANGLE = 10.0  # degrees that a direction may lie off a quarter turn
_AXIS_EM = 0.25  # the height of a minus sign
_ADVANCE_EM = 0.05  # a letter that is narrower has no width in its font


@dataclass(frozen=True)
class Glyphs:
    """Glyphs of one writing direction, in the order in which the page paints them.

    All arrays have an entry for each glyph, shape (N,); lengths are in points, in a frame in which
    the text runs to the right and lines follow each other downwards (y grows upwards).
    """

    texts: list[str]  # one character, or those of a ligature
    x: Floats  # where the pen stands
    y: Floats  # the baseline
    left: Floats
    right: Floats  # where the pen goes on
    size: Floats  # letter height
    spaced: Flags  # a space is written before this glyph
    odd: Flags  # its font has no table of characters, so that its code stands for it

    def __len__(self) -> int:
        return len(self.texts)

    def pick(self, index: Ints | Flags) -> Glyphs:
        """The glyphs at these positions, or where these flags are set, in that order."""
        numbers = np.flatnonzero(index) if index.dtype == np.bool_ else index
        return Glyphs(
            [self.texts[i] for i in numbers.tolist()],
            *(getattr(self, name)[numbers] for name in _ARRAYS),
        )


_ARRAYS = ("x", "y", "left", "right", "size", "spaced", "odd")


def read_glyphs(text_page: Any, *, rotation: int) -> list[Glyphs]:
    """The page's glyphs by writing direction: upright as the page is shown first, then by number.

    `text_page` is pdfium's handle, `rotation` the quarter turns to the right in which it is shown.
    """
    raw = _Raw(text_page)
    if raw.count == 0:
        return []
    groups: list[tuple[tuple[bool, int], Glyphs]] = []
    for turn, members in raw.directions():
        glyphs = _once(raw.glyphs(members, turn))
        upright = abs((turn - 90 * rotation + 180) % 360 - 180) < _RIGHT_ANGLE
        groups.append(((not upright, -len(glyphs)), glyphs))
    return [glyphs for _, glyphs in sorted(groups, key=lambda group: group[0]) if len(glyphs)]


def _function(name: str, *arguments: type, result: type = ctypes.c_int) -> Callable[..., int]:
    """pdfium's function with plain addresses as arguments: half the time for each glyph."""
    import pypdfium2.raw as pdfium

    address = ctypes.cast(getattr(pdfium, name), ctypes.c_void_p).value
    return ctypes.CFUNCTYPE(result, *arguments)(address)  # type: ignore[arg-type, return-value]


_FUNCTIONS: dict[str, Callable[..., int]] = {}


def _functions() -> dict[str, Callable[..., int]]:
    if not _FUNCTIONS:
        page, number, pointer = ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p
        _FUNCTIONS.update(
            code=_function("FPDFText_GetUnicode", page, number, result=ctypes.c_uint),
            origin=_function("FPDFText_GetCharOrigin", page, number, pointer, pointer),
            box=_function("FPDFText_GetLooseCharBox", page, number, pointer),
            tight=_function("FPDFText_GetCharBox", page, number, *[pointer] * 4),
            generated=_function("FPDFText_IsGenerated", page, number),
            odd=_function("FPDFText_HasUnicodeMapError", page, number),
            object=_function("FPDFText_GetTextObject", page, number, result=ctypes.c_void_p),
            size=_function("FPDFText_GetFontSize", page, number, result=ctypes.c_double),
            matrix=_function("FPDFText_GetMatrix", page, number, pointer),
        )
    return _FUNCTIONS


class _Raw:
    """What pdfium says about the characters of a page, in its own order and the page's frame."""

    def __init__(self, text_page: Any) -> None:
        import pypdfium2.raw as pdfium

        call = _functions()
        page = ctypes.cast(text_page, ctypes.c_void_p).value
        count = max(0, pdfium.FPDFText_CountChars(text_page))
        generated = call["generated"]
        real = [i for i in range(count) if not generated(page, i)]
        code, odd, owner = call["code"], call["odd"], call["object"]
        self.count = len(real)
        if not real:
            return
        self.codes = np.array([code(page, i) for i in real], np.int64)
        self.odd = np.array([odd(page, i) == 1 for i in real], np.bool_)
        objects = np.array([owner(page, i) or 0 for i in real], np.uint64)
        self.origins = np.zeros((self.count, 2))
        self.boxes = np.zeros((self.count, 4), np.float32)  # left, top, right, bottom
        origin, box = call["origin"], call["box"]
        first, second = self.origins.ctypes.data, self.boxes.ctypes.data
        for at, i in enumerate(real):
            origin(page, i, first + 16 * at, first + 16 * at + 8)
            box(page, i, second + 16 * at)
        self._mend_boxes(page, real)
        self._mend_codes(text_page, real, objects)
        self.codes[np.isin(self.codes, _HYPHENS) & ~self.odd] = 0x2D
        _, starts, self.object = np.unique(objects, return_index=True, return_inverse=True)
        sizes, turns = zip(*(self._scale(page, real[i]) for i in starts.tolist()), strict=True)
        self.size = np.array(sizes)[self.object]
        self.turn = np.array(turns)[self.object]
        for pieces in self.large:
            if abs(self.turn[i := pieces[0]]) < 1:
                middle = self._middle(page, [real[piece] for piece in pieces])
                self.origins[i, 1] = middle - _AXIS_EM * self.size[i]
        self.vertical = self._vertical()
        self.turn[self.vertical] = 270.0

    def _mend_codes(self, text_page: Any, real: list[int], objects: NDArray[np.uint64]) -> None:
        """Give the glyphs of TeX's fonts for mathematics the characters that they show."""
        tables: dict[int, dict[int, int] | None] = {}
        self.large: list[list[int]] = []  # hang below their baseline; bars come in pieces
        for i in np.flatnonzero(self.odd).tolist():
            owner = int(objects[i])
            if owner not in tables:
                tables[owner] = table_of(_font_name(text_page, real[i]))
            table = tables[owner]
            if table is not None and (code := table.get(int(self.codes[i]))) is not None:
                self.codes[i], self.odd[i] = code, False
                if table is LARGE:
                    self._add_large(i)

    def _add_large(self, i: int) -> None:
        last = self.large[-1] if self.large else [i]
        again = last[-1] == i - 1 and self.codes[i] == self.codes[last[0]] and chr(self.codes[i])
        if again in ("|", "‖") and abs(self.origins[i, 0] - self.origins[last[0], 0]) < 0.1:
            last.append(i)
            self.codes[i] = 0
        else:
            self.large.append([i])

    def _middle(self, page: int | None, pieces: list[int]) -> float:
        """Half the height of the painted shapes of glyphs."""
        shape, heights = np.zeros(4), []
        at = shape.ctypes.data
        for piece in pieces:
            _functions()["tight"](page, piece, at, at + 8, at + 16, at + 24)
            heights += [float(shape[2]), float(shape[3])]
        return (min(heights) + max(heights)) / 2

    def _mend_boxes(self, page: int | None, real: list[int]) -> None:
        """Take the painted shape of letters to which their font gives no width."""
        width = self.boxes[:, 2] - self.boxes[:, 0]
        height = self.boxes[:, 1] - self.boxes[:, 3]
        flat = np.maximum(width, height) <= 0.01
        flat &= ~np.isin(self.codes, SPACES)
        tight, shape = _functions()["tight"], np.zeros(4)
        at = shape.ctypes.data
        for i in np.flatnonzero(flat).tolist():
            tight(page, real[i], at, at + 8, at + 16, at + 24)  # left, right, bottom, top
            self.boxes[i] = (shape[0], shape[3], shape[1], shape[2])

    def _scale(self, page: int | None, i: int) -> tuple[float, float]:
        """Letter height in points, and the direction in degrees, of a glyph and its neighbours."""
        call = _functions()
        matrix = (ctypes.c_float * 6)()
        call["matrix"](page, i, ctypes.addressof(matrix))
        a, b, c, d = matrix[:4]
        height = abs(call["size"](page, i)) * math.hypot(c, d)
        return max(height, 0.1), math.degrees(math.atan2(b, a)) % 360

    def _vertical(self) -> Flags:
        """Which glyphs are written downwards letter by letter, as Japanese may be."""
        if self.codes.max() < 0x2E80 or self.count < 2:
            return np.zeros(self.count, np.bool_)
        step = np.diff(self.origins, axis=0)
        em = self.size[1:]
        same = self.object[1:] == self.object[:-1]
        down = same & (np.abs(step[:, 0]) < 0.2 * em) & (step[:, 1] < -0.5 * em)
        along = same & (np.abs(step[:, 1]) < 0.2 * em) & (step[:, 0] > 0.2 * em)
        count = int(self.object.max()) + 1
        votes = np.bincount(self.object[1:][down], minlength=count)
        against = np.bincount(self.object[1:][along], minlength=count)
        found: Flags = ((votes > against) & (votes > 0))[self.object]
        return found

    def directions(self) -> Iterator[tuple[float, Flags]]:
        """(direction in degrees, which glyphs) for each direction, near quarter turns as one."""
        quarter = np.round(self.turn / 90) * 90
        near = np.abs(self.turn - quarter) < _RIGHT_ANGLE
        bins = np.where(near, quarter % 360, np.round(self.turn / 5) * 5 % 360)
        for each in np.unique(bins).tolist():
            members = bins == each
            exact = self.turn[members]
            yield float(each + np.median((exact - each + 180) % 360 - 180)), members

    def glyphs(self, members: Flags, turn: float) -> Glyphs:
        """These glyphs in the frame that is turned by `turn` degrees; spaces become flags."""
        index = np.flatnonzero(members)
        cos, sin = math.cos(math.radians(turn)), math.sin(math.radians(turn))
        x, y = self.origins[index].T
        x, y = x * cos + y * sin, y * cos - x * sin
        left, right = _sideways(self.boxes[index].astype(np.float64), turn)
        x = np.where(self.vertical[index], left, x)  # their pen stands at the foot
        size, codes = self.size[index], self.codes[index]
        space = np.isin(codes, SPACES) & ~self.odd[index]
        owner = self.object[index]
        piece = np.zeros(len(index), np.bool_)
        piece[1:] = (owner[1:] == owner[:-1]) & (np.abs(np.diff(x)) < 0.001)
        piece[1:] &= (np.abs(np.diff(y)) < 0.001) & ~space[1:] & ~space[:-1]
        piece[1:] &= codes[:-1] > 0
        spaced = np.zeros(len(index), np.bool_)
        spaced[1:] = space[:-1]
        keep = ~space & ~piece & (codes > 0)
        texts = texts_of(codes, piece)
        return Glyphs(texts, x, y, left, right, size, spaced, self.odd[index]).pick(keep)


def _font_name(text_page: Any, index: int) -> str:
    import pypdfium2.raw as pdfium

    name, flags = ctypes.create_string_buffer(64), ctypes.c_int()
    size = pdfium.FPDFText_GetFontInfo(text_page, index, name, len(name), flags)
    return name.value.decode("latin-1") if 0 < size <= len(name) else ""


def _sideways(boxes: Floats, turn: float) -> tuple[Floats, Floats]:
    """Left and right side of boxes (left, top, right, bottom) in a frame turned by `turn`."""
    left, top, right, bottom = boxes.T
    quarter = round(turn / 90)
    if abs(turn - 90 * quarter) > _RIGHT_ANGLE:  # the boxes hold the slanted letters with much air
        cos, sin = math.cos(math.radians(turn)), math.sin(math.radians(turn))
        middle = (left + right) / 2 * cos + (top + bottom) / 2 * sin
        half = np.minimum(right - left, top - bottom) / 3
        return middle - half, middle + half
    off = math.radians(turn - 90 * quarter)
    low = (left, bottom, -right, -top)[quarter % 4]
    high = (right, top, -left, -bottom)[quarter % 4]
    if abs(off) < 0.001:
        return low, high
    across = ((bottom + top) / 2, -(left + right) / 2)[quarter % 2] * (1 - 2 * (quarter % 4 > 1))
    shift = across * math.sin(off) - (low + high) / 2 * (1 - math.cos(off))
    return low + shift, high + shift


def _once(glyphs: Glyphs) -> Glyphs:
    """Without the second and later copies of a letter that is painted on itself."""
    if len(glyphs) < 2:
        return glyphs
    kinds = np.array([hash(text) for text in glyphs.texts], np.int64)
    grid = float(np.median(glyphs.size))
    width = np.maximum(glyphs.right - glyphs.left, 0.15 * glyphs.size)
    reach = np.minimum(np.minimum(_OVERPRINT_EM * glyphs.size, 0.5 * width), grid / 4)
    again = np.zeros(len(glyphs), np.bool_)
    for shift in (0.0, 0.5):  # what a border of the first grid parts, the second holds together
        rows = np.floor(glyphs.y / (grid / 2) + shift)
        order = np.lexsort((glyphs.x, rows, kinds))
        before, after = order[:-1], order[1:]
        same = (kinds[before] == kinds[after]) & (rows[before] == rows[after])
        same &= np.abs(glyphs.x[before] - glyphs.x[after]) < reach[after]
        same &= np.abs(glyphs.y[before] - glyphs.y[after]) < reach[after]
        same &= np.abs(glyphs.size[before] / glyphs.size[after] - 1) < 0.1
        again[np.maximum(before, after)[same]] = True
    return glyphs.pick(~again) if again.any() else glyphs
