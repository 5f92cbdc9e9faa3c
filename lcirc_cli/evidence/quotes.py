"""What of a text can be quoted: whole sentences, items of lists and rows of tables with what they
need to be understood, and never what a page carries around its text.

A quote is one range of the text or several: the end of one page and the beginning of the next
without the foot, the footnotes and the head between them; a table's header and a row of it; the
sentence that opens a list and an item. Knows nothing about questions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from lcirc_cli.evidence.lines import Line, is_sentence_end, lines_of
from lcirc_cli.evidence.running_text import Range, RunningText
from lcirc_cli.evidence.sentences import split_sentences

LONGEST = 300  # characters of a quote of more than one sentence ...
LONGEST_SENTENCE = 600  # ... and of one; a longer one is cut between clauses
# A shorter quote goes on: chosen on held-back training questions, see docs/results/quotes.md.
SHORT = 150
_MOST_SENTENCES = 3
_AROUND = 1500  # characters before and after a passage where what belongs to a quote is looked for
_CLAUSE_ENDS = ("; ", "；", ": ", ", ", "，", "、", " ")
_RUN = re.compile(r"[!-~]{100}")  # an encoded picture, a key: nothing to read
_BLANK_FIELD = re.compile(r"_{5}|-{5}|\.{6}")  # to be filled in by hand
_LABEL_WORDS = 8


@dataclass(frozen=True, slots=True)
class Quote:
    """Ranges of a document's text, in order."""

    parts: tuple[Range, ...]
    sentences: int = 1  # without a header, heading or introduction
    bare: bool = False  # a heading or a line of contents: only where nothing else is to be had
    longer: tuple[Range, ...] = ()  # the parts of a short quote with what comes behind it

    def gone_on(self) -> Quote:
        """What is shown: a short quote with the next sentences of its paragraph or list."""
        return replace(self, parts=self.longer or self.parts, longer=())

    def text(self, text: str) -> str:
        """The verbatim parts, a line break between two."""
        return "\n".join(text[start:end] for start, end in self.parts)


@dataclass(frozen=True, slots=True)
class _Unit:
    """A sentence, item, row or heading of a running text: view[start:end]."""

    start: int
    end: int
    kind: str  # sentence, item, row, header, heading, contents
    block: int  # its paragraph, list or table
    context: tuple[int, int] | None = None  # what must stand before it

    @property
    def bare(self) -> bool:
        return self.kind in ("header", "heading", "contents")


def quotes(running: RunningText, start: int, end: int) -> list[Quote]:
    """The quotes whose text lies in text[start:end], at least in part.

    Where that is but a heading, the sentence below it is taken too.
    """
    view = running.around(start - _AROUND, end + _AROUND)
    units = list(_units(view.text))
    inside = [n for n, unit in enumerate(units) if view.touches(unit.start, unit.end, start, end)]
    if inside and all(units[n].bare for n in inside):
        below = inside[-1] + 1
        inside += [below] if below < len(units) and not units[below].bare else []
    found = []
    for number in inside:
        for quote in _from(units, number, view.text, last=inside[-1]):
            parts, longer = (
                tuple(_joined(view.ranges(spans), running.text))
                for spans in (quote.parts, quote.longer)
            )
            if parts:
                found.append(replace(quote, parts=parts, longer=longer))
    for first, last in running.footnotes:
        if first < end and last > start:
            found.append(Quote(((first, last),)))
    return found


def _joined(parts: Iterable[Range], text: str) -> list[Range]:
    """Parts with nothing but space between them are one."""
    found: list[Range] = []
    for start, end in parts:
        if found and not text[found[-1][1] : start].strip():
            found[-1] = (found[-1][0], end)
        else:
            found.append((start, end))
    return found


def _from(units: Sequence[_Unit], number: int, text: str, *, last: int) -> Iterator[Quote]:
    """The quotes that begin with a unit, as ranges of the running text.

    Args:
        last: number of the last unit that a further sentence may be.
    """
    unit = units[number]
    own = (unit.start, unit.end)
    titles = unit.kind == "heading"
    introduces = titles or text[unit.start : unit.end].endswith((":", "："))
    following = units[number + 1 :]
    if introduces and following and following[0].kind in ("item", "row"):
        # What opens a list, or names rows, says little without them.
        end = unit.end
        for item in following:
            if item.kind != following[0].kind or item.end - unit.start > LONGEST:
                break
            end = item.end
        yield Quote(((unit.start, end),), bare=end == unit.end)
        return
    # With the line break that stands between them.
    if unit.context and unit.context[1] - unit.context[0] + unit.end - unit.start < LONGEST:
        alone = Quote((unit.context, own))
    else:
        alone = Quote((own,), bare=unit.bare)
    yield _going_on(alone, units[number:], text)
    before = units[number - 1] if number else None
    titled = before is not None and before.kind == "heading" and unit.kind == "sentence"
    if before is not None and titled and unit.end - before.start <= LONGEST:
        quote = Quote(((before.start, before.end), own), sentences=2)
        yield _going_on(quote, units[number:], text)
    if unit.kind != "sentence":
        return
    further = units[number + 1 : last + 1][: _MOST_SENTENCES - 1]
    for count, other in enumerate(further, start=2):
        if (other.kind, other.block) != ("sentence", unit.block):
            return
        if other.end - unit.start > LONGEST:
            return
        quote = Quote(((unit.start, other.end),), sentences=count)
        yield _going_on(quote, units[number + count - 1 :], text)


