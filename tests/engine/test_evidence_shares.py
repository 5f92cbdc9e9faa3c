"""Segments that the question divides by evidence, through memories and answers."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from lcirc_cli import Engine
from lcirc_cli.backbones.tokens import encode_questions
from lcirc_cli.memory.file import load_memory, save_memory

from ..model.tiny import segments_of
from .tiny import QUESTIONS, SMALL, answer_text, ingest, save_adapter

CLOSE = {"rtol": 0.0, "atol": 1e-5}


@pytest.fixture
def dividing(engine: Engine, backbone_folder: Path, tmp_path: Path) -> Engine:
    changes = {"perceiver_start": "average", "shares": "evidence", "evidence_latents": 2}
    folder = save_adapter(tmp_path / "dividing", engine, trained=True, **SMALL, **changes)
    return Engine.load(str(backbone_folder), str(folder), dtype="float32", device="cpu")


def test_a_memory_is_what_the_model_compresses(dividing: Engine) -> None:
    """The streamed pass over stored features, and the model over the same tokens."""
    contents, model = ingest(dividing, 1), dividing.model
    answerer = dividing.answerer(contents, segments=0)
    steered = answerer.steer(QUESTIONS)
    question = model.question_keys(*encode_questions(answerer.backbone.tokenizer, QUESTIONS))
    with torch.no_grad():
        segments = segments_of(model, [contents.token_ids[:].long()])
        expected = model.compress(segments, question=question).memory
        scores = [
            model.adapter.evidence(question, model.adapter.keys(each.inputs_BND))
            for each in segments
        ]
    assert steered.memory is not None and steered.memory.prior_BM is not None
    torch.testing.assert_close(steered.memory.states_BMD, expected.states_BMD, **CLOSE)
    torch.testing.assert_close(steered.memory.prior_BM, expected.prior_BM, rtol=0.0, atol=1e-4)
    assert steered.evidence is not None
    found = torch.stack([each.scores_RN for each in steered.evidence])
    torch.testing.assert_close(found, torch.cat(scores, dim=2), **CLOSE)


def test_saved_memories_answer_like_fresh_ones(dividing: Engine, tmp_path: Path) -> None:
    fresh = ingest(dividing, 1)
    save_memory(tmp_path / "m.lcirc", fresh)
    saved = load_memory(tmp_path / "m.lcirc")
    for window in ("none", "evidence"):
        assert answer_text(dividing, saved, window=window) == answer_text(
            dividing, fresh, window=window
        )


def test_odds_are_comparable_over_several_memories(dividing: Engine) -> None:
    """Each memory's prior is what it is alone: nothing is normalised within one."""
    first, second = ingest(dividing, 1), ingest(dividing, 2)
    both = dividing.answerer([first, second], segments=0).steer(QUESTIONS[:1]).memory
    alone = [
        dividing.answerer(one, segments=0).steer(QUESTIONS[:1]).memory for one in (first, second)
    ]
    assert both is not None and both.prior_BM is not None
    expected = torch.cat([one.prior_BM for one in alone if one and one.prior_BM is not None], dim=1)
    torch.testing.assert_close(both.prior_BM, expected, **CLOSE)
