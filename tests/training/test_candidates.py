"""The ways of training a memory that `scripts/memory_candidates.py` compares."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from lcirc_cli.model import Memory

from ..model.tiny import EVIDENCE, segments_of, tiny_model, tokens
from .conftest import Command, Line, Planted

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    for name in ("candidate_ways", "memory_candidates"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return __import__


@pytest.mark.parametrize("segments", [1, 2, 3, 6])
def test_latents_are_dealt_to_the_best_segments(
    script: Callable[[str], Any], segments: int
) -> None:
    fine = 8
    ways = script("candidate_ways")
    generator = torch.Generator().manual_seed(segments)
    states = torch.randn(2, segments * fine, 4, generator=generator)
    prior = torch.zeros(2, segments, fine)
    best = torch.tensor([0, segments - 1])
    prior[torch.arange(2), best, 3] = 5.0
    dealt = ways.dealt(Memory(states, None, prior.flatten(1)), fine)
    if segments < 3:
        assert torch.allclose(dealt.states_BMD, states.unflatten(1, (-1, 2)).mean(dim=2))
        return
    assert dealt.mask_BM.sum(dim=1).tolist() == [segments * fine // 2] * 2
    own = dealt.states_BMD.unflatten(1, (segments, fine))
    read = dealt.mask_BM.unflatten(1, (segments, fine))
    for row in range(2):
        assert torch.equal(own[row, best[row]], states[row].view(segments, fine, 4)[best[row]])
        assert read[row, best[row]].all()
        other = int(segments // 2) if segments > 3 else 1
        means = states[row].view(segments, 2, 4, 4)[other].mean(dim=1)
        if not read[row, other].all():
            assert torch.allclose(own[row, other, :2], means)


def test_means_are_of_equal_shares_whatever_the_question(script: Callable[[str], Any]) -> None:
    ways = script("candidate_ways")
    model = tiny_model(**{**EVIDENCE, "num_latents": 4})
    (document,) = tokens(20)
    segments = segments_of(model, [document])
    question = model.question_keys(torch.stack(tokens(5, 5)))
    usual = model.compress(segments, question=question).memory
    with ways.averaged(model):
        made = model.compress(segments, question=question).memory
    shares = segments[0].inputs_BND[0].unflatten(0, (4, 2)).mean(dim=1)
    assert torch.allclose(made.states_BMD[:, :4], shares.expand(2, -1, -1), atol=1e-6)
    again = model.compress(segments, question=question).memory
    assert torch.equal(again.states_BMD, usual.states_BMD)  # nothing of it is left


def test_every_candidate_trains_and_is_measured(
    script: Callable[[str], Any],
    here: Line,
    train_command: Command,
    tiny_folder: Path,
    planted: Planted,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shape = {"adapter.perceiver_start": "average", "adapter.shares": "evidence"}
    first, init = tmp_path / "memory", tmp_path / "reader"
    assert here(train_command(first, steps=1, **shape)).status == 0
    reader = train_command(init, steps=1, method="reader", lora_rank=4, window_tokens=400)
    assert here([*reader, "--init", str(first / "best")]).status == 0
    out = tmp_path / "out"
    settings = ["steps=2", "documents=1", "questions=1", "warmup_steps=0", "learning_rate=0.01"]
    settings += [f"model={tiny_folder}", "adapter_preset=smollm2"]
    words = [word for each in settings for word in ("--set", each)]
    line = ["x", str(init / "best"), "--data", str(planted.folder), "--dev", str(planted.folder)]
    monkeypatch.setattr(sys, "argv", [*line, "--limit", "4", "--out", str(out), *words])
    script("memory_candidates").main()
    told = [json.loads(each) for each in capsys.readouterr().out.splitlines() if each[0] == "{"]
    assert [each["candidate"] for each in told] == ["start", "plain", "teacher", "divided", "mean"]
    assert all(each["questions"] == 4 for each in told)
    losses = [each["question, memory"] for each in told]
    assert len(set(losses)) == len(losses)  # each is another
