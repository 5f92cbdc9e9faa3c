"""Tables as a model reads them: the rows that a question names, each cell after its header's words.

In "Saturn, 120,536, 95, 9.57" a small model takes the cell beside the one that was asked for, and
among many rows that of another row. "Planet: Saturn; Diameter (km): 120,536; ..." alone it reads
right (docs/results/tables.md); of columns that are years only those stay that the question names. A
table is left as it stands where its header can't be told, where the question names none of its rows
or many, and where it compares. Knows nothing about passages.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from lcirc_cli.evidence.lines import GAP, Line, cells_of, is_number, lines_of
from lcirc_cli.evidence.terms import terms

_LEAST_COLUMNS = 3  # two are read as they stand
_MOST_NAMED = 4  # rows, or half of the table: more are not what a question asks for
_NEAR = 0.7  # of the best row's score: named too
_LONGEST_HEADER = 8  # words of a header's cell
_LONGEST_ROW = 600  # characters
FURTHEST = 20_000  # characters before a text in which the header of its first rows is looked for
_COMPARES = re.compile(
    r"\b(?:than|most|least|fewest|average|total|sum|except|besides|apart|other|(?:high|low|larg|small"
    r"|long|short|great|bigg|fast|slow|heavi|light|cheap|old|young|new|earli|lat|warm|cold|hott)est)\b",
    re.IGNORECASE,
)
_YEAR = re.compile(r"(?:1[5-9]|20|21)\d\d$")


@dataclass(frozen=True)
class _Table:
    """A header and rows of one width; text[start:end] of its text."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    start: int
    end: int


@dataclass(frozen=True)
class _Named:
    """Which rows of a table a question names.

    "How much is paid for a stolen bicycle?" does not mean the row of jewels in a safe, which says
    "stolen" too: a word beside the first column counts where other tables hold what is asked for
    there, where it has a digit ("E12", "2021"), or where row and header know at least half of what
    is asked.
    """

    rows: Sequence[int] = ()
    by_label: bool = False  # by a word of its first column
    is_meant: bool = False


def with_named_rows(texts: Sequence[str], question: str, *, before: Sequence[str]) -> list[str]:
    """Texts that are read together, of whose tables only the rows are left that a question names.

    Args:
        before: what stands right before each text in its document, a character more than
            `FURTHEST` or all: a table that begins there has its header there.
    """
    asked = set(terms(question))
    if not asked or _COMPARES.search(question):
        return list(texts)
    tables = [list(_tables(text, above)) for text, above in zip(texts, before, strict=True)]
    named = [[_named(table, asked) for table in own] for own in tables]
    labelled = any(one.by_label for own in named for one in own)
    found = []
    for text, own, names in zip(texts, tables, named, strict=True):
        parts, at = [], 0
        for table, one in zip(own, names, strict=True):
            if one.rows and (labelled or one.is_meant):
                rows = "\n".join(_line(table, n, asked) for n in one.rows)
                parts += [text[at : table.start], rows]
                at = table.end
        found.append("".join([*parts, text[at:]]))
    return found


def row_at(text: str, character: int) -> tuple[int, int] | None:
    """Where the row begins and ends that holds a character; None where none does, or a huge one."""
    start = text.rfind("\n", max(0, character - _LONGEST_ROW), character) + 1
    end = text.find("\n", character, character + _LONGEST_ROW)
    end = len(text) if end < 0 else end
    if end - start > _LONGEST_ROW or not _is_row(text[start:end]):
        return None
    return start, end


def _is_row(line: str) -> bool:
    """Whether the cells of a line are apart."""
    bare = line.strip(" \r")
    return "\t" in bare or (bare[:1] == "|" and bare.count("|") > 2) or len(GAP.findall(bare)) > 1


def _tables(text: str, before: str) -> Iterator[_Table]:
    if not any(mark in text for mark in ("\t", "|", "  ")):
        return
    for group in _groups(lines_of(text), text):
        above: list[list[str]] = []
        if not text[: group[0].start].strip():
            above = [cells_of(line.strip(" \r")) for line in _rows_above(before)]
        rows = [_cells(text, line) for line in group if not line.rule]
        ruled = any(line.rule for line in group)
        header, count = _header([*above, *rows], ruled=ruled)
        heads = [*above, *rows][:count]  # a long table repeats them
        body = [row for row in rows if row not in heads]
        if header and body and all(len(row) == len(header) + 1 for row in body):
            header = ["", *header]  # nothing stands above the rows' labels
        if header and body and all(len(row) == len(header) for row in body):
            start = text.rfind("\n", 0, group[0].start) + 1  # its first cell may be empty
            yield _Table(header, body, start, group[-1].end)