def _going_on(quote: Quote, units: Sequence[_Unit], text: str) -> Quote:
    """A short quote with what follows in its paragraph or list until it is no longer short.

    Args:
        units: the quote's last one and those behind it.
    """
    if quote.bare or units[0].kind not in ("sentence", "item"):
        return quote
    length = sum(end - start for start, end in quote.parts) + len(quote.parts) - 1
    (start, end), unit = quote.parts[-1], units[0]
    for other in units[1:]:
        longer = length + other.end - end
        if length >= SHORT or longer > LONGEST or not _belongs(other, unit, text):
            break
        length, end, unit = longer, other.end, other
    grown = (*quote.parts[:-1], (start, end))
    return quote if grown == quote.parts else replace(quote, longer=grown)


def _belongs(unit: _Unit, before: _Unit, text: str) -> bool:
    """Whether a unit stands in the paragraph, or the list, of the one before it."""
    if unit.kind != before.kind or unit.context != before.context:
        return False
    # Pages that no sentence joins are a blank line apart.
    return unit.kind == "item" or text.count("\n", before.end, unit.start) < 2


def _units(text: str) -> Iterator[_Unit]:
    """All units of a running text, in order."""
    introduction: tuple[int, int] | None = None
    rows: list[Line] = []
    for block, group in enumerate(_groups(lines_of(text))):
        kind, start, end = group[0].kind, group[0].start, group[-1].end
        if kind == "row":
            rows = [line for line in group if not line.rule]
            yield from _table(rows, block)
            introduction = None
        elif kind in ("heading", "contents"):
            for line in group:
                yield _Unit(line.start, line.end, kind, block)
            introduction = None
        else:
            last = None
            for last in _sentences(text, start, end, kind=kind, block=block):
                yield replace(last, context=introduction) if kind == "item" else last
            if kind == "prose":
                opens = last is not None and text[last.start : last.end].endswith((":", "："))
                introduction = (last.start, last.end) if last and opens else None


def _groups(lines: Sequence[Line]) -> Iterator[list[Line]]:
    """Lines that are one paragraph (or several that may share a sentence), item or table."""
    group: list[Line] = []
    for line in lines:
        goes_on = group and line.kind == group[0].kind and line.kind != "item"
        if group and not goes_on and not (line.continues and group[0].kind == "item"):
            yield group
            group = []
        group.append(line)
    if group:
        yield group


def _table(rows: Sequence[Line], block: int) -> Iterator[_Unit]:
    if not rows:
        return
    head = rows[0]
    is_header = len(rows) > 1 and not head.numbers and any(row.numbers for row in rows[1:])
    yield _Unit(head.start, head.end, "header" if is_header else "row", block)
    for row in rows[1:]:
        yield _Unit(row.start, row.end, "row", block, context=(head.start, head.end))


def _sentences(text: str, start: int, end: int, *, kind: str, block: int) -> Iterator[_Unit]:
    """The sentences of a paragraph; an item of a list is one where it is short enough."""
    if kind == "item" and end - start <= LONGEST:
        yield _Unit(start, end, kind, block)
        return
    whole: list[tuple[int, int]] = []
    for sentence in split_sentences(text, start, end):
        if sentence.opens == "piece" and whole:
            whole[-1] = (whole[-1][0], sentence.end)
        else:
            whole.append((sentence.start, sentence.end))
    for first, last in whole:
        own = "item" if kind == "item" else "sentence"
        if _BLANK_FIELD.search(text, first, last) or (
            last - first > LONGEST and _RUN.search(text, first, last)
        ):
            own = "contents"
        elif kind == "prose" and (first, last) == (start, end) and _is_label(text[first:last]):
            own = "heading"
        for low, high in _clauses(text, first, last):
            yield _Unit(low, high, own, block)


def _is_label(line: str) -> bool:
    """A line that stands alone and says nothing: "Apo-B100, mg/dL"."""
    if "\n" in line or ": " in line or is_sentence_end(line) or not line[0].isupper():
        return False
    words = line.split()
    return len(words) <= _LABEL_WORDS and not any(word[0].isdigit() for word in words)


def _clauses(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The sentence itself, or parts of a very long one that end where clauses end."""
    if end - start <= LONGEST_SENTENCE:
        yield start, end
        return
    while end - start > LONGEST:
        least = start + LONGEST // 2
        ends = (
            text.rfind(mark, least, start + LONGEST) + len(mark.rstrip()) for mark in _CLAUSE_ENDS
        )
        cut = next((at for at in ends if at >= least), start + LONGEST)
        yield start, cut
        start = cut + len(text[cut:end]) - len(text[cut:end].lstrip())
    if start < end:
        yield start, end
