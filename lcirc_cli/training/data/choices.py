"""Multiple choice: options for a question, and how they are shown and answered.

Wrong options are answers to other questions about the same document, of the same kind where there
are enough: options from elsewhere would be told apart without reading.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from string import ascii_uppercase

import numpy as np

from lcirc_cli.prompts import fill, load
from lcirc_cli.training.data.corpus import Question

MOST = 4
_WORD = re.compile(r"\w+")


def draw_options(
    rng: np.random.Generator, question: Question, answer: str, group: Sequence[Question]
) -> tuple[str, ...]:
    """Up to MOST options with the answer among them, in random order.

    Args:
        group: all questions about the document.

    Returns:
        Empty where nothing could be a wrong option: the question stays an open one.
    """
    right = {_plain(each) for each in question.answers}
    own = [each for each in question.options if _plain(each) not in right]
    wrong = own or _others(question, right, group)
    if not wrong:
        return ()
    same = [each for each in wrong if _kind(each) == _kind(answer)]
    pool = same if len(same) >= MOST - 1 else wrong
    chosen = [pool[int(i)] for i in rng.permutation(len(pool))[: MOST - 1]]
    options = [answer, *chosen]
    return tuple(options[int(i)] for i in rng.permutation(len(options)))


@dataclass(frozen=True)
class Shown:
    """A way to show options: with {question} and {options}; and the reply it asks for."""

    text: str
    reply: str

    def put(self, question: str, answer: str, options: Sequence[str]) -> tuple[str, str]:
        """The question with a line for each option, and what is to be said."""
        lines = "\n".join(f"{ascii_uppercase[at]}. {text}" for at, text in enumerate(options))
        letter = ascii_uppercase[list(options).index(answer)]
        return (
            fill(self.text, question=question, options=lines),
            fill(self.reply, letter=letter, option=answer),
        )


@cache
def ways() -> tuple[Shown, ...]:
    """All ways to show options; in the first the reply is the letter and the option."""
    return tuple(Shown(**each) for each in json.loads(load("train_choices.json")))


def _others(question: Question, right: set[str], group: Sequence[Question]) -> list[str]:
    """First answers to the other questions about the document, each once, in their order."""
    found: dict[str, str] = {}
    for other in group:
        if other is not question and other.answers and _plain(other.answers[0]) not in right:
            found.setdefault(_plain(other.answers[0]), other.answers[0])
    return list(found.values())


def _plain(text: str) -> str:
    return " ".join(_WORD.findall(text.casefold()))


def _kind(text: str) -> tuple[bool, bool]:
    """Whether a number stands in it, and whether it is longer than a phrase."""
    return any(letter.isdigit() for letter in text), len(text.split()) > 6
