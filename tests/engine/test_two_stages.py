"""A question that steers some segments: all of them as without stages, few as those alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lcirc_cli import Engine
from lcirc_cli.answering.answer import Answer
from lcirc_cli.backbones.tokens import encode_questions
from lcirc_cli.compression.recurrence import run_pass

from .tiny import NEW, QUESTIONS, SMALL, ingest, make_document, make_text, save_adapter


def told(answer: Answer) -> dict[str, Any]:
    return {k: v for k, v in answer.to_json().items() if k != "timings"}


DIVIDED = {"perceiver_start": "average", "shares": "evidence", "evidence_latents": 2}


@pytest.fixture(params=[{}, DIVIDED], ids=["length", "evidence"])
def trained(
    request: pytest.FixtureRequest, engine: Engine, backbone_folder: Path, tmp_path: Path
) -> Engine:
    """Its scores of tokens have a say in the ranking."""
    folder = save_adapter(tmp_path / "trained", engine, **SMALL, trained=True, **request.param)
    return Engine.load(str(backbone_folder), str(folder), dtype="float32", device="cpu")


def test_with_all_segments_it_is_the_pass_over_the_memory(trained: Engine) -> None:
    """The same bits: states, odds, scores of tokens and passages."""
    memory = ingest(trained, 1, 2)
    size = len(memory.segment_lengths)
    answerer = trained.answerer(memory, segments=size)
    assert answerer.collection.best_segments(QUESTIONS[0], most=size) == tuple(range(size))
    steered = answerer.steer(QUESTIONS)
    question = trained.model.question_keys(*encode_questions(trained.backbone.tokenizer, QUESTIONS))
    (segments,) = answerer.collection.segments
    expected = run_pass(trained.model, segments, question=question, evidence=True)
    assert steered.memory is not None and steered.evidence is not None
    assert expected.evidence_BRN is not None
    assert torch.equal(steered.memory.states_BMD, expected.memory.states_BMD)
    if expected.memory.prior_BM is not None:
        assert steered.memory.prior_BM is not None
        assert torch.equal(steered.memory.prior_BM, expected.memory.prior_BM)
    for row, scores in enumerate(steered.evidence):
        assert torch.equal(scores.scores_RN, expected.evidence_BRN[row])
    all_at_once = [told(trained.ask(memory, q, segments=0, max_new_tokens=3)) for q in QUESTIONS]
    by_number = [told(trained.ask(memory, q, segments=size, max_new_tokens=3)) for q in QUESTIONS]
    assert all_at_once == by_number


def test_who_reads_no_latents_has_the_same_scores_without_them(
    trained: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of all segments and of few, of one memory and of two, of one question and of several."""
    memories = [ingest(trained, 1, 2), ingest(trained, 3)]
    for segments in (0, 3):
        answerer = trained.answerer(memories, segments=segments)
        expected = answerer.steer(QUESTIONS)
        with monkeypatch.context() as patched:
            patched.delattr(type(trained.model.adapter), "step")
            found = answerer.steer(QUESTIONS, reads_memory=False)
            alone = answerer.steer(QUESTIONS[:1], reads_memory=False)
            assert trained.search(memories, QUESTIONS[0])
        assert found.memory is None and found.chosen == expected.chosen
        assert found.evidence is not None and expected.evidence is not None
        assert alone.evidence is not None
        for one, other in zip(found.evidence, expected.evidence, strict=True):
            assert one.ranges == other.ranges
            torch.testing.assert_close(one.scores_RN, other.scores_RN, rtol=0, atol=1e-5)
        own = alone.evidence[0].scores_RN
        torch.testing.assert_close(own, found.evidence[0].scores_RN, rtol=0, atol=1e-5)


