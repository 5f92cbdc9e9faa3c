"""Documents of filler with planted facts, in the documents + qa form, for the scripts here.

The filler is made of a few hundred plain words in sentences of random length, so that nothing but
the facts can be asked about; the same seed gives the same files.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

from qa_sets import Labelled, Question, write_set

WORDS = (
    "river stone winter market letter garden morning silver captain window forest bridge table "
    "paper summer valley engine harbour candle mirror village copper station painter island "
    "blanket orchard ladder teacher lantern pocket mountain kitchen feather wagon sailor meadow "
    "hammer curtain barrel temple shadow needle pepper saddle button ribbon marble falcon willow"
).split()
VERBS = "holds keeps finds moves follows covers carries passes meets leaves".split()
PLACES = (
    "mill tower chapel quarry library bakery lighthouse stable brewery theatre museum foundry"
).split()
THINGS = {
    "password": WORDS,
    "owner": (
        "Alder Birch Cooper Dalton Ellis Fisher Granger Hobbs Irving Jarvis Keller Lowell "
        "Mercer Norris Osborne Palmer Quincy Rowan Sawyer Turner Usher Vernon Walton Yates"
    ).split(),
}


@dataclass(frozen=True)
class Fact:
    """One sentence, the question that it answers and the answer."""

    sentence: str
    question: str
    answer: str


def make_facts(rng: random.Random) -> list[Fact]:
    """The password and the owner of one place."""
    place = rng.choice(PLACES)
    facts = []
    for thing, values in THINGS.items():
        answer = " ".join(rng.sample(values, 2))
        sentence = f"The {thing} of the {place} is {answer}."
        facts.append(Fact(sentence, f"What is the {thing} of the {place}?", answer))
    return facts


def filler(rng: random.Random) -> str:
    """A sentence without a fact."""
    first, second, third = rng.sample(WORDS, 3)
    return f"The {first} {rng.choice(VERBS)} the {second} near the {third}."


def write_planted(folder: Path, *, documents: int, sentences: int, seed: int) -> None:
    """Write documents.jsonl and qa.jsonl: two facts a document, at random places."""
    rng = random.Random(seed)
    made = []
    for index in range(documents):
        facts = make_facts(rng)
        lines = [filler(rng) for _ in range(sentences)]
        for fact in facts:
            lines.insert(rng.randrange(len(lines) + 1), fact.sentence)
        text = " ".join(lines)
        questions = []
        for fact in facts:
            start = text.index(fact.sentence)
            evidence = ((start, start + len(fact.sentence)),)
            questions.append(Question(fact.question, (fact.answer,), evidence))
        made.append(Labelled(f"d{index}", text, tuple(questions)))
    write_set(folder, made)
