"""Makes chunks of the lines that were seen in a picture, as `pdf_page.py` reads them.

Boxes around painted lines jitter, and a scan lies askew: lines are levelled, heights and left ends
that are nearly the same become the same. Knows nothing about pdfium or the models.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lcirc_cli.documents.ocr import SIDE, Word
from lcirc_cli.documents.ocr_engine import Corners, Line, Seen
from lcirc_cli.documents.pdf_chunks import Chunk
from lcirc_cli.documents.pdf_columns import find_columns
from lcirc_cli.documents.pdf_lines import lines_of

_EM = 0.87  # of a box's height: the letter height of its line
_SPLIT_EM = 1.3  # a wider gap lies between two columns or cells
_BASELINE_EM = 0.33  # below the middle of a box
_ALIKE = (0.78, 1.28)  # times the usual letter height: the same
_STEP = 1.2  # other heights are the usual one times a power of it
_ROW_EM = 0.35  # middles so near stand on one line
_EDGE_EM = 0.4  # left ends so near are one edge
_FEWEST = 3  # at an edge
_MOST_TURN = 15.0  # degrees that a page may lie askew


@dataclass(slots=True)
class _Piece:
    """A run of words without a wide gap, levelled; pixels, y grows downwards."""

    words: list[tuple[str, Corners]]
    x0: float
    x1: float
    middle: float
    em: float

    @property
    def text(self) -> str:
        return " ".join(word for word, _ in self.words)


@dataclass
class Placed:
    """Chunks, and for each by its number the words that it is of."""

    chunks: list[Chunk]
    words: list[list[tuple[str, Corners]]]


def place_lines(seen: Seen, *, scale: float, origin: tuple[float, float] = (0.0, 0.0)) -> Placed:
    """The chunks of a picture with `scale` pixels a point.

    Args:
        origin: where the picture's lower left corner is to be.
    """
    turn = _askew(seen.lines)
    pieces = [piece for line in seen.lines for piece in _pieces(line, turn)]
    if not pieces:
        return Placed([], [])
    usual = _usual(pieces)
    for piece in pieces:
        piece.em = _alike(piece.em, usual)
    _level(pieces)
    _align(pieces, usual)
    left, low = origin
    height = seen.size[1]
    chunks = [
        Chunk(
            text=piece.text,
            x0=left + piece.x0 / scale,
            x1=left + piece.x1 / scale,
            y=low + (height - piece.middle - _BASELINE_EM * piece.em) / scale,
            size=piece.em / scale,
            spaced=True,
            number=number,
        )
        for number, piece in enumerate(pieces)
    ]
    return Placed(chunks, [piece.words for piece in pieces])


def words_in_order(placed: Placed, seen: Seen) -> list[Word]:
    """The words in the order in which the page is read, in parts of the picture as it was given."""
    found: list[Word] = []
    for region in find_columns(placed.chunks).regions:
        for line in lines_of(region):
            scripts = [*line.raised.values(), *line.lowered.values()]
            for chunk in (*line.chunks, *itertools.chain(*scripts)):
                for text, corners in placed.words[chunk.number]:
                    found.append((text, *_box(corners, seen)))
    return found


def _box(corners: Corners, seen: Seen) -> tuple[int, int, int, int]:
    width, height = seen.size
    points = corners.copy()
    for _ in range(seen.turn):  # a quarter turn to the right undoes one to the left
        points = np.stack([height - points[:, 1], points[:, 0]], axis=1)
        width, height = height, width
    shares = np.clip(points / (width, height), 0.0, 1.0) * SIDE
    (left, top), (right, bottom) = shares.min(axis=0).tolist(), shares.max(axis=0).tolist()
    return round(left), round(top), round(right), round(bottom)


def _askew(lines: Sequence[Line]) -> float:
    """The angle of most of the text, in radians; the longer a line, the better it tells."""
    told = []
    for line in lines:
        for a, b in ((0, 1), (3, 2)):
            along = line.corners[b] - line.corners[a]
            angle = math.atan2(along[1], along[0])
            if abs(math.degrees(angle)) <= _MOST_TURN:
                told.append((angle, float(np.hypot(*along))))
    told.sort()
    half, total = sum(length for _, length in told) / 2, 0.0
    for angle, length in told:
        total += length
        if total >= half:
            return angle
    return 0.0


def _pieces(line: Line, turn: float) -> list[_Piece]:
    """A line where wide gaps part it."""
    cos, sin = math.cos(turn), math.sin(turn)
    level = np.array([[cos, -sin], [sin, cos]])  # turns by -turn, applied from the right
    em = _EM * float(np.linalg.norm(line.corners[3] - line.corners[0]))
    found: list[_Piece] = []
    for text, corners in line.words:
        points = corners @ level
        x0, x1 = float(points[:, 0].min()), float(points[:, 0].max())
        if found and x0 - found[-1].x1 <= _SPLIT_EM * em:
            found[-1].words.append((text, corners))
            found[-1].x1 = max(found[-1].x1, x1)
        else:
            found.append(_Piece([(text, corners)], x0, x1, 0.0, em))
    middle = float((line.corners @ level)[:, 1].mean())
    for piece in found:
        piece.middle = middle
    return found


def _usual(pieces: Sequence[_Piece]) -> float:
    """The letter height of the middle one of all letters."""
    ordered = sorted(pieces, key=lambda piece: piece.em)
    half, total = sum(len(piece.text) for piece in pieces) / 2, 0
    for piece in ordered:
        total += len(piece.text)
        if total >= half:
            return piece.em
    return ordered[-1].em


def _alike(em: float, usual: float) -> float:
    low, high = _ALIKE
    if low * usual < em < high * usual:
        return usual
    return usual * _STEP ** round(math.log(em / usual, _STEP))


def _level(pieces: Sequence[_Piece]) -> None:
    """Give those that stand beside each other on one line the same height."""
    rows: list[list[_Piece]] = []
    for piece in sorted(pieces, key=lambda piece: piece.middle):
        row = rows[-1] if rows else []
        if (
            row
            and piece.middle - row[0].middle < _ROW_EM * min(piece.em, row[0].em)
            and all(piece.x0 >= other.x1 or piece.x1 <= other.x0 for other in row)
        ):
            row.append(piece)
        else:
            rows.append([piece])
    for row in rows:
        middle = sum(piece.middle for piece in row) / len(row)
        for piece in row:
            piece.middle = middle


def _align(pieces: Sequence[_Piece], em: float) -> None:
    """Give those that begin at one edge the same left end."""
    edge: list[_Piece] = []
    for piece in [*sorted(pieces, key=lambda piece: piece.x0), None]:
        if piece is not None and (not edge or piece.x0 - edge[0].x0 <= _EDGE_EM * em):
            edge.append(piece)
            continue
        if len(edge) >= _FEWEST:
            x0 = edge[len(edge) // 2].x0
            for each in edge:
                each.x0 = x0
        edge = [] if piece is None else [piece]
