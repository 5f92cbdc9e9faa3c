"""Parts of a document other than tables, with questions about them, for `make_forms.py`."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from invented_words import company, date, filled, person, place, whole

DATA: dict[str, Any] = tomllib.loads(Path(__file__).with_name("forms.toml").read_text("utf-8"))
Place = tuple[int, int]


@dataclass(frozen=True)
class Asked:
    """A question about a block; places are characters of its text."""

    question: str
    answers: tuple[str, ...]
    kind: str
    evidence: Place


@dataclass(frozen=True)
class Block:
    """A part of a document."""

    text: str
    asked: tuple[Asked, ...] = ()
    heading: str = ""


class Lines:
    """The text of a block as it grows; each piece has its place."""

    def __init__(self) -> None:
        self.text = ""

    def add(self, piece: str, *, end: str = "\n") -> Place:
        start = len(self.text)
        self.text += piece + end
        return start, start + len(piece)


def form(rng: Random) -> Block:
    """Fields and values, a line each."""
    lines, asked = Lines(), []
    mark = rng.choice((": ", ": ", "\t", " ... "))
    for name, value, *questions in rng.sample(DATA["form"]["fields"], rng.randint(5, 9)):
        said = filled(rng, value)
        where = lines.add(f"{name}{mark}{said}")
        if rng.random() < 0.5:
            asked.append(Asked(rng.choice(questions), (said,), "field", where))
    return Block(lines.text.rstrip(), tuple(asked), "Application")


def listed(rng: Random) -> Block:
    """A list with the words before it, as items or in a sentence; all of it is the answer."""
    intro, question, pool = rng.choice(DATA["lists"]["pools"])
    items = list(dict.fromkeys(filled(rng, item) for item in pool.split("|")))
    items = rng.sample(items, rng.randint(3, min(6, len(items))))
    together = f"{', '.join(items[:-1])} and {items[-1]}"
    lines = Lines()
    if rng.random() < 0.6:
        first, last = lines.add(f"{intro}:"), (0, 0)
        mark = rng.choice(("- ", "* ", "{n}. ", "({a}) "))
        for number, item in enumerate(items, start=1):
            last = lines.add(mark.format(n=number, a=chr(96 + number)) + item)
        where = (first[0], last[1])
    else:
        where = lines.add(f"{intro} {together}.")
    asked = [Asked(question, (together, ", ".join(items)), "list", where)]
    if rng.random() < 0.3:
        small = question[0].lower() + question[1:]
        asked.append(Asked(f"How many are named? ({small})", (str(len(items)),), "count", where))
    return Block(lines.text.rstrip(), tuple(asked), "What to know")


def defined(rng: Random) -> Block:
    """Terms and what they mean."""
    lines, asked = Lines(), []
    way = rng.choice(('"{t}" means {m}.', "**{t}** means {m}.", "{t} is {m}.", "{t} - {m}"))
    for term, *meanings in rng.sample(DATA["terms"]["meanings"], rng.randint(3, 6)):
        meaning = filled(rng, rng.choice(meanings))
        where = lines.add(way.format(t=term, m=meaning))
        small = term[0].lower() + term[1:]
        wordings = (
            f"What does {small} mean?",
            f'What is meant by "{small}"?',
            f"How is {small} defined?",
            f"What counts as {small}?",
        )
        if rng.random() < 0.6:
            asked.append(Asked(rng.choice(wordings), (meaning,), "definition", where))
    return Block(lines.text.rstrip(), tuple(asked), "Definitions")


def parties(rng: Random) -> Block:
    """Who is what in an agreement, with a date, a sum and a time."""
    first, second, agent, town = company(rng), company(rng), person(rng), place(rng)
    begins, months = date(rng), f"{rng.randint(2, 36)} months"
    amount = f"{whole(rng, 900, 900_000)} euros"
    roles = (("Seller", "Buyer"), ("Landlord", "Tenant"), ("Lender", "Borrower"))
    one, two = rng.choice((*roles, ("Licensor", "Licensee")))
    noun = rng.choice(("agreement", "contract"))
    lines = Lines()
    said = lines.add(
        f'This {noun} is made on {begins} between {first} of {town} (the "{one}") and {second} '
        f'(the "{two}").',
        end=" ",
    )
    signed = lines.add(f"{agent} signs for the {two}.", end=" ")
    paid = lines.add(f"The {two} pays {amount} within {months}.", end=" ")
    court = lines.add(f"Disputes are heard by the court of {town}.")
    small = two.lower()
    pool = [
        Asked(f"Who is the {one.lower()}?", (first,), "role", said),
        Asked(f"Who is the {small}?", (second,), "role", said),
        Asked(f"What role does {second} have?", (f"the {two}", two), "role", said),
        Asked(f"When was the {noun} made?", (begins,), "date", said),
        Asked(f"Who signs for the {small}?", (agent,), "role", signed),
        Asked(f"How much does the {small} pay?", (amount,), "number", paid),
        Asked(f"How long does the {small} have to pay?", (months,), "number", paid),
        Asked("Which court hears disputes?", (f"the court of {town}",), "fact", court),
    ]
    return Block(lines.text.rstrip(), tuple(rng.sample(pool, rng.randint(3, 5))), "Parties")


def rules(rng: Random) -> Block:
    """What may and must be done, and reasons."""
    lines, asked = Lines(), []
    for question, yes, no in rng.sample(DATA["rules"]["both"], rng.randint(3, 6)):
        so = rng.random() < 0.5
        where = lines.add(yes if so else no, end=" ")
        if rng.random() < 0.6:
            asked.append(Asked(question, ("Yes" if so else "No",), "yesno", where))
    for fact, question, because in rng.sample(DATA["reasons"]["because"], rng.randint(1, 2)):
        name, reason = person(rng), rng.choice(because.split("|"))
        where = lines.add(f"{fact.replace('{person}', name)} because {reason}.", end=" ")
        why = question.replace("{person}", name)
        asked.append(Asked(why, (f"because {reason}", reason), "reason", where))
    return Block(lines.text.rstrip(), tuple(asked), "House rules")


BLOCKS: tuple[Callable[[Random], Block], ...] = (form, listed, defined, parties, rules)
