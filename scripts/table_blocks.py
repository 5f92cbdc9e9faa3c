"""A table with questions about its cells, for `make_forms.py`."""

from __future__ import annotations

from random import Random
from typing import Any

from form_blocks import DATA, Asked, Block, Lines
from invented_words import drawn

# What can be asked of any cell, in many wordings.
_CELL = (
    "What is the {said} of {row}?",
    "What is the {said} for {row}?",
    "Which {said} does {row} have?",
    "What does the table give as {said} for {row}?",
    "{Row}: {said}?",
    "Tell me the {said} of {row}.",
    "What {said} is listed for {row}?",
    "For {row}, what is the {said}?",
)
_REVERSE = (
    "Which {kind} has the {said} {value}?",
    "Which {kind} is listed with {value} as {said}?",
    "For which {kind} is {value} given as {said}?",
)
_MOST = ("Which {kind} has the highest {said}?", "Where is the {said} highest?")
_LEAST = ("Which {kind} has the lowest {said}?", "Where is the {said} lowest?")
KINDS: list[dict[str, Any]] = DATA["table"]
_SHARES = {"cell": 0.78, "reverse": 0.14, "comparison": 0.08}


def table(rng: Random, kind: dict[str, Any]) -> Block:
    """4 to 14 rows of a kind; three to eight questions."""
    columns = rng.sample(kind["columns"], rng.randint(2, len(kind["columns"])))
    if rng.random() < 0.7:  # mostly as they are given
        columns.sort(key=kind["columns"].index)
    names = dict.fromkeys(drawn(rng, kind["name"]) for _ in range(rng.randint(4, 14)))
    rows = [[name, *(drawn(rng, column[1]) for column in columns)] for name in names]
    lines, form = Lines(), rng.choice(("\t", "\t", "\t", " | ", "  "))
    lines.add(_line([kind["row"], *(column[0] for column in columns)], form))
    if form == " | ":
        lines.add(_line(["---"] * (len(columns) + 1), form))
    places = [lines.add(_line(row, form)) for row in rows]
    asked = []
    for _ in range(rng.randint(3, 8)):
        what = rng.choices([*_SHARES], [*_SHARES.values()])[0]
        at = rng.randrange(len(columns))
        column, values = columns[at], [row[at + 1] for row in rows]
        found = _asked(rng, kind, column, [row[0] for row in rows], values, what=what)
        if found is not None:
            question, answer, row = found
            asked.append(Asked(question, (answer,), what, places[row]))
    return Block(lines.text.rstrip("\n"), tuple(asked), kind["title"])


def _line(row: list[str], form: str) -> str:
    return f"| {form.join(row)} |" if form == " | " else form.join(row)


def _asked(
    rng: Random,
    kind: dict[str, Any],
    column: list[str],
    names: list[str],
    values: list[str],
    *,
    what: str,
) -> tuple[str, str, int] | None:
    """Question, answer and row; None where the values do not allow it."""
    _, _, said, *own = column
    row = rng.randrange(len(names))
    if what == "cell":
        name = f"the {names[row]}" if kind.get("the") else names[row]
        text = rng.choice(own if rng.random() < 0.5 else _CELL)
        text = text.replace("{said}", said).replace("{row}", name)
        return text.replace("{Row}", name[0].upper() + name[1:]), values[row], row
    if what == "reverse":
        if values.count(values[row]) > 1:
            return None
        text, value = rng.choice(_REVERSE), values[row]
    else:
        most = rng.random() < 0.6
        best = _best(values, most=most)
        if best is None:
            return None
        row, text, value = best, rng.choice(_MOST if most else _LEAST), ""
    return text.format(kind=kind["row"].lower(), said=said, value=value), names[row], row


def _best(values: list[str], *, most: bool) -> int | None:
    """The row with the one largest or least number; None where there is no such."""
    try:
        numbers = [float(value.split()[0].lstrip("$€").replace(",", "")) for value in values]
    except ValueError:
        return None
    best = (max if most else min)(numbers)
    return numbers.index(best) if numbers.count(best) == 1 else None
