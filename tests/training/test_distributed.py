"""Gradients of several processes, summed, are those of one."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from lcirc_cli.training import distributed
from lcirc_cli.training.distributed import Processes


def test_a_parameter_without_a_gradient_in_any_process_has_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else AdamW would let it decay, which it does not with one process."""

    def parameters(*gradients: Tensor | None) -> list[nn.Parameter]:
        made = [
            nn.Parameter(torch.zeros(2, 3)),
            nn.Parameter(torch.zeros(4)),
            nn.Parameter(torch.zeros(1)),
        ]
        for parameter, gradient in zip(made, gradients, strict=True):
            parameter.grad = gradient
        return made

    first = parameters(torch.ones(2, 3), None, None)
    second = parameters(torch.full((2, 3), 2.0), torch.full((4,), 5.0), None)
    sent: list[Tensor] = []
    monkeypatch.setattr(distributed.dist, "all_reduce", lambda flat: sent.append(flat.clone()))
    Processes(1, 2).sum_gradients(second)
    monkeypatch.setattr(distributed.dist, "all_reduce", lambda flat: flat.add_(sent[0]))
    Processes(0, 2).sum_gradients(first)
    found = [parameter.grad for parameter in first]
    assert found[0] is not None and torch.equal(found[0], torch.full((2, 3), 3.0))
    assert found[1] is not None and torch.equal(found[1], torch.full((4,), 5.0))
    assert found[2] is None
