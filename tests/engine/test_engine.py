"""The engine on random weights with open gates: memories, answers, and what must be equal."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lcirc_cli import Engine
from lcirc_cli.answering.answer import ASK_METHODS, WINDOWS
from lcirc_cli.backbones.tokens import encode_questions
from lcirc_cli.memory.file import load_memory, save_memory

from .tiny import (
    NEW,
    QUESTIONS,
    SMALL,
    WORDS,
    answer_text,
    ingest,
    make_document,
    make_text,
    save_adapter,
)


@pytest.fixture(params=["contextual", "raw"])
def any_engine(request: pytest.FixtureRequest) -> Engine:
    return request.getfixturevalue("engine" if request.param == "contextual" else "raw_engine")


# -- what must be equal ---------------------------------------------------------------------


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("method", [name for name in ASK_METHODS if name != "reader"])
def test_a_saved_memory_answers_like_a_fresh_one(
    any_engine: Engine, tmp_path: Path, method: str, window: str
) -> None:
    fresh = ingest(any_engine, 1)
    save_memory(tmp_path / "book.lcirc", fresh)
    saved = load_memory(tmp_path / "book.lcirc")
    for question in QUESTIONS[:3]:
        options = {"method": method, "window": window}
        assert answer_text(any_engine, saved, question, **options) == answer_text(
            any_engine, fresh, question, **options
        )


def test_saved_states_are_those_of_compressing_again(any_engine: Engine, tmp_path: Path) -> None:
    save_memory(tmp_path / "book.lcirc", ingest(any_engine, 1, 2))
    saved, again = load_memory(tmp_path / "book.lcirc"), ingest(any_engine, 1, 2)
    assert torch.equal(saved.states[:], again.states[:])


@pytest.mark.parametrize("window", WINDOWS)
def test_questions_together_are_answered_as_one_by_one(any_engine: Engine, window: str) -> None:
    memory = ingest(any_engine, 1)
    options: dict[str, Any] = {"window": window, "max_new_tokens": NEW}
    together = list(any_engine.ask_many(memory, QUESTIONS, batch=4, **options))
    alone = [any_engine.ask(memory, question, **options) for question in QUESTIONS]
    assert [a.answer for a in together] == [a.answer for a in alone]
    assert [a.tokens for a in together] == [a.tokens for a in alone]
    assert [a.citations for a in together] == [a.citations for a in alone]


def test_questions_together_give_the_same_states(engine: Engine) -> None:
    answerer = engine.answerer(ingest(engine, 1))
    together = answerer.steer(QUESTIONS).memory
    assert together is not None
    for row, question in enumerate(QUESTIONS):
        alone = answerer.steer([question]).memory
        assert alone is not None
        torch.testing.assert_close(together.states_BMD[row], alone.states_BMD[0], rtol=0, atol=1e-5)


def test_appending_is_ingesting_both_at_once(any_engine: Engine) -> None:
    both = ingest(any_engine, 1, 2)
    first = ingest(any_engine, 1)
    second = make_document(make_text(2), "2.txt")
    appended = any_engine.ingest([second], append_to=first)
    assert appended.documents == both.documents
    assert appended.segment_lengths == both.segment_lengths
    assert torch.equal(appended.token_ids[:], both.token_ids[:])
    torch.testing.assert_close(
        appended.states[:].float(), both.states[:].float(), rtol=0, atol=1e-5
    )
    assert answer_text(any_engine, appended) == answer_text(any_engine, both)
    # Every document starts from h_0: beside another it has the states that it has by itself.
    assert torch.equal(appended.states[: len(first.states)], first.states[:])
    assert torch.equal(appended.states[len(first.states) :], ingest(any_engine, 2).states[:])


@pytest.mark.parametrize("method", ["qd-lcirc", "lcirc"])
def test_a_document_s_latents_are_its_own(any_engine: Engine, method: str) -> None:
    """In one memory with others, in either order, and in a memory of its own."""
    rows = {}
    for seeds in ((1, 2), (2, 1), (1,), (2,)):
        memory = any_engine.answerer(ingest(any_engine, *seeds), method=method, segments=0)
        steered = memory.steer([QUESTIONS[0]]).memory
        assert steered is not None
        rows[seeds] = steered.states_BMD[0].float()
    for both, parts in (((1, 2), ((1,), (2,))), ((2, 1), ((2,), (1,)))):
        alone = torch.cat([rows[part] for part in parts])
        torch.testing.assert_close(rows[both], alone, rtol=0, atol=1e-5)


@pytest.mark.parametrize("budget", [0, 40_000])
def test_keys_that_are_kept_change_nothing(engine: Engine, budget: int) -> None:
    memory = ingest(engine, 1)
    expected = answer_text(engine, memory, window="none")
    small = Engine(engine.backbone, engine.adapter, key_bytes=budget)
    assert [answer_text(small, memory, window="none") for _ in range(2)] == [expected] * 2
    assert small._opened is not None
    assert small._opened.stores[0].used <= budget


def test_threads_that_share_an_engine_get_the_serial_answers(engine: Engine) -> None:
    """Two memories and sixty questions, in turn, so that each thread finds the other one open."""
    memories = [ingest(engine, seed) for seed in (1, 2)]
    questions = [f"Who carries {word}, and where?" for word in WORDS]
    questions += QUESTIONS[: 30 - len(questions)]
    asked = [(memory, question) for question in questions for memory in memories]
    assert len(asked) == 60

    def ask(each: tuple[Any, str]) -> dict[str, Any]:
        answer = engine.ask(each[0], each[1], max_new_tokens=3).to_json()
        return {name: value for name, value in answer.items() if name != "timings"}

    alone = [ask(each) for each in asked]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(ask, asked))
    assert together == alone
    assert len({str(answer["citations"]) for answer in alone}) > 30


def test_keys_are_made_once_for_all_questions(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lcirc_cli.answering.generation.whole_words", str)  # it says no word
    memory = ingest(engine, 1)
    made = []
    keys = engine.model.adapter.keys
    monkeypatch.setattr(engine.model.adapter, "keys", lambda *a: made.append(1) or keys(*a))
    answers = {answer_text(engine, memory, question, window="none") for question in QUESTIONS}
    assert len(answers) == len(QUESTIONS)
    assert len(made) == len(engine.answerer(memory).collection.segments[0].groups)


def test_the_pieces_of_an_answer_are_the_answer(engine: Engine) -> None:
    memory = ingest(engine, 1)
    pieces: list[str] = []
    answer = engine.ask(memory, QUESTIONS[0], max_new_tokens=30, on_token=pieces.append)
    assert "".join(pieces) == answer.answer
    assert len(pieces) > 1


def test_closed_gates_answer_like_the_bare_model(engine: Engine, backbone_folder: Path) -> None:
    closed = Engine.load(str(backbone_folder), dtype="float32")
    memory = ingest(closed, 1)
    for window in WINDOWS:
        assert answer_text(closed, memory, window=window) == answer_text(
            closed, memory, window=window, method="none"
        )


# -- what must differ -----------------------------------------------------------------------


@pytest.mark.parametrize("method", ["qd-lcirc", "lcirc"])
def test_without_a_window_the_answer_comes_from_the_memory(
    any_engine: Engine, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lcirc_cli.answering.generation.whole_words", str)  # it says no word
    answers = {
        answer_text(any_engine, ingest(any_engine, seed), window="none", method=method)
        for seed in range(1, 5)
    }
    assert len(answers) == 4


def test_the_question_steers_the_compression(any_engine: Engine) -> None:
    answerer = any_engine.answerer(ingest(any_engine, 1))
    first, second = (answerer.steer([question]).memory for question in QUESTIONS[:2])
    assert first is not None and second is not None
    assert (first.states_BMD - second.states_BMD).abs().max() > 1e-2


def test_sampling_follows_its_seed(engine: Engine) -> None:
    memory = ingest(engine, 1)
    state = torch.get_rng_state()
    first, again, other = (
        answer_text(engine, memory, temperature=1.0, seed=seed) for seed in (1, 1, 2)
    )
    assert first == again != other
    assert torch.equal(torch.get_rng_state(), state)


# -- several memories, limits, evidence ------------------------------------------------------


def test_several_memories_in_one_question(engine: Engine) -> None:
    memories = [ingest(engine, 1), ingest(engine, 2)]
    answer = engine.ask(memories, QUESTIONS[3], max_new_tokens=NEW, segments=0)
    assert answer.tokens.document == sum(len(memory.token_ids) for memory in memories)
    assert answer.tokens.memory == sum(len(memory.states) for memory in memories)
    texts = {text.name: text.text for text in engine.answerer(memories).collection.index.texts}
    assert answer.citations
    for citation in answer.citations:
        assert texts[citation.document][citation.start : citation.end] == citation.quote
    for method in ("qd-lcirc", "lcirc"):
        options = {"method": method, "segments": 0}
        states = engine.answerer(memories, **options).steer([QUESTIONS[3]]).memory
        alone = [engine.answerer(m, **options).steer([QUESTIONS[3]]).memory for m in memories]
        assert states is not None
        torch.testing.assert_close(
            states.states_BMD.float(), torch.cat([m.states_BMD for m in alone], dim=1).float()
        )


def test_the_adapters_limit_on_segments_is_kept_and_told(
    engine: Engine, tmp_path: Path, backbone_folder: Path
) -> None:
    folder = save_adapter(tmp_path / "limited", engine, **SMALL, retained_segments=3)
    limited = Engine.load(str(backbone_folder), str(folder), dtype="float32")
    memory = ingest(limited, 1, 2)
    assert len(memory.states) == 2 * 3 * SMALL["num_latents"]  # of each document the last three
    assert torch.equal(
        limited.ingest([make_document(make_text(2), "2.txt")], append_to=ingest(limited, 1)).states[
            :
        ],
        memory.states[:],
    )
    save_memory(tmp_path / "limited.lcirc", memory)
    for contents in (memory, load_memory(tmp_path / "limited.lcirc")):
        answer = limited.ask(contents, QUESTIONS[0], max_new_tokens=NEW, segments=0)
        assert answer.tokens.memory == 2 * 3 * SMALL["num_latents"]
        own = [
            memory.segment_lengths[d.first_segment : d.first_segment + d.num_segments]
            for d in memory.documents
        ]
        assert answer.left_out == sum(sum(lengths[:-3]) for lengths in own) > 0


def test_the_latents_score_every_token(engine: Engine) -> None:
    memory = ingest(engine, 1, 2)
    engine.adapter.config.trained = True
    answerer = engine.answerer(memory, segments=0)
    evidence = answerer.steer(QUESTIONS[:3]).evidence
    assert evidence is not None and len(evidence) == 3
    assert evidence[1].scores_RN.shape[1] == len(memory.token_ids)
    assert evidence[1].ranges == [(0, len(memory.token_ids))]
    expected = []
    segments = answerer.collection.segments[0]
    question = engine.model.question_keys(
        *encode_questions(engine.backbone.tokenizer, QUESTIONS[1:2])
    )
    for group, inputs in segments.inputs(engine.model, segments.groups):
        for row in range(group.count):
            keys = engine.model.adapter.keys(inputs[row : row + 1])
            expected.append(engine.model.adapter.evidence(question, keys)[0])
    torch.testing.assert_close(
        evidence[1].scores_RN, torch.cat(expected, dim=-1), rtol=0, atol=1e-4
    )
    scores = answerer.collection.passage_evidence(evidence[1])
    assert len(scores) == len(answerer.collection.index.passages)


def test_only_a_trained_adapter_has_a_say_in_the_ranking(engine: Engine) -> None:
    answerer = engine.answerer(ingest(engine, 1, 2))
    words = answerer.collection.index.scores(QUESTIONS[0])
    untrained = answerer.rank(QUESTIONS[:1], answerer.steer(QUESTIONS[:1]))[0]
    assert np.array_equal(untrained, words)
    engine.adapter.config.trained = True
    trained = answerer.rank(QUESTIONS[:1], answerer.steer(QUESTIONS[:1]))[0]
    assert not np.array_equal(np.argsort(-trained), np.argsort(-words))


def test_a_follow_up_knows_the_question_before(engine: Engine) -> None:
    memory = ingest(engine, 1)
    history = [("Where are the lanterns?", "On the hills.")]
    alone = engine.ask(memory, "And the ropes?", max_new_tokens=NEW)
    after = engine.ask(memory, "And the ropes?", max_new_tokens=NEW, history=history)
    assert after.tokens.window > alone.tokens.window
    ranks = engine.answerer(memory)
    steered = ranks.steer(["And the ropes?"])
    assert not np.array_equal(
        ranks.rank(["And the ropes?"], steered)[0],
        ranks.rank(["And the ropes?"], steered, turns=[history])[0],
    )
