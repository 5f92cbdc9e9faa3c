"""One score decides what is answered: an answer, one that is not sure, or a refusal."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lcirc_cli import Engine
from lcirc_cli.adapters.confidence import SIGNALS
from lcirc_cli.answering import answerer as answering
from lcirc_cli.answering.judging import NEVER
from lcirc_cli.answering.signals import signals
from lcirc_cli.prompts import REFUSAL

from .tiny import NEW, QUESTIONS, ingest

RIGHT, UNANSWERED, WRONG = ([60.0, 0.0, 0.0], [0.0, 60.0, 0.0], [0.0, 0.0, 60.0])


def weights(**rows: list[float]) -> dict[str, list[float]]:
    """A confidence that looks at some signals alone."""
    return {name: rows.get(name, [0.0, 0.0, 0.0]) for name in (*SIGNALS, "constant")}


def ask(engine: Engine, memory: Any, question: str = QUESTIONS[0], **options: Any) -> Any:
    return engine.ask(memory, question, max_new_tokens=NEW, **options)


@pytest.fixture
def config(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Of the engine's adapter."""
    own = engine.adapter.config
    monkeypatch.setattr(own, "confidence", None)
    return own


def test_the_score_decides(engine: Engine, config: Any) -> None:
    memory = ingest(engine, 1)
    unjudged = ask(engine, memory)
    assert (unjudged.confidence, unjudged.sure) == (None, True)
    assert unjudged.found == (unjudged.quoted and not unjudged.refused)
    config.confidence = weights(constant=RIGHT)
    said = ask(engine, memory)
    assert said.answer != REFUSAL and said.found and said.sure
    assert said.confidence == pytest.approx(1.0)
    config.confidence = weights(constant=WRONG)
    doubted = ask(engine, memory)
    assert doubted.answer == said.answer and doubted.found and not doubted.sure
    assert doubted.confidence == pytest.approx(0.0)
    config.confidence = weights(constant=UNANSWERED)
    pieces: list[str] = []
    refused = ask(engine, memory, on_token=pieces.append)
    assert (refused.answer, refused.found, refused.finish) == (REFUSAL, False, "stop")
    assert refused.confidence == pytest.approx(1.0) and refused.sure
    assert "".join(pieces) == said.answer  # only its end shows that it is none
    assert refused.to_json()["confidence"] == 1.0 and refused.to_json()["sure"] is True


def test_a_likelier_refusal_refuses_and_less_likely_words_are_not_sure(
    engine: Engine, config: Any
) -> None:
    """The weights are monotone; what varies is where the balance lies."""
    memory = ingest(engine, 1)
    (draft,) = _drafts(engine, memory, QUESTIONS[:1])
    odds, mean = (_signals(draft, engine, memory)[name] for name in ("refusal", "mean"))
    for shift, refuses in ((1.0, True), (-1.0, False)):
        config.confidence = weights(refusal=[0.0, 1.0, 0.0], constant=[odds - shift, 0.0, -60.0])
        assert ask(engine, memory).refused is refuses
    for shift, sure in ((1.0, True), (-1.0, False)):
        config.confidence = weights(mean=[1.0, 0.0, 0.0], constant=[shift - mean, -60.0, 0.0])
        assert ask(engine, memory).sure is sure


def test_other_windows_and_the_bare_model_have_no_score(engine: Engine, config: Any) -> None:
    memory = ingest(engine, 1)
    options: list[dict[str, Any]] = [
        {"window": "none"},
        {"window": "ends"},
        {"window_tokens": 0},
        {"method": "none"},
    ]
    free = [ask(engine, memory, **each) for each in options]
    config.confidence = weights(constant=UNANSWERED)
    for each, before in zip(options, free, strict=True):
        answer = ask(engine, memory, **each)
        assert (answer.answer, answer.confidence, answer.sure) == (before.answer, None, True)
        assert answer.found == answer.quoted
        assert (answer.shown == 0) == (each.get("window") == "none" or "window_tokens" in each)


