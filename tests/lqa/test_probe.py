"""An endpoint whose model does not keep to a form is shown worked examples, as turns."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest

from lcirc_cli.endpoints.chat import ChatRequest, Refused, Reply
from lcirc_cli.endpoints.dialect import Dialect
from lcirc_cli.lqa.choice import AGAINST, ATTEMPTS, follows_instructions
from lcirc_cli.lqa.pairs.outline import Outline
from lcirc_cli.lqa.pairs.questions import question_request
from lcirc_cli.lqa.records import PairPlan, SourceDocument
from lcirc_cli.lqa.settings import KINDS, PairSettings

from .scripted import reply_to

TEXT = "The mill at Aldbourne was built in 1736 by a carpenter. " * 20


class Model:
    """Answers as the function says."""

    name, varies = "m", True

    def __init__(self, answer: Callable[[str, int], str]) -> None:
        self.troubles: Counter[str] = Counter()
        self._answer, self.asked = answer, 0

    async def complete(self, request: ChatRequest) -> Reply:
        self.asked += 1
        return Reply(self._answer(request.user, self.asked))

    async def aclose(self) -> None:
        pass


def test_a_form_that_never_ends_is_the_models_own() -> None:
    class Endless(Model):
        async def complete(self, request: ChatRequest) -> Reply:
            return replace(await super().complete(request), complete=False)

    model = Endless(lambda user, number: '{"question": "Who lit it, and who lit it, and who')
    assert asyncio.run(follows_instructions(model)) is False


def refuse(user: str, number: int) -> str:
    raise Refused("too long")


@pytest.mark.parametrize(
    ("answer", "follows", "asked"),
    [
        (lambda user, number: reply_to(user), True, 1),
        (lambda user, number: reply_to(user) if number == 3 else "{broken", True, 3),
        (
            lambda user, number: reply_to(user)[: -9 if number < 6 else None] if number % 2 else "",
            True,
            7,
        ),
        (lambda user, number: "", True, ATTEMPTS),
        (lambda user, number: "The answer is: the lighthouse.", False, AGAINST),
        (lambda user, number: '{"question": "Who lit it?"}', False, AGAINST),
        (lambda user, number: '{"question": "Who lit it, and who', True, ATTEMPTS),
        (refuse, False, AGAINST),
    ],
)
def test_replies_of_another_form_decide_and_harmed_ones_do_not(
    answer: Callable[[str, int], str], follows: bool, asked: int
) -> None:
    model = Model(answer)
    assert asyncio.run(follows_instructions(model)) is follows
    assert model.asked == asked


@pytest.mark.parametrize("kind", KINDS)
def test_examples_are_turns_and_the_request_is_the_last(kind: str) -> None:
    place = Outline(TEXT).place_at(0.1)
    plan = PairPlan(0, kind, (place,), extracts=Outline(TEXT).extracts((place,), 0.1), wanted="yes")
    request = question_request(SourceDocument("d", "", TEXT), plan, PairSettings("m"))
    system, *turns = Dialect(examples=True).messages(request)
    assert system["role"] == "system"
    assert [turn["role"] for turn in turns] == ["user", "assistant"] * (len(turns) // 2) + ["user"]
    assert len(turns) >= 5
    for turn in turns[1::2]:
        assert set(json.loads(turn["content"])) == set(request.schema["properties"])
    assert "Aldbourne" in turns[-1]["content"] and "{" not in turns[-1]["content"]
    plain = [turn["content"] for turn in Dialect().messages(request)]
    assert plain == [request.system, request.user]
    bare = replace(request, examples="")
    assert Dialect(examples=True).messages(bare) == Dialect().messages(bare)


def test_what_is_asked_may_have_paragraphs() -> None:
    examples = 'Q\none\n{"a": 1}\n\nQ\ntwo\n\nthree\n{"not": "a reply"}'
    request = ChatRequest("x", "s", "u", {}, 1, 0.0, 0, examples=examples)
    _, user, reply, last = Dialect(examples=True).messages(request)
    assert (user["content"], reply["content"]) == ("Q\none", '{"a": 1}')
    assert last["content"] == 'Q\ntwo\n\nthree\n{"not": "a reply"}'


def test_a_model_shown_examples_is_asked_to_be_careful() -> None:
    shown = ChatRequest("x", "s", "u", {}, 1, 0.7, 0, examples="Q\nwho?")
    bare = replace(shown, examples="")
    assert Dialect(examples=True).arguments(shown)["temperature"] <= 0.3
    assert Dialect(examples=True).arguments(replace(shown, temperature=0.0))["temperature"] == 0
    for dialect, request in ((Dialect(examples=True), bare), (Dialect(), shown)):
        assert dialect.arguments(request)["temperature"] == 0.7
