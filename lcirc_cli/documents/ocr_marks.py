"""The letters of a page that was read from its picture, as `pdf_marks.py` looks for quotes in them.

A word's letters are spread evenly over its box. Knows nothing about pictures.
"""

from __future__ import annotations

from collections.abc import Sequence

from lcirc_cli.documents.ocr import SIDE, Word
from lcirc_cli.documents.pdf_marks import Box, Letters, letters_of


def letters_of_words(words: Sequence[Word]) -> Letters:
    """All letters in the order in which the page was read."""
    texts: list[str] = []
    begins, boxes = {0}, dict[int, Box]()
    for text, left, top, right, bottom in words:
        size, at = max(len(text), 1), len(boxes)
        for place, character in enumerate(text):
            shown = letters_of(character)
            x0 = (left + (right - left) * place / size) / SIDE
            x1 = (left + (right - left) * (place + 1) / size) / SIDE
            for letter in shown:
                boxes[len(boxes)] = (x0, top / SIDE, x1, bottom / SIDE)
                texts.append(letter)
        if len(boxes) > at:
            begins.add(len(boxes))
    owners = list(range(len(boxes)))
    return Letters("".join(texts), owners, begins, boxes, dict.fromkeys(owners, False))
