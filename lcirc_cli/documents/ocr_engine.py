"""Reads the lines of a picture with RapidOCR, in the child process (`worker.py`).

Its models lie in its package, are loaded once a process, and take the threads they are given.
Pictures that lie on their side or on their head are turned. Knows nothing about pages.
"""

from __future__ import annotations

import contextlib
import ctypes
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]  # [height, width, 3]
Corners = NDArray[np.float64]  # [4, 2]: upper left, upper right, lower right, lower left; pixels

LONGEST = 2_000  # pixels of the longer side that are looked at: 170 dots an inch of an A4 page
_TEXT = 0.5  # confidence of a line; less is a drawing or a stain
_TALL = 1.5  # times its width: a line that runs up or down
_DOUBT = 0.8  # mean confidence; a page below it may stand on its head
_BLANK = 6.0  # of 255: a picture without more contrast shows nothing
_SEES = 3  # lines and more tell how a page lies
_ARENAS = -8  # mallopt's M_ARENA_MAX: each takes 64 MiB of the address space


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text, and where its words stand."""

    text: str
    score: float  # 0 to 1
    corners: Corners
    words: list[tuple[str, Corners]]


@dataclass(frozen=True)
class Seen:
    """What a picture shows, in pixels of the picture turned by quarter turns to the left."""

    lines: list[Line]
    turn: int
    size: tuple[int, int]  # width, height when it is turned so
    confidence: float  # mean of all letters, those of what is no text too; 0 without any


class OcrEngine:
    """The models, loaded."""

    def __init__(self, threads: int) -> None:
        with contextlib.suppress(OSError, AttributeError, TypeError):  # no glibc
            ctypes.CDLL(None).mallopt(_ARENAS, 2)
        import cv2
        from rapidocr import RapidOCR

        cv2.setNumThreads(threads)
        self._read: Any = RapidOCR(
            params={
                "Global.log_level": "critical",
                "Global.use_cls": False,
                "Global.text_score": 0.0,
                "Global.max_side_len": LONGEST,
                "Rec.rec_batch_num": 1,  # more pad lines to the longest, which takes time and room
                "EngineConfig.onnxruntime.intra_op_num_threads": threads,
                "EngineConfig.onnxruntime.inter_op_num_threads": 1,
            }
        )

    def look(self, picture: Picture) -> Seen:
        """All lines of a picture."""
        if float(picture.max()) - float(picture.min()) < _BLANK:
            return Seen([], 0, (picture.shape[1], picture.shape[0]), 0.0)
        best = self._turned(picture, 0)
        for turn in _other_turns(best):
            seen = self._turned(picture, turn)
            if _worth(seen) > _worth(best):
                best = seen
        return best

    def _turned(self, picture: Picture, turn: int) -> Seen:
        shown = np.ascontiguousarray(np.rot90(picture, turn))
        found = self._read(shown, return_word_box=True)
        size = (shown.shape[1], shown.shape[0])
        if found.boxes is None or not len(found.boxes):
            return Seen([], turn, size, 0.0)
        lines, letters, sure = [], 0, 0.0
        words: Sequence[Any] = found.word_results or ()
        for at, (box, text, score) in enumerate(
            zip(found.boxes, found.txts, found.scores, strict=True)
        ):
            plain = _plain(text)
            letters += len(plain)
            sure += float(score) * len(plain)
            if score >= _TEXT and plain.strip():
                corners = np.asarray(box, np.float64)
                own = words[at] if len(words) == len(found.txts) else ()
                lines.append(Line(plain, float(score), corners, list(_words(plain, corners, own))))
        return Seen(lines, turn, size, sure / letters if letters else 0.0)


def _other_turns(seen: Seen) -> tuple[int, ...]:
    """Quarter turns that may show more."""
    letters = sum(len(line.text) for line in seen.lines)
    tall = sum(len(line.text) for line in seen.lines if _height(line) > _TALL * _width(line))
    if len(seen.lines) >= _SEES and tall > 0.5 * letters:
        return (1, 3)
    return (2,) if len(seen.lines) >= _SEES and seen.confidence < _DOUBT else ()


def _worth(seen: Seen) -> float:
    return seen.confidence * sum(
        len(line.text) for line in seen.lines if _height(line) <= _TALL * _width(line)
    )


def _width(line: Line) -> float:
    return float(np.linalg.norm(line.corners[1] - line.corners[0]))


def _height(line: Line) -> float:
    return float(np.linalg.norm(line.corners[3] - line.corners[0]))


def _plain(text: str) -> str:
    """Without the wide forms of signs, which the models write among Latin letters too."""
    if any(unicodedata.east_asian_width(c) == "W" for c in text):
        return text
    return unicodedata.normalize("NFKC", text)


def _words(text: str, corners: Corners, own: Sequence[Any]) -> Iterator[tuple[str, Corners]]:
    """What white space parts, each between its ends along the line."""
    ends = _ends(text, corners, own)
    at = 0
    for word in text.split():
        at = text.index(word, at)
        first, last = ends[at][0], ends[at + len(word) - 1][1]
        at += len(word)
        top, bottom = corners[1] - corners[0], corners[2] - corners[3]
        yield (
            word,
            np.array(
                [
                    corners[0] + first * top,
                    corners[0] + last * top,
                    corners[3] + last * bottom,
                    corners[3] + first * bottom,
                ]
            ),
        )


def _ends(text: str, corners: Corners, own: Sequence[Any]) -> list[tuple[float, float]]:
    """For each character, where it begins and ends, as shares of the line's length.

    RapidOCR tells it for words or single characters; what it leaves out is spread evenly.
    """
    size = max(len(text), 1)
    ends = [(at / size, (at + 1) / size) for at in range(len(text))]
    along = corners[1] - corners[0]
    length = float(along @ along)
    at = 0
    for content, _, box in own:
        content = _plain(content)
        found = text.find(content, at) if content.strip() and length else -1
        if found < 0:
            continue
        shares = (np.asarray(box, np.float64) - corners[0]) @ along / length
        first, last = max(0.0, float(shares.min())), min(1.0, float(shares.max()))
        step = (last - first) / len(content)
        for number in range(len(content)):
            ends[found + number] = (first + number * step, first + (number + 1) * step)
        at = found + len(content)
    return ends
