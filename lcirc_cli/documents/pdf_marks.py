"""Finds where words stand on a page of a PDF, as boxes over its picture.

What is looked for has been read, cleaned and set into paragraphs before, and pdfium gives letters
in the order in which they are painted: so letters and digits alone are compared. Words that are not
found in a row are found piece by piece. Runs in the child process, like all that meets pdfium.

Coordinates are shares of the page's width and height as it is shown, from its upper left corner.
"""

from __future__ import annotations

import ctypes
import math
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Box = tuple[float, float, float, float]  # left, top, right, bottom
Run = tuple[int, int]  # first letter of the page, one past the last

_GRID = 1 << 15  # pdfium gives whole numbers; a page is so many wide
_MOST_WORDS = 200  # of a text that is looked for piece by piece
_SHORT = 4  # letters: a shorter piece is looked for beside others alone ...
_NEAR = 80  # ... so many letters away, at most
# In heights of a letter: how high a line may be, and how far its next letter may stand; that far
# below, where letters are written downwards.
_LOOSE, _GAP, _GAP_BELOW = 1.6, 4.0, 0.1


def letters_of(text: str) -> str:
    """Letters and digits alone, in one form."""
    return "".join(c for c in unicodedata.normalize("NFKC", text).casefold() if c.isalnum())


@dataclass
class Letters:
    """The letters of a page in pdfium's order."""

    text: str
    owners: list[int]  # the character of pdfium that each is of
    begins: set[int]  # letters before which there is none of the same word
    boxes: dict[int, Box]  # of characters
    turned: dict[int, bool]  # of characters: whether their line runs up or down as it is shown


def read_letters(page: Any, text_page: Any) -> Letters:
    """All of a page, by pdfium's handles."""
    import pypdfium2.raw as pdfium

    found, owners, begins, boxes, turned = [], [], {0}, {}, {}
    size, gap = 0, True
    rotation = max(0, pdfium.FPDFPage_GetRotation(page))
    for number in range(max(0, pdfium.FPDFText_CountChars(text_page))):
        code = pdfium.FPDFText_GetUnicode(text_page, number)
        shown = letters_of(chr(code)) if 0 < code < 0x110000 else ""
        if not shown:
            gap = True
            continue
        if gap:
            begins.add(size)
        gap = False
        found.append(shown)
        owners += [number] * len(shown)
        size += len(shown)
        boxes[number] = _box(page, text_page, number)
        angle = math.degrees(pdfium.FPDFText_GetCharAngle(text_page, number))
        turned[number] = (round(angle / 90) + rotation) % 2 == 1
    begins.add(size)
    return Letters("".join(found), owners, begins, boxes, turned)


def _box(page: Any, text_page: Any, number: int) -> Box:
    import pypdfium2.raw as pdfium

    rectangle = pdfium.FS_RECTF()
    pdfium.FPDFText_GetLooseCharBox(text_page, number, rectangle)
    if rectangle.right - rectangle.left < 0.01 or rectangle.top - rectangle.bottom < 0.01:
        sides = [ctypes.c_double() for _ in range(4)]
        pdfium.FPDFText_GetCharBox(text_page, number, *sides)
        left, right, bottom, top = (side.value for side in sides)
    else:
        left, right = rectangle.left, rectangle.right
        bottom, top = rectangle.bottom, rectangle.top
    corners = [_shown(page, left, top), _shown(page, right, bottom)]
    (x, other_x), (y, other_y) = zip(*corners, strict=True)
    return min(x, other_x), min(y, other_y), max(x, other_x), max(y, other_y)


def _shown(page: Any, x: float, y: float) -> tuple[float, float]:
    import pypdfium2.raw as pdfium

    across, down = ctypes.c_int(), ctypes.c_int()
    pdfium.FPDF_PageToDevice(page, 0, 0, _GRID, _GRID, 0, x, y, across, down)
    return across.value / _GRID, down.value / _GRID


def find(letters: Letters, text: str, *, before: str = "") -> list[Box]:
    """Boxes around a text, one for each of its lines; [] where it is not on the page.

    Args:
        before: what stands before it on the page: of several places it tells which.
    """
    wanted = letters_of(text)
    if not wanted:
        return []
    places = list(_places(letters.text, wanted))
    if places:
        earlier = len(list(_places(letters_of(before) + wanted, wanted))) - 1
        at = places[min(max(0, earlier), len(places) - 1)]
        runs = [(at, at + len(wanted))]
    else:
        runs = _pieces(letters, text)
    return [box for run in runs for box in _lines(letters, run)]


def _places(text: str, wanted: str) -> Iterator[int]:
    at = text.find(wanted)
    while at >= 0:
        yield at
        at = text.find(wanted, at + 1)


def _pieces(letters: Letters, text: str) -> list[Run]:
    """Where words stand that are not in a row on the page: the longest rows of them first."""
    words = [each for each in map(letters_of, re.split(r"\s+", text)) if each][:_MOST_WORDS]
    found: list[Run] = []

    def look(first: int, last: int, near: int | None) -> None:
        for length in range(last - first, 0, -1):
            for start in range(first, last - length + 1):
                wanted = "".join(words[start : start + length])
                run = _nearest(letters, wanted, near, found)
                if run is not None:
                    found.append(run)
                    look(first, start, run[0])
                    look(start + length, last, run[1])
                    return

    look(0, len(words), None)
    held = sum(end - start for start, end in found)
    # A few words of many may stand anywhere: that is no place to point at.
    return sorted(found) if 2 * held >= len("".join(words)) else []


def _nearest(letters: Letters, wanted: str, near: int | None, taken: list[Run]) -> Run | None:
    """The place of whole words that is nearest to another one."""
    runs = [
        (at, at + len(wanted))
        for at in _places(letters.text, wanted)
        if at in letters.begins and at + len(wanted) in letters.begins
    ]
    runs = [run for run in runs if not any(run[0] < b and run[1] > a for a, b in taken)]
    if len(wanted) < _SHORT:
        runs = [run for run in runs if near is not None and abs(run[0] - near) <= _NEAR]
    return min(runs, key=lambda run: abs(run[0] - (near or 0)), default=None)


def _lines(letters: Letters, run: Run) -> Iterator[Box]:
    """Boxes around the letters of a run, one for each line that it is on."""
    box: Box | None = None
    for owner in dict.fromkeys(letters.owners[run[0] : run[1]]):
        own = letters.boxes[owner]
        if box is None:
            box = own
        elif (joined := _joined(box, own, turned=letters.turned[owner])) is not None:
            box = joined
        else:
            yield box
            box = own
    if box is not None:
        yield box


def _joined(box: Box, letter: Box, *, turned: bool) -> Box | None:
    """The box around a line so far and one more letter; None where that begins another line."""
    both = (
        min(box[0], letter[0]),
        min(box[1], letter[1]),
        max(box[2], letter[2]),
        max(box[3], letter[3]),
    )
    # Along the line, and across it; letters below each other may be written so, as in Japanese.
    for along, across in ((1, 0), (0, 1)) if turned else ((0, 1), (1, 0)):
        size = letter[across + 2] - letter[across]
        gap = max(letter[along] - box[along + 2], box[along] - letter[along + 2])
        far = _GAP if along == int(turned) else _GAP_BELOW
        if both[across + 2] - both[across] <= _LOOSE * size and gap <= far * size:
            return both
    return None
