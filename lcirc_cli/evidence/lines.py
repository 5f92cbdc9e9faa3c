"""What each line of a text is: running text, an item of a list, a row of a table, a heading, or a
line of a table of contents or an index."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from lcirc_cli.evidence.name_words import OTHER_MONTHS

_ITEM = re.compile(
    r"\s*(?:[-*•◦▪●–] |\(?(?:\d{1,3}|[a-zA-Z]|[ivx]{1,5})[.)] |\d{1,3}(?:\.\d{1,3})+\.? )"
)
# What leads to a page's number. A run counts once, so that many take no time in its square.
_LEADER = re.compile(r"(?:(?<!\.)\.{3,}+|…|(?<! \.)(?: \.){3,}+)\s*+[\divxlc]++$")
_INDEX = re.compile(r"[^.:;!?]{2,60}?,? \d{1,4}(?:[-–]\d{1,4})?(?:, ?\d{1,4}(?:[-–]\d{1,4})?)+$")
_ENTRY = re.compile(r"[^\t]{2,120}\t(\d{1,4})$")  # "Two kinds of readers", tab, "5"
_CONTENTS = re.compile(r"(?:table of )?contents\b", re.IGNORECASE)
_MOST_BEFORE = 30  # characters of the line that names a table of contents
_ENTRIES = 4  # so many together, of pages that rise, can be one
GAP = re.compile(r"(?<=\S) {2,}+(?=\S)")  # between cells that stand below one another
_LEAST_ALIGNED = 3  # rows, and cells of a row
_RULE = re.compile(r"[\s|:+=-]+$")
_NUMBER = re.compile(r"[(+−-]?[$£€]?\d[\d.,:%]*\)?[%*]?$")
_NUMBERED = re.compile(r"(?:chapter|section|part|article|table|figure|appendix|annex)\b", re.I)
_SECTION = re.compile(r"\d+(?:\.\d+)*\.? ")
_CHAPTER = re.compile(r"\d+(?:\.\d+)*\.?\s|chapter|part|appendix", re.IGNORECASE)
_MONTHS = OTHER_MONTHS | {"may"}
_HEADING_WORDS = 12
_SHORT = 60  # characters
_SENTENCE_ENDS = tuple(".!?:;,…。！？；：，、")
_QUOTED = "\"'”’»)]」』）"


@dataclass(frozen=True, slots=True)
class Line:
    """text[start:end] without outer space."""

    start: int
    end: int
    kind: str  # prose, item, row, heading or contents
    numbers: bool = False  # whether a cell of a row is a number
    rule: bool = False  # between rows of a table, as Markdown has it
    continues: bool = False  # goes on from the line before it


def lines_of(text: str) -> list[Line]:
    """The lines that hold something, in order."""
    spans = []
    at = 0
    blank = True
    for row in text.split("\n"):
        bare = row.strip()
        if bare:
            start = at + row.index(bare[0])
            spans.append((start, start + len(bare), blank))
        blank = not bare
        at += len(row) + 1
    found: list[Line] = []
    for number, (start, end, apart) in enumerate(spans):
        following = spans[number + 1] if number + 1 < len(spans) else None
        after = "" if following is None or following[2] else text[following[0] : following[1]]
        before = "" if apart or not found else text[found[-1].start : found[-1].end]
        kind = _kind(text[start:end], before, after)
        cells = cells_of(text[start:end]) if kind == "row" else []
        found.append(
            Line(
                start,
                end,
                kind,
                numbers=any(is_number(cell) for cell in cells[1:]),
                rule=kind == "row" and bool(_RULE.match(text[start:end])),
                continues=kind == "prose" and not apart,
            )
        )
    return _with_contents(_with_aligned(found, text), text)


def _with_aligned(lines: list[Line], text: str) -> list[Line]:
    """Lines whose cells stand below one another are rows, as text files have tables."""
    found, at = list(lines), 0
    while at < len(lines):
        start = at
        places: list[set[int]] = []  # where each column's cells begin, and end as negative numbers
        while at < len(lines):
            own = _places(text, lines[at])
            near = at == start or text.count("\n", lines[at - 1].end, lines[at].start) == 1
            if len(own) < _LEAST_ALIGNED or not near or (places and len(own) != len(places)):
                break
            both = [a & b for a, b in zip(places, own, strict=True)] if places else own
            if not all(both):
                break
            places = both
            at += 1
        if at - start >= _LEAST_ALIGNED:
            for number in range(start, at):
                line = lines[number]
                cells = cells_of(text[line.start : line.end])
                numbers = any(is_number(cell) for cell in cells[1:])
                found[number] = replace(line, kind="row", numbers=numbers, continues=False)
        at = max(at, start + 1)
    return found


def _places(text: str, line: Line) -> list[set[int]]:
    """Of each cell of a line the column where it begins and, negative, the one behind its end."""
    first = line.start - text.rfind("\n", 0, line.start)
    own = text[line.start : line.end]
    cuts = [(gap.start(), gap.end()) for gap in GAP.finditer(own)]
    starts = [0, *(end for _, end in cuts)]
    ends = [*(start for start, _ in cuts), len(own)]
    return [{first + start, -first - end} for start, end in zip(starts, ends, strict=True)]


def _with_contents(lines: list[Line], text: str) -> list[Line]:
    """The entries of a table of contents that look like rows of a table are told apart.

    A run of titles with numbers that never fall is one where an entry of it names a chapter, or
    the line before it says so.
    """
    found, at = list(lines), 0
    while at < len(lines):
        start, chapters = at, False
        pages: list[int] = []
        while at < len(lines):
            entry = _ENTRY.match(text[lines[at].start : lines[at].end])
            if entry is None or (pages and int(entry[1]) < pages[-1]):
                break
            pages.append(int(entry[1]))
            chapters |= bool(_CHAPTER.match(entry[0]))
            at += 1
        before = text[lines[start - 1].start : lines[start - 1].end] if start else ""
        named = len(before) <= _MOST_BEFORE and bool(_CONTENTS.match(before))
        if len(pages) >= _ENTRIES and (named or chapters):
            for number in range(start, at):
                found[number] = replace(lines[number], kind="contents", numbers=False)
        at = max(at, start + 1)
    return found


def is_number(cell: str) -> bool:
    """Whether a cell holds a number, and perhaps its sign, currency or share."""
    return bool(_NUMBER.match(cell))


def is_sentence_end(line: str) -> bool:
    """Whether nothing more is to come after a line: a stop, or a quotation that has one."""
    return line.rstrip(_QUOTED).endswith(tuple(".!?…。！？"))


def _kind(line: str, before: str, after: str) -> str:
    """What a line is; `before` and `after` are its neighbours, empty where a blank line is."""
    if _LEADER.search(line[-200:]) and line.count("\t") < 2 and "|" not in line:
        return "contents"
    if "\t" in line or (line[0] == "|" and line.count("|") > 2):
        return "row"
    if _is_index(line) and (_is_index(before) or _is_index(after)):
        return "contents"
    if line[0] == "#" and line.lstrip("#")[:1] == " ":
        return "heading"
    if _ITEM.match(line):
        alone = not before and not after and len(line) < _SHORT and _SECTION.match(line)
        return "heading" if alone and _is_heading(line, before, after) else "item"
    if _is_figures(line) and (not before or not before[-1].islower()):
        return "row"
    return "heading" if _is_heading(line, before, after) else "prose"


def _is_index(line: str) -> bool:
    return bool(line) and len(line) < 120 and bool(_INDEX.match(line))


def cells_of(line: str) -> list[str]:
    """The cells of a row, in whatever way they are apart."""
    if "\t" in line:
        return [cell.strip() for cell in line.split("\t")]
    if "|" in line:
        return [cell.strip() for cell in line.removeprefix("|").removesuffix("|").split("|")]
    return GAP.split(line.strip()) if GAP.search(line.strip()) else line.split()


def _is_figures(line: str) -> bool:
    """A row of a table whose cells are no longer apart: "Fox Dale 31 27 36"."""
    words = line.split()
    months = [word.strip(".,").lower() in _MONTHS for word in words]
    dated = [any(months[max(0, n - 1) : n + 2]) for n in range(len(words))]  # "13 May 2026"
    numbers = sum(
        bool(_NUMBER.match(word)) and not date for word, date in zip(words, dated, strict=True)
    )
    return numbers >= 2 and 5 * numbers >= 2 * len(words) and line[-1] not in ".;:"


def _is_heading(line: str, before: str, after: str) -> bool:
    words = line.split()
    if len(words) > _HEADING_WORDS or line.rstrip(_QUOTED).endswith(_SENTENCE_ENDS):
        return False
    if not (line[0].isupper() or line[0].isdigit()):
        return False
    if ": " in line and not _NUMBERED.match(line) and not line[0].isdigit():
        return False  # "Signed: Ann Weller"
    if before and not is_sentence_end(before) and not before.endswith(":"):
        # The second line of a heading, or the last of a paragraph that has no stop.
        return not after and line.istitle()
    if not after:
        return True
    # Running text goes on in small letters, and breaks its lines at the margin.
    if after[0].islower() or len(line) >= _SHORT:
        return False
    return 3 * len(line) < 2 * max(_SHORT, len(after))
