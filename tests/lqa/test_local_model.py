"""The generator `local` with a tiny random model: whatever it says is of the form asked for."""

from __future__ import annotations

import asyncio
import json
import string
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lcirc_cli.endpoints.asking import Asker
from lcirc_cli.endpoints.chat import ChatRequest, Refused
from lcirc_cli.endpoints.replay import ReplayCache
from lcirc_cli.lqa.models.forms import COPY, FLAG, TEXT, Form, one_of, texts
from lcirc_cli.lqa.models.local import LocalModel, _stands_in
from lcirc_cli.lqa.pairs.examiner import REASONS
from lcirc_cli.lqa.pairs.interview import make_pairs
from lcirc_cli.lqa.records import SourceDocument
from lcirc_cli.lqa.settings import PairSettings

from .corpus import document

SOURCE = "The mill at Hartford was built by Duncan Reid, 1742."


def request(form: Form, *, seed: int = 0, **more: Any) -> ChatRequest:
    return ChatRequest(
        purpose="x",
        system="s",
        user=f"PASSAGE\n{SOURCE}",
        schema=form.schema,
        max_tokens=more.pop("max_tokens", 24),
        temperature=more.pop("temperature", 0.9),
        seed=seed,
        source=SOURCE,
        **more,
    )


@pytest.fixture(scope="module")
def model() -> LocalModel:
    from tests.conftest import make_tiny_backbone

    return LocalModel(make_tiny_backbone(positions=4096))


def answer(model: LocalModel, asked: ChatRequest) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(asyncio.run(model.complete(asked)).text)
    return value


@pytest.mark.parametrize("seed", range(5))
def test_every_reply_is_of_the_form(model: LocalModel, seed: int) -> None:
    form = Form(
        {
            "flag": FLAG,
            "choice": one_of("yes", "no", ""),
            "copied": COPY,
            "several": texts(2, 4, of=COPY),
            "free": TEXT,
        }
    )
    value = answer(model, request(form, seed=seed))
    assert list(value) == list(form.fields)
    assert isinstance(value["flag"], bool)
    assert value["choice"] in ("yes", "no", "")
    assert 2 <= len(value["several"]) <= 4
    words = {word.strip(string.punctuation) for word in SOURCE.split()}
    for copied in (value["copied"], *value["several"]):
        assert copied in SOURCE
        assert copied
        assert {word.strip(string.punctuation) for word in copied.split()} <= words | {""}
    assert isinstance(value["free"], str)


def test_the_same_request_gets_the_same_reply_and_another_seed_another(model: LocalModel) -> None:
    form = Form({"free": TEXT})
    first = answer(model, request(form))
    assert first == answer(model, request(form))
    assert len({answer(model, request(form, seed=seed))["free"] for seed in range(4)}) > 1


def test_the_likeliest_choice_does_not_depend_on_the_order(model: LocalModel) -> None:
    words = ("the", "and", "of the mill", "is")
    one = answer(model, request(Form({"choice": one_of(*words)})))
    other = answer(model, request(Form({"choice": one_of(*reversed(words))})))
    assert one == other


def test_what_is_written_after_a_choice_does_not_see_the_others(model: LocalModel) -> None:
    """Scoring a choice leaves nothing behind in the model's cache."""
    few = answer(model, request(Form({"choice": one_of("the"), "free": TEXT})))
    first = answer(model, request(Form({"choice": one_of("the", "and"), "free": TEXT})))
    if first["choice"] == "the":
        assert first["free"] == few["free"]
    second = answer(model, request(Form({"choice": one_of("and"), "free": TEXT})))
    if first["choice"] == "and":
        assert first["free"] == second["free"]


def test_the_form_is_cut_into_tokens_as_the_model_has_read_it(smollm2: Any) -> None:
    """After `":`, a blank and `true` apart mean nothing to a model that knows ` true`."""
    fed: list[list[int]] = []

    def lm(*, input_ids: Any, **more: Any) -> Any:
        fed.append(input_ids[0].tolist())
        return smollm2.lm(input_ids=input_ids, **more)

    lm.device = smollm2.lm.device  # type: ignore[attr-defined]
    form = Form({"flag": FLAG, "copied": COPY, "several": texts(1, 2), "word": one_of("a", "b")})
    asked = request(form, max_tokens=6)
    flag = str(answer(LocalModel(replace(smollm2, lm=lm)), asked)["flag"]).lower()
    scored = [smollm2.tokenizer.convert_ids_to_tokens(ids) for ids in fed]
    for piece in (
        *('{"flag": true', '{"flag": false', f'{{"flag": {flag}, "copied": "'),
        *('", "several": ["', '"], "word": "a"', '"], "word": "b"'),
    ):
        expected = smollm2.tokenizer.tokenize(piece)
        assert expected in scored, (piece, scored)


def test_worked_examples_are_shown_instead_of_instructions(model: LocalModel) -> None:
    form = Form({"free": TEXT})
    plain, shown = request(form), request(form, examples="Q\nWhat?")
    assert plain.key("m") != shown.key("m")
    short = asyncio.run(model.complete(shown))
    assert short.prompt_tokens < asyncio.run(model.complete(plain)).prompt_tokens


def test_a_prompt_that_is_too_long_is_refused(model: LocalModel) -> None:
    with pytest.raises(Refused, match="leaves no room in 4,096"):
        asyncio.run(model.complete(request(Form({"free": TEXT}), examples="x" * 5_000)))


@pytest.mark.parametrize(
    ("text", "whole", "stands"),
    [
        ("mill at", True, True),
        ("mill at Hart", False, True),
        ("mill at Hart", True, False),
        ("ill at", False, False),
        ("1742.", True, True),
        ("", True, False),
        ("no such", False, False),
    ],
)
def test_words_are_copied_whole(text: str, whole: bool, stands: bool) -> None:
    assert _stands_in(SOURCE, text, whole=whole) is stands


def test_it_makes_and_judges_pairs(tiny_backbone: Callable[..., Any], tmp_path: Path) -> None:
    """Random weights write nonsense, but nothing is refused, and quotes are where they say."""
    found = SourceDocument("d", "Chronicle", document(1, sentences=90), language="en")
    settings = PairSettings("local", pairs_per_document=8, multi_hop=0.3, max_answer_tokens=24)
    model = LocalModel(tiny_backbone(positions=16_384))
    asker = Asker(model, ReplayCache(tmp_path / "r.sqlite"), in_flight=4, attempts=3)
    judged = asyncio.run(make_pairs(found, asker, settings))
    assert len(judged) == 8
    reasons = [entry.rejection.reason for entry in judged if entry.rejection]
    assert set(reasons) <= set(REASONS) - {"refused"}
    for entry in judged:
        for (start, end), quote in zip(entry.pair.evidence, entry.pair.quotes, strict=False):
            assert found.text[start:end] == quote
