"""The engine on random weights with open gates: memories, answers, and what must be equal."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lcirc_cli import Engine
from lcirc_cli.answer import METHODS, WINDOWS
from lcirc_cli.errors import ModelError, OutOfMemoryError, UsageError
from lcirc_cli.memory_file import MemoryContents, load_memory, save_memory

from .tiny import SMALL, make_document, make_text, save_adapter, save_backbone

QUESTIONS = [
    "What did the harbour master write?",
    "Who carries silver?",
    "bread",
    "Where do the old bridges carry the grain and the silver letters before noon?",
    "Which maps?",
]
NEW = 12


def ingest(engine: Engine, *seeds: int) -> MemoryContents:
    return engine.ingest([make_document(make_text(seed), f"{seed}.txt") for seed in seeds])


def text(engine: Engine, memories: Any, question: str = QUESTIONS[0], **options: Any) -> str:
    return engine.ask(memories, question, max_new_tokens=NEW, **options).answer


@pytest.fixture(params=["contextual", "raw"])
def any_engine(request: pytest.FixtureRequest) -> Engine:
    return request.getfixturevalue("engine" if request.param == "contextual" else "raw_engine")


# -- what must be equal ---------------------------------------------------------------------


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("method", METHODS)
def test_a_saved_memory_answers_like_a_fresh_one(
    any_engine: Engine, tmp_path: Path, method: str, window: str
) -> None:
    fresh = ingest(any_engine, 1)
    save_memory(tmp_path / "book.lcirc", fresh)
    saved = load_memory(tmp_path / "book.lcirc")
    for question in QUESTIONS[:3]:
        options = {"method": method, "window": window}
        assert text(any_engine, saved, question, **options) == text(
            any_engine, ingest(any_engine, 1), question, **options
        )


def test_saved_states_are_those_of_compressing_again(any_engine: Engine, tmp_path: Path) -> None:
    save_memory(tmp_path / "book.lcirc", ingest(any_engine, 1, 2))
    saved, again = load_memory(tmp_path / "book.lcirc"), ingest(any_engine, 1, 2)
    assert torch.equal(saved.states, again.states)
    torch.testing.assert_close(saved.carry, again.carry, rtol=0, atol=1e-5)


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
    assert torch.equal(appended.token_ids, both.token_ids)
    torch.testing.assert_close(appended.states.float(), both.states.float(), rtol=0, atol=1e-5)
    torch.testing.assert_close(appended.carry, both.carry, rtol=0, atol=1e-5)
    assert text(any_engine, appended) == text(any_engine, both)
    # The recurrence went on: by itself the second document has other states.
    alone = ingest(any_engine, 2)
    assert not torch.equal(appended.states[len(first.states) :], alone.states)


@pytest.mark.parametrize("budget", [0, 40_000])
def test_keys_that_are_kept_change_nothing(engine: Engine, budget: int) -> None:
    memory = ingest(engine, 1)
    expected = text(engine, memory, window="none")
    small = Engine(engine.backbone, engine.adapter, key_bytes=budget)
    assert [text(small, memory, window="none") for _ in range(2)] == [expected] * 2
    assert small._opened is not None
    assert small._opened.stores[0].used <= budget


def test_keys_are_made_once_for_all_questions(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = ingest(engine, 1)
    made = []
    keys = engine.model.adapter.keys
    monkeypatch.setattr(engine.model.adapter, "keys", lambda *a: made.append(1) or keys(*a))
    answers = {text(engine, memory, question, window="none") for question in QUESTIONS}
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
        assert text(closed, memory, window=window) == text(
            closed, memory, window=window, method="none"
        )


# -- what must differ -----------------------------------------------------------------------


@pytest.mark.parametrize("method", ["qd-lcirc", "lcirc"])
def test_without_a_window_the_answer_comes_from_the_memory(any_engine: Engine, method: str) -> None:
    answers = {
        text(any_engine, ingest(any_engine, seed), window="none", method=method)
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
    first, again, other = (text(engine, memory, temperature=1.0, seed=seed) for seed in (1, 1, 2))
    assert first == again != other
    assert torch.equal(torch.get_rng_state(), state)


# -- several memories, limits, evidence ------------------------------------------------------


def test_several_memories_in_one_question(engine: Engine) -> None:
    memories = [ingest(engine, 1), ingest(engine, 2)]
    answer = engine.ask(memories, QUESTIONS[3], max_new_tokens=NEW)
    assert answer.tokens.document == sum(len(memory.token_ids) for memory in memories)
    assert answer.tokens.memory == sum(len(memory.states) for memory in memories)
    contents = engine.answerer(memories).collection.contents
    texts = {document.name: document.text for document in contents.documents}
    assert answer.citations
    for citation in answer.citations:
        assert texts[citation.document][citation.start : citation.end] == citation.quote
    for method in METHODS[:2]:
        states = engine.answerer(memories, method=method).steer([QUESTIONS[3]]).memory
        alone = [engine.answerer(m, method=method).steer([QUESTIONS[3]]).memory for m in memories]
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
    assert len(memory.states) == 3 * SMALL["num_latents"]
    assert torch.equal(
        limited.ingest([make_document(make_text(2), "2.txt")], append_to=ingest(limited, 1)).states,
        memory.states,
    )
    answer = limited.ask(memory, QUESTIONS[0], max_new_tokens=NEW)
    assert answer.tokens.memory == 3 * SMALL["num_latents"]
    assert answer.left_out == sum(memory.segment_lengths[:-3])


def test_the_latents_score_every_token(engine: Engine) -> None:
    memory = ingest(engine, 1, 2)
    engine.adapter.adapter.config.trained = True
    answerer = engine.answerer(memory)
    evidence = answerer.steer(QUESTIONS[:3]).evidence_BRN
    assert evidence is not None
    assert evidence.shape[0] == 3 and evidence.shape[2] == len(memory.token_ids)
    expected = []
    segments = answerer.collection.segments[0]
    question = engine.model.question_keys(*answerer._question_ids(QUESTIONS[1:2]))
    for group, inputs in segments.inputs(engine.model, segments.groups):
        for row in range(group.count):
            keys = engine.model.adapter.keys(inputs[row : row + 1])
            expected.append(engine.model.adapter.evidence(question, keys)[0])
    torch.testing.assert_close(evidence[1], torch.cat(expected, dim=-1), rtol=0, atol=1e-4)
    scores = answerer.collection.passage_evidence(evidence[1])
    assert len(scores) == len(answerer.collection.index.passages)


def test_only_a_trained_adapter_has_a_say_in_the_ranking(engine: Engine) -> None:
    answerer = engine.answerer(ingest(engine, 1, 2))
    words = answerer.collection.index.scores(QUESTIONS[0])
    untrained = answerer.rank(QUESTIONS[:1], answerer.steer(QUESTIONS[:1]))[0]
    assert np.array_equal(untrained, words)
    engine.adapter.adapter.config.trained = True
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
        ranks.rank(["And the ropes?"], steered, history=history)[0],
    )


# -- what is refused, and long use -------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"method": "rag"},
        {"window": "all"},
        {"max_new_tokens": 0},
        {"citations": -1},
        {"window_tokens": -1},
        {"temperature": float("nan")},
        {"temperature": -1.0},
    ],
)
def test_settings_that_cant_be_used(engine: Engine, options: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        engine.ask(ingest(engine, 1), "a question", **options)


def test_an_empty_question_or_no_memory(engine: Engine) -> None:
    with pytest.raises(UsageError, match="empty"):
        engine.ask(ingest(engine, 1), " \n")
    with pytest.raises(UsageError, match="no memory"):
        engine.ask([], "a question")


def test_an_adapter_without_a_mixer_says_which_method_to_use(
    engine: Engine, tmp_path: Path, backbone_folder: Path
) -> None:
    folder = save_adapter(tmp_path / "plain", engine, **SMALL, query_mixer=False)
    plain = Engine.load(str(backbone_folder), str(folder), dtype="float32")
    memory = ingest(plain, 1)
    assert text(plain, memory, method="lcirc")
    with pytest.raises(UsageError, match="--method lcirc"):
        text(plain, memory)


def test_a_memory_of_other_models_is_refused(engine: Engine, tmp_path: Path) -> None:
    memory = ingest(engine, 1)
    for field in ("backbone", "tokenizer", "adapter"):
        other = dataclasses.replace(memory.fingerprints, **{field: "0" * 64})
        with pytest.raises(ModelError, match=field.replace("backbone", "model")):
            engine.ask(dataclasses.replace(memory, fingerprints=other), "a question")
    stranger = Engine.load(str(save_backbone(tmp_path / "b", seed=7)), dtype="float32")
    with pytest.raises(ModelError):
        stranger.ingest([make_document("more")], append_to=memory)


def test_memory_that_runs_out_halves_the_batch(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = ingest(engine, 1)
    monkeypatch.setattr("lcirc_cli.ingestion.windows_at_once", lambda device: 8)
    features, sizes = engine.model.features, []

    def scarce(ids: torch.Tensor) -> torch.Tensor:
        sizes.append(len(ids))
        if len(ids) > room:
            raise torch.OutOfMemoryError
        return features(ids)

    monkeypatch.setattr(engine.model, "features", scarce)
    room = 2
    memory = ingest(engine, 1)
    assert sizes[:3] == [7, 3, 1] or sizes[:3] == [8, 4, 2]
    difference = (memory.features["codes"].int() - expected.features["codes"].int()).abs()
    assert difference.max() <= 1
    room = 0
    with pytest.raises(OutOfMemoryError) as caught:
        ingest(engine, 1)
    assert caught.value.exit_code == 6


def test_memory_that_runs_out_in_an_answer(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    memory = ingest(engine, 1)

    def full(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried ...")

    monkeypatch.setattr(engine.model, "generate", full)
    with pytest.raises(OutOfMemoryError):
        text(engine, memory)


def _hooks(engine: Engine) -> int:
    modules = [*engine.backbone.lm.modules(), *engine.adapter.adapter.modules()]
    return sum(len(m._forward_pre_hooks) + len(m._forward_hooks) for m in modules)


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def test_fifty_questions_leave_no_hooks(engine: Engine) -> None:
    memory = ingest(engine, 1)
    before = _hooks(engine)
    for number in range(50):
        engine.ask(memory, f"{QUESTIONS[number % 5]} {number}", max_new_tokens=3)
    assert _hooks(engine) == before


@pytest.mark.slow
def test_a_thousand_questions_keep_memory_flat(engine: Engine) -> None:
    memory = ingest(engine, 1, 2)
    before = _hooks(engine)
    for number in range(1000):
        if number == 100:  # allocators have settled
            start = _resident()
        engine.ask(memory, f"{QUESTIONS[number % 5]} {number}", max_new_tokens=4)
    assert _hooks(engine) == before
    assert _resident() < 1.02 * start
