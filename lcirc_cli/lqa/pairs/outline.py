"""A document's sentences, which of them can be asked about, and passages around them.

Knows nothing about how many pairs are wanted or where; that is in `spans`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from lcirc_cli.evidence.sentences import split_sentences
from lcirc_cli.lqa.records import Place

PASSAGE_CHARACTERS = 900  # a passage is at least this long where the document allows
EXTRACT_CHARACTERS = 350
SHORTEST, LONGEST = 40, 800  # characters of a sentence to ask about


class Outline:
    """The sentences of one text; positions are characters, a depth is a share of the text."""

    def __init__(self, text: str) -> None:
        self.text = text
        sentences = list(split_sentences(text))
        self._spans = [(sentence.start, sentence.end) for sentence in sentences]
        self._starts = [sentence.start for sentence in sentences]
        self._headings = {
            index for index, sentence in enumerate(sentences) if sentence.opens == "heading"
        }
        self._known: dict[int, bool] = {}

    def __bool__(self) -> bool:
        """Whether there is any sentence to ask about."""
        return any(self._usable(index) for index in range(len(self._spans)))

    def place_at(self, depth: float) -> Place:
        """The passage around the sentence to ask about that is nearest to a depth in [0, 1)."""
        return self._around(self._nearest(depth), PASSAGE_CHARACTERS)

    def far_apart(self, count: int, depth: float) -> list[Place]:
        """`count` passages at equal distances (the first at `depth`, going round), in order.

        Fewer where the document has too few sentences to keep them apart.
        """
        depths = [(depth + index / count) % 1.0 for index in range(count)]
        chosen = sorted({self._nearest(target) for target in depths})
        places: list[Place] = []
        for index in chosen:
            place = self._around(index, PASSAGE_CHARACTERS)
            if not places or place.start >= places[-1].end:
                places.append(place)
        return places

    def extracts(self, places: Sequence[Place], depth: float, *, count: int = 2) -> list[Place]:
        """Short pieces from elsewhere in the document than `places`, in order."""
        found: list[Place] = []
        for index in range(count + 2):
            sentence = self._nearest((depth + index / (count + 2)) % 1.0)
            piece = self._around(sentence, EXTRACT_CHARACTERS)
            taken = [*places, *found]
            if all(piece.end <= other.start or piece.start >= other.end for other in taken):
                found.append(piece)
        return sorted(found[:count], key=lambda piece: piece.start)

    def has_digit(self, place: Place) -> bool:
        """Whether the sentence to ask about has a number in it."""
        return any(char.isdigit() for char in self.text[place.focus_start : place.focus_end])

    def _usable(self, index: int) -> bool:
        """Whether a sentence can be asked about; found out when needed, most never are."""
        if index not in self._known:
            start, end = self._spans[index]
            self._known[index] = index not in self._headings and askable(self.text[start:end])
        return self._known[index]

    def _nearest(self, depth: float) -> int:
        """The index of the usable sentence at, or nearest to, a depth."""
        position = depth * len(self.text)
        here = max(0, bisect_right(self._starts, position) - 1)
        left = next((index for index in range(here, -1, -1) if self._usable(index)), None)
        if left == here:
            return here
        right = next((i for i in range(here + 1, len(self._spans)) if self._usable(i)), None)
        around = [index for index in (left, right) if index is not None]
        return min(around, key=lambda index: (self._distance(index, position), index))

    def _distance(self, index: int, position: float) -> float:
        start, end = self._spans[index]
        return max(start - position, position - end, 0.0)

    def _around(self, index: int, length: int) -> Place:
        """The sentence and its neighbours, alternating sides, up to `length` characters."""
        first = last = index
        start, end = self._spans[index]
        before = True
        while end - start < length and (first > 0 or last + 1 < len(self._spans)):
            if (before and first > 0) or last + 1 == len(self._spans):
                first -= 1
            else:
                last += 1
            before = not before
            start, end = self._spans[first][0], self._spans[last][1]
        return Place(start, end, *self._spans[index])


def askable(sentence: str) -> bool:
    """Whether a sentence can carry a question: long enough, words rather than a table row."""
    if not SHORTEST <= len(sentence) <= LONGEST or "\n\n" in sentence:
        return False
    letters = sum(char.isalpha() for char in sentence)
    return letters >= 0.6 * len(sentence)