def test_some_segments_are_a_document_of_them_alone(trained: Engine) -> None:
    """In document order, each document from h_0, and nothing of the segments between them."""
    memory = ingest(trained, 1, 2)
    answerer = trained.answerer(memory, segments=3)
    chosen = answerer.collection.best_segments(QUESTIONS[0], most=3)
    steered = answerer.steer(QUESTIONS[:1])
    assert steered.chosen == [chosen] and list(chosen) == sorted(chosen) and len(chosen) == 3
    (segments,) = answerer.collection.segments
    question = trained.model.question_keys(
        *encode_questions(trained.backbone.tokenizer, QUESTIONS[:1])
    )
    adapter, carry, document, states = trained.model.adapter, None, None, []
    for group, inputs in segments.inputs(trained.model, segments.groups):
        for at in range(group.count):
            if group.first_segment + at in chosen:
                carry = carry if group.document == document else None
                keys = adapter.keys(inputs[at : at + 1])
                carry, document = adapter.step(carry, keys, question).latents_BKD, group.document
                states.append(carry)
    assert steered.memory is not None
    torch.testing.assert_close(
        steered.memory.states_BMD, torch.cat(states, dim=1), rtol=0, atol=1e-5
    )


def test_questions_together_steer_their_own_segments(trained: Engine) -> None:
    memory = ingest(trained, 1, 2)
    options: dict[str, Any] = {"segments": 2, "max_new_tokens": 3}
    alone = [told(trained.ask(memory, question, **options)) for question in QUESTIONS]
    assert [told(each) for each in trained.ask_many(memory, QUESTIONS, **options)] == alone
    steered = trained.answerer(memory, **options).steer(QUESTIONS)
    assert len(set(steered.chosen)) > 1
    size = len(memory.segment_lengths)
    assert all(answer["segments"] == {"all": size, "steered": 2} for answer in alone)


def test_a_passage_that_was_not_read_comes_after_those_that_were(trained: Engine) -> None:
    memory = ingest(trained, 1, 2)
    answerer = trained.answerer(memory, segments=1)
    steered = answerer.steer(QUESTIONS[:1])
    assert steered.evidence is not None
    scores = answerer.collection.passage_evidence(steered.evidence[0])
    (start, end) = answerer.collection.places.ranges(steered.chosen[0])[0]
    for passage, score in zip(answerer.collection.index.passages, scores, strict=True):
        read = passage.first_token < end and passage.end_token > start
        assert np.isfinite(score) == read
    assert np.isfinite(answerer.rank(QUESTIONS[:1], steered)[0]).all()


def test_an_adapter_s_limit_holds_among_the_chosen(
    engine: Engine, tmp_path: Path, backbone_folder: Path
) -> None:
    """Of each document the last one that was steered; a batch has rows of several lengths."""
    folder = save_adapter(tmp_path / "limited", engine, **SMALL, retained_segments=1)
    limited = Engine.load(str(backbone_folder), str(folder), dtype="float32")
    memory = ingest(limited, 1, 2)
    options: dict[str, Any] = {"segments": 7, "max_new_tokens": NEW}
    alone = [limited.ask(memory, question, **options) for question in QUESTIONS]
    assert {each.tokens.memory for each in alone} == {SMALL["num_latents"], 8}
    together = list(limited.ask_many(memory, QUESTIONS, batch=5, **options))
    assert [told(each) for each in together] == [told(each) for each in alone]
    for answer in alone:
        kept = len(memory.token_ids) - answer.left_out
        assert 0 < kept <= answer.tokens.memory // SMALL["num_latents"] * SMALL["segment_length"]


def test_what_a_question_costs_does_not_grow_with_the_memory(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[int] = []
    seen: list[tuple[str, int, int]] = []
    step = engine.model.adapter.step
    monkeypatch.setattr(engine.model.adapter, "step", lambda *a: steps.append(1) or step(*a))
    for documents in (2, 6):
        memory = engine.ingest(
            [make_document(make_text(seed), f"{seed}.txt") for seed in range(documents)]
        )
        steps.clear()
        seen.clear()
        engine.ask(memory, QUESTIONS[0], max_new_tokens=1, watch=lambda *told: seen.append(told))
        assert len(steps) == 16 < len(memory.segment_lengths)
        assert seen[0] == ("steering", 0, 16) and ("steering", 16, 16) in seen


def test_a_follow_up_looks_where_the_question_before_it_did(engine: Engine) -> None:
    memory = ingest(engine, 1, 2)
    answerer = engine.answerer(memory, segments=1)
    turns = [[("Which lanterns stand over the northern hills?", "Old ones.")]]
    alone = answerer.steer(["And then?"]).chosen
    after = answerer.steer(["And then?"], turns=turns).chosen
    assert after != alone
