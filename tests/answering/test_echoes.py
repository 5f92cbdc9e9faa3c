"""Answers that only repeat the question, or are empty, go on."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from lcirc_cli.answering.echoes import Echoes
from lcirc_cli.answering.generation import Decoding, generate

WORDS = [
    "<eos>",
    "\n",
    " the",
    " epoch",
    " version",
    " number",
    " small",
    " 7",
    " \n\n",
    " >",
    ".",
    " ",
]
EOS, LINE, THE, EPOCH, VERSION, NUMBER, SMALL, SEVEN, LINES, SIGN, STOP, SPACE = range(len(WORDS))
QUESTION = "What is the epoch of a version number?"


class Tokenizer:
    def decode(self, tokens: Any, **options: Any) -> str:
        return "".join(WORDS[int(token)] for token in tokens if int(token) != EOS)

    def batch_decode(self, rows: Any) -> list[str]:
        return [self.decode(row) for row in rows]


BACKBONE: Any = SimpleNamespace(tokenizer=Tokenizer(), eos_ids=frozenset({EOS}))


def removed(question: str, *said: int, one_line: bool = True) -> set[int]:
    """The tokens that may not follow."""
    echoes = Echoes(BACKBONE, [question], begins_at=2, one_line=one_line)
    scores = echoes(torch.tensor([[SMALL, SMALL, *said]]), torch.zeros(1, len(WORDS)))
    return {token for token, score in enumerate(scores[0].tolist()) if score == -torch.inf}


@pytest.mark.parametrize(
    "said", [(), (THE,), (THE, EPOCH), (EPOCH, VERSION, NUMBER), (LINE,)], ids=str
)
def test_what_says_nothing_new_does_not_end(said: tuple[int, ...]) -> None:
    # A function word alone is not compared.
    expected = set() if said == (THE,) else {EOS, LINE, LINES, STOP}
    assert removed(QUESTION, *said) == expected
    assert removed(QUESTION, *said, one_line=False) == expected & {EOS}


@pytest.mark.parametrize("said", [(SEVEN,), (SIGN,), (THE, EPOCH, SMALL)], ids=str)
def test_what_says_something_new_ends(said: tuple[int, ...]) -> None:
    assert removed(QUESTION, *said) == set()


@pytest.mark.parametrize(
    "question",
    [
        "Is it an epoch or a version?",
        "Which of these is a number: epoch, version?",
        "Which is longer, the epoch and the version?",
        "Which is right?\nA. epoch\nB. version",
    ],
)
def test_a_question_may_offer_its_answers(question: str) -> None:
    assert removed(question, EPOCH) == set()
    assert EOS in removed(question)  # nothing at all is no answer


def test_a_long_question_takes_no_time_in_its_square() -> None:
    start = time.process_time()
    assert EOS in removed(("and epoch " * 20_000 + ", ") * 3 + "what?", EPOCH)
    assert time.process_time() - start < 5


def test_a_number_may_begin_with_a_space_of_its_own() -> None:
    """Tokenisers that split digits write " 7" as " " and "7"."""
    assert SPACE not in removed(QUESTION) | removed(QUESTION, SPACE)


def test_a_number_may_have_a_point() -> None:
    assert STOP not in removed("What follows version 7 of the epoch?", SEVEN)
    assert EOS in removed("What follows version 7 of the epoch?", SEVEN)


def test_after_some_words_a_repetition_may_end() -> None:
    assert EOS in removed(QUESTION, *[EPOCH] * 9)
    assert removed(QUESTION, *[EPOCH] * 10) == set()


def test_each_prompt_has_its_own_question() -> None:
    echoes = Echoes(BACKBONE, [QUESTION, "How many are there?"], begins_at=1, one_line=True)
    scores = echoes(torch.tensor([[SMALL, EPOCH]] * 2), torch.zeros(2, len(WORDS)))
    assert scores[0, EOS] == -torch.inf and torch.equal(scores[1], torch.zeros(len(WORDS)))


def test_generation_goes_on(tiny_backbone: Callable[..., Any]) -> None:
    """A model that would say nothing at all says something where it is asked."""
    backbone = tiny_backbone("llama")

    def ends(module: Any, args: Any, kwargs: Any, out: Any) -> Any:
        out.logits[:, :, list(backbone.eos_ids)] += 50.0
        return out

    backbone.lm.register_forward_hook(ends, with_kwargs=True)
    prompts = [[5, 6, 7], [8, 9, 10, 11]]
    bare = Decoding(max_new_tokens=4)
    assert [one.text for one in generate(backbone, prompts, decoding=bare)] == ["", ""]
    asked = Decoding(max_new_tokens=4, asked=["Who?", "Why?"])
    assert all(one.num_tokens for one in generate(backbone, prompts, decoding=asked))