def test_without_the_score_what_was_fitted_to_it_never_refuses(engine: Engine, config: Any) -> None:
    """Decoding would refuse nearly everything of an adapter whose refusals the score decides."""
    memory = ingest(engine, 1)

    def refuse_from(**options: Any) -> list[float] | None:
        return engine.answerer(memory, **options).judge().refuse_from(["?"], [])

    assert refuse_from(window="none") is None
    config.confidence = weights(constant=RIGHT)
    assert refuse_from(window="none") == refuse_from(window="ends") == [NEVER]
    assert refuse_from(method="none", window="none") is None


@pytest.mark.parametrize(
    ("said", "answer"),
    [("The document says.", REFUSAL), ("It is not mentioned in the text.", REFUSAL), ("", "")],
)
def test_other_words_for_the_refusal_are_one(
    engine: Engine, config: Any, monkeypatch: pytest.MonkeyPatch, said: str, answer: str
) -> None:
    """Whatever the score is; an empty answer is none."""
    generate = answering.generate

    def generated(*args: Any, **options: Any) -> Any:
        return [replace(one, text=said) for one in generate(*args, **options)]

    monkeypatch.setattr(answering, "generate", generated)
    config.confidence = weights(constant=[2.0, 1.0, 0.0])
    found = ask(engine, ingest(engine, 1))
    assert (found.answer, found.found) == (answer, answer == "")
    assert found.confidence == pytest.approx(0.665 if answer == "" else 0.245, abs=1e-3)


MIXED = weights(
    **{name: [0.3 - 0.1 * n, 0.05 * n, -0.1] for n, name in enumerate(SIGNALS)},
    constant=[1.0, 0.0, 0.0],
)


def test_together_alone_and_in_the_rows_of_the_fit(engine: Engine, config: Any) -> None:
    """Each way to the score measures the same signals."""
    memory = ingest(engine, 1, 2)
    config.confidence = MIXED
    together = list(engine.ask_many(memory, QUESTIONS, batch=5, max_new_tokens=NEW))
    for question, one in zip(QUESTIONS, together, strict=True):
        alone = ask(engine, memory, question)
        assert (one.answer, one.found) == (alone.answer, alone.found)
        assert one.confidence == pytest.approx(alone.confidence, abs=1e-4)
    drafts = _drafts(engine, memory, QUESTIONS)
    model = engine.adapter.confidence
    assert model is not None
    for draft, one in zip(drafts, together, strict=True):
        found = model.of_signals([*_signals(draft, engine, memory).values()])
        assert found.score == pytest.approx(one.confidence, abs=1e-4)
    assert len({round(one.confidence or 0.0, 4) for one in together}) == len(QUESTIONS)


def test_a_question_of_its_own_has_the_same_score_in_a_conversation(
    engine: Engine, config: Any
) -> None:
    memory = ingest(engine, 1)
    config.confidence = MIXED
    history = [("Who carries silver?", "the harbour master")]
    question, follow_up = "Where do the old bridges carry the grain?", "Why does he carry it?"
    alone, later = ask(engine, memory, question), ask(engine, memory, question, history=history)
    assert alone.confidence == later.confidence
    assert ask(engine, memory, follow_up).confidence != pytest.approx(
        ask(engine, memory, follow_up, history=history).confidence, abs=1e-4
    )


def _drafts(engine: Engine, memory: Any, questions: list[str]) -> Any:
    answerer = engine.answerer(memory, max_new_tokens=NEW)
    return answerer.drafts(questions, refuses=False)


def _signals(draft: Any, engine: Engine, memory: Any) -> dict[str, float]:
    index = engine.answerer(memory).collection.index
    values = signals(draft.question, draft.generated, index=index, scores=draft.scores)
    return dict(zip(SIGNALS, values, strict=True))
