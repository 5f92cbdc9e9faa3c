"""The evidence loss under each plan of back-propagation: its mean over draws is the full one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from lcirc_cli.model import (
    Backpropagation,
    LcircAdapter,
    LcircForCausalLM,
    Segment,
    preset,
)
from lcirc_cli.model.decoders import backbone_shape
from lcirc_cli.training.methods.objectives import evidence_loss

SEGMENTS = 4


def _gradients(
    model: LcircForCausalLM, segments: list[Segment], plan: Backpropagation
) -> list[Tensor]:
    generator = torch.Generator().manual_seed(5)
    asked = model.adapter.question_keys(
        torch.randn(1, 3, 32, generator=generator, dtype=torch.float64)
    )
    scores = model.compress(segments, question=asked, plan=plan, evidence=True).evidence_BRN
    assert scores is not None
    loss = evidence_loss(scores, [[(3, 5), (20, 22)]], passage_tokens=4)
    assert loss is not None
    wanted = [p for p in model.adapter.parameters() if p.requires_grad]
    found = torch.autograd.grad(loss, wanted, allow_unused=True)
    return [
        torch.zeros_like(p) if gradient is None else gradient
        for p, gradient in zip(wanted, found, strict=True)
    ]


@pytest.mark.parametrize("states", [1, 3])
@pytest.mark.parametrize("padded", [False, True])
def test_the_mean_over_draws_is_the_full_gradient(
    tiny_backbone: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    states: int,
    padded: bool,
) -> None:
    torch.manual_seed(0)
    backbone = tiny_backbone()
    config = preset("smollm2", backbone_shape(backbone.lm, name="tiny"))
    model = LcircForCausalLM(backbone.lm, LcircAdapter(config))
    model.adapter.double()
    segments = []
    for index in range(SEGMENTS):
        mask = torch.ones(1, 8, dtype=torch.bool)
        mask[:, 6:] = index < SEGMENTS - 1
        inputs = torch.randn(1, 8, 32, dtype=torch.float64)
        segments.append(Segment(inputs, mask if padded else None))
    full = _gradients(model, segments, Backpropagation("full"))
    assert sum(float(gradient.abs().sum()) for gradient in full) > 1e-3
    draws = []
    for first in range(SEGMENTS):
        drawn = {(first + offset) % SEGMENTS for offset in range(states)}
        monkeypatch.setattr(Backpropagation, "drawn", lambda *_, drawn=drawn: drawn)
        draws.append(_gradients(model, segments, Backpropagation("selective", states=states)))
    for wanted, *found in zip(full, *draws, strict=True):
        torch.testing.assert_close(torch.stack(found).mean(dim=0), wanted, atol=1e-10, rtol=1e-6)
