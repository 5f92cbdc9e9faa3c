"""How a question is put and what is to be said: many wordings, so that none is the right one.

`lcirc ask` puts a question in one form, people and benchmarks in others. A window draws the form
of its prompts, a yes/no question how it is asked (options: `choices.py`). None of the wordings is a
benchmark's own.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from lcirc_cli.answering.windows import build_prompt, plain
from lcirc_cli.backbones.chat import render
from lcirc_cli.backbones.loading import Backbone
from lcirc_cli.prompts import fill, load

_STATEMENT = "Is this statement true? "
_YES_NO = {"yes", "no"}


@dataclass(frozen=True)
class Form:
    """How a window's prompts are made.

    Attributes:
        text: with {passages} and {question}; "" = the prompt of `lcirc ask`.
        turns: it is what the user says, in the model's chat turns; else the answer goes on from it.
        system: said before it, with turns.
    """

    text: str = ""
    turns: bool = False
    system: str = ""

    @property
    def space(self) -> str:
        """What an answer begins with."""
        return "" if self.turns else " "

    def prompt(
        self,
        backbone: Backbone,
        *,
        question: str,
        passages: Sequence[str],
        history: Sequence[tuple[str, str]] = (),
    ) -> list[int]:
        """Token ids that end where the answer begins; earlier turns in `lcirc ask`'s form only."""
        if not self.text:
            return build_prompt(
                backbone, question=question, passages=passages, history=history, form="plain"
            )
        tokenizer: Any = backbone.tokenizer
        text = fill(
            self.text,
            passages="\n\n".join(plain(tokenizer, passage.strip()) for passage in passages),
            question=plain(tokenizer, question.strip()),
        )
        if not self.turns:
            return tokenizer(text, verbose=False)["input_ids"]
        system = [{"role": "system", "content": self.system}] if self.system else []
        turns = render(tokenizer, [*system, {"role": "user", "content": text}])
        return tokenizer(turns, add_special_tokens=False, verbose=False)["input_ids"]


ASK = Form()


def draw_form(rng: np.random.Generator, backbone: Backbone, *, share: float) -> Form:
    """Another form than `lcirc ask`'s for a share of the windows; turns where the model has any."""
    if share <= 0 or rng.random() >= share:
        return ASK
    chat = bool(backbone.tokenizer.chat_template)
    forms = [form for form in _forms() if chat or not form.turns]
    return forms[int(rng.integers(len(forms)))]


@cache
def _forms() -> tuple[Form, ...]:
    return tuple(Form(**each) for each in json.loads(load("train_wordings.json")))


def yes_or_no(rng: np.random.Generator, question: str, answer: str) -> tuple[str, str]:
    """A yes/no question as it is, or told to be one; a statement now and then as true or false."""
    if answer.lower() not in _YES_NO:
        return question, answer
    if question.startswith(_STATEMENT) and rng.random() < 0.3:
        claim = question.removeprefix(_STATEMENT)
        asked = ("True or false? ", "True or false: ", "Say True or False. ")[int(rng.integers(3))]
        return asked + claim, "True" if answer.lower() == "yes" else "False"
    if rng.random() < 0.25:
        told = (" Answer yes or no.", " (yes or no)", " Yes or no?")[int(rng.integers(3))]
        return question + told, answer
    return question, answer
