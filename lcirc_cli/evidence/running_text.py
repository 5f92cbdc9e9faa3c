"""A paged document's text without what pages put into it: running heads and feet, footnotes at the
end of a page, numbers of printed lines. Every character knows where in the text it stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from lcirc_cli.documents.document import Page
from lcirc_cli.evidence.lines import is_sentence_end
from lcirc_cli.evidence.name_words import FUNCTION_WORDS

Range = tuple[int, int]

_NOTE = re.compile(r"(?:\d{1,3}|\[\d{1,3}\]|[⁰¹²³⁴-⁹]{1,3}|[*†‡§]{1,3}) ?(?=[A-Z\"“(])")
_LISTED = re.compile(r"(?:\d{1,3}[.)]|\(\d{1,3}\)) (?=[A-Z\"“(])")  # an item of a list, or a note
_NOTE_LINES = 6
_FULL = 40  # characters: a line of running text
_LINE_NUMBER = re.compile(r"^[ \t]*(\d{1,4})(?:[ \t]+(?=\S)|[ \t]*$)", re.MULTILINE)
_SMALL = 0.3  # of numbered lines: they go on in the middle of a sentence


@dataclass(frozen=True)
class View:
    """A part of a running text."""

    text: str
    pieces: list[tuple[int, int, int]]  # first character here, first and last in the document

    def ranges(self, spans: Iterable[Range]) -> Iterator[Range]:
        """Where in the document spans of the view stand, without outer space."""
        for start, end in spans:
            for at, first, last in self.pieces:
                low, high = max(start, at), min(end, at + last - first)
                piece = self.text[low:high]
                if piece.strip():
                    begin = first + low - at + len(piece) - len(piece.lstrip())
                    yield begin, begin + len(piece.strip())

    def touches(self, start: int, end: int, first: int, last: int) -> bool:
        """Whether view[start:end] holds characters first..last of the document."""
        return any(low < last and high > first for low, high in self.ranges([(start, end)]))


class RunningText:
    """A document's text, its pages, and the ranges that are heads and feet."""

    def __init__(self, text: str, pages: Sequence[Page], heads: Sequence[Range]) -> None:
        self.text = text
        self._pages = [page for page in pages if page.number is not None]
        self._heads = set(heads)
        self._starts = dict(heads)
        self._ends = {end: start for start, end in heads}

    @cached_property
    def _bodies(self) -> list[tuple[int, int, int]]:
        """For each page where its own text begins, where that ends, and where its notes end."""
        found = []
        for page in self._pages:
            start, end = self._body(page)
            found.append((start, self._before_notes(start, end), end))
        return found

    @cached_property
    def footnotes(self) -> list[Range]:
        """Notes that stand between two halves of a sentence, one range a page."""
        ranges = [(after, end) for _, after, end in self._bodies if after < end]
        strip = [(a + len(self.text[a:b]) - len(self.text[a:b].lstrip()), b) for a, b in ranges]
        return [(a, b) for a, b in strip if a < b]

    def around(self, start: int, end: int) -> View:
        """The running text of text[start:end], from where a line begins to where one ends."""
        start, end = max(0, start), min(len(self.text), end)
        start = self.text.rfind("\n", 0, start) + 1
        stop = self.text.find("\n", end)
        end = len(self.text) if stop < 0 else stop
        text, pieces, at = "", [], start
        for first, last in [*self._left_out(start, end), (end, end)]:
            if at < first:
                pieces.append((len(text), at, first))
                text += self.text[at:first]
            at = max(at, last)
            if last < end and first < last:
                text += self._joint(
                    text, self.text[last : last + 1], page=self._is_gap(first, last)
                )
        return View(text, pieces)

    def in_order(self, start: int, end: int) -> str:
        """text[start:end] with each sentence that goes on over a page's end in one piece.

        What stood inside of one, such as a footnote and a running head, follows at the end.
        """
        pieces, moved, at = "", [], start
        for first, last in self.cuts(start, end):
            pieces += self.text[at:first] + "\n"
            moved.append(self.text[first:last].strip())
            at = last
        return "\n\n".join(filter(None, [pieces + self.text[at:end], *moved]))

    def cuts(self, start: int, end: int) -> list[Range]:
        """What in text[start:end] stands between the halves of a sentence, on two pages."""
        found, at = [], start
        for first, last in self._left_out(start, end):
            before, after = self.text[at:first], self.text[last : last + 1]
            inside = start < first and last < end and self._is_gap(first, last)
            if inside and self._joint(before, after, page=True) == "\n":
                found.append((first, last))
            at = last
        return found

    def _is_gap(self, start: int, end: int) -> bool:
        return "\n" in self.text[start:end] or (start, end) in self._heads

    def _joint(self, before: str, after: str, *, page: bool) -> str:
        """What joins two pages: whether a sentence goes on decides."""
        if not page or not before.strip():
            return ""
        line = before.rstrip()[before.rstrip().rfind("\n") + 1 :]
        goes_on = after.islower() or (after.isalnum() and _is_cut(line))
        goes_on = goes_on and not is_sentence_end(line)
        return "\n" if goes_on else "\n\n"

    def _left_out(self, start: int, end: int) -> list[Range]:
        """Ranges of text[start:end] that are no running text, in order."""
        gaps = []
        position = 0
        for begin, after, _ in self._bodies:
            if begin >= start and position <= end and position < begin:
                gaps.append((position, begin))
            position = after
        if self._bodies and position < end:
            gaps.append((position, end))
        inside = [(max(a, start), min(b, end)) for a, b in gaps if b > start and a < end]
        numbers = list(self._line_numbers(start, end))
        return _merged(inside + numbers)

    def _body(self, page: Page) -> Range:
        start, end = page.start, page.end
        while True:
            part = self.text[start:end]
            start += len(part) - len(part.lstrip())
            if start not in self._starts or self._starts[start] > end:
                break
            start = self._starts[start]
        while True:
            end = start + len(self.text[start:end].rstrip())
            if end not in self._ends or self._ends[end] < start:
                break
            end = self._ends[end]
        return start, max(start, end)

    def _before_notes(self, start: int, end: int) -> int:
        """Where the footnotes at a page's end begin, if a sentence is cut by them; else its end."""
        at, found = end, end
        for _ in range(_NOTE_LINES):
            begin = self.text.rfind("\n", start, at) + 1
            if begin <= start:
                break
            line = self.text[begin:at]
            above = self.text[start : begin - 1].rstrip()
            last = above[above.rfind("\n") + 1 :]
            is_note = _NOTE.match(line) and "\t" not in line and len(line.split()) > 2
            cuts = len(last) >= _FULL and not last.endswith((".", ":", "!", "?"))
            is_note = is_note or bool(_LISTED.match(line) and cuts and _is_cut(last))
            if is_note and cuts and not _NOTE.match(last):
                found = start + len(above)
                break
            at = begin - 1
        return found

    def _line_numbers(self, start: int, end: int) -> Iterator[Range]:
        """The numbers of printed lines: each line's or every fifth one's, counting up."""
        marks = list(_LINE_NUMBER.finditer(self.text, start, end))
        if len(marks) < 3:
            return
        lines: list[int] = [self.text.count("\n", start, mark.start()) for mark in marks]
        values = [int(mark[1]) for mark in marks]
        counted = {(line, value) for line, value in zip(lines, values, strict=True)}
        kept = []
        for mark, line, value in zip(marks, lines, values, strict=True):
            for step in (1, 5):
                near = sum((line + d * step, value + d * step) in counted for d in (-2, -1, 1, 2))
                if near >= 2 and (step == 1 or value % 5 == 0):
                    kept.append(mark)
                    break
        small = sum(self.text[mark.end() : mark.end() + 1].islower() for mark in kept)
        if kept and small >= _SMALL * len(kept):
            for mark in kept:
                yield mark.start(), mark.end()


def _is_cut(line: str) -> bool:
    """Whether the sentence goes on whatever follows: none ends with "by", "the" or a comma."""
    return line.endswith(",") or line.split()[-1].lower() in FUNCTION_WORDS


def _merged(ranges: Iterable[Range]) -> list[Range]:
    found: list[Range] = []
    for start, end in sorted(ranges):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found