def _groups(lines: Sequence[Line], text: str) -> Iterator[list[Line]]:
    """Rows that follow one another, whose cells are apart."""
    group: list[Line] = []
    for line in lines:
        is_row = line.kind == "row" and _is_row(text[line.start : line.end])
        if group and (not is_row or text.count("\n", group[-1].end, line.start) > 1):
            yield group
            group = []
        if is_row:
            group.append(line)
    if group:
        yield group


def _cells(text: str, line: Line) -> list[str]:
    """The cells of a whole line: its first or last may be empty."""
    start, end = text.rfind("\n", 0, line.start) + 1, text.find("\n", line.end)
    return cells_of(text[start : len(text) if end < 0 else end].strip(" \r"))


def _rows_above(before: str) -> list[str]:
    """The rows at the end of a text, from the first of their table on."""
    lines = before[-FURTHEST:].split("\n")
    if not lines[-1].strip():
        lines.pop()  # the break before the text
    whole = len(before) <= FURTHEST
    found: list[str] = []
    for line in reversed(lines):
        if not _is_row(line):
            return found[::-1]
        found.append(line)
    return found[::-1] if whole else []  # where the table begins is out of reach


def _header(rows: Sequence[Sequence[str]], *, ruled: bool) -> tuple[list[str], int]:
    """The words above each column, and in how many rows they stand; none where that isn't sure."""
    rows = [row for row in rows if not all(set(cell) <= set("-: ") for cell in row)]
    if len(rows) < 2 or len(rows[0]) < _LEAST_COLUMNS:
        return [], 0
    first, second = rows[0], rows[1]
    years = all(_YEAR.match(cell) for cell in first[1:])
    if not years and (
        any(is_number(cell) for cell in first[1:])
        or any(len(cell.split()) > _LONGEST_HEADER for cell in first)
        or not all(first[1:])
    ):
        return [], 0
    if years and all(_YEAR.match(cell) for cell in second[1:]):
        return [], 0
    spanned = any(one == other for one, other in pairwise(first))
    if spanned:
        # Merged cells stand above several columns: what tells these apart is in the next row.
        if len(second) != len(first) or any(is_number(cell) for cell in second[1:]):
            return [], 0
        pairs = zip(first, second, strict=True)
        return [one if one == other else f"{one}, {other}".strip(", ") for one, other in pairs], 2
    numbered = any(is_number(cell) for row in rows[1:] for cell in row[1:])
    if not (numbered or ruled) and len(rows) < 3:
        return [], 0
    return list(first), 1


def _scores(held: Sequence[set[str]], asked: set[str]) -> list[float]:
    """How many of the terms that are asked for each holds, rare ones counting more."""
    weights = {
        term: math.log((len(held) + 1) / count)
        for term in asked
        if (count := sum(term in each for each in held))
    }
    return [sum(weight for term, weight in weights.items() if term in each) for each in held]


def _named(table: _Table, asked: set[str]) -> _Named:
    """Which rows a question names; none where it names most of them, or no row at all."""
    held = [[set(terms(cell)) for cell in row] for row in table.rows]
    rows = [set().union(*cells) for cells in held]
    labels = _scores([cells[0] for cells in held], asked)
    scores = [own + label for own, label in zip(_scores(rows, asked), labels, strict=True)]
    best = max(scores)
    if best <= 2 * math.log((len(rows) + 1) / len(rows)):
        return _Named()  # only by words that stand in every row
    named = [n for n, score in enumerate(scores) if score >= _NEAR * best]
    if len(named) > max(_MOST_NAMED, len(rows) // 2):
        return _Named()
    known = rows[named[0]].union(*(terms(head) for head in table.header))
    coded = any(len(term) > 1 and not term.isalpha() for term in asked & rows[named[0]])
    return _Named(
        named,
        by_label=any(labels[n] for n in named),
        is_meant=coded or 2 * len(asked & known) >= len(asked),
    )


def _line(table: _Table, number: int, asked: set[str]) -> str:
    """A row's cells behind their header's words, without the years that the question leaves out."""
    years = {head for head in table.header if _YEAR.match(head)}
    other = years - asked if years & asked else set()
    pairs = zip(table.header, table.rows[number], strict=True)
    return "; ".join(
        f"{head}: {cell}" if head else cell for head, cell in pairs if cell and head not in other
    )
