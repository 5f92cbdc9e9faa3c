"""The shared parts by themselves: folded queries, mixed precision, gates."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from lcirc_cli.model.layers import (
    CrossAttention,
    FeedForward,
    GatedCrossAttention,
    autocasts,
    make_norm,
)

from .tiny import distance, randomise


def attention(**changes: bool) -> CrossAttention:
    options = {"context_norm": True, "qk_norm": True, "bias": True, **changes}
    made = CrossAttention(16, 4, kv_heads=2, head_dim=4, norm="rmsnorm", eps=1e-6, **options)
    randomise(made)
    return made


def block(gates: float = 0.5) -> GatedCrossAttention:
    made = GatedCrossAttention(
        attention(), FeedForward(16, 24, norm="rmsnorm", eps=1e-6), gate_init=gates
    )
    randomise(made, gates=gates)
    return made


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_folded_queries_are_the_repeated_context(biased: bool, masked: bool) -> None:
    """Rows 0-2 belong to the first context, rows 3-5 to the second."""
    made, x, context = attention(), random(6, 5, 16), random(2, 7, 16, seed=1)
    mask = torch.tensor([[True] * 7, [True] * 4 + [False] * 3]) if masked else None
    bias = random(2, 4, 5, 7, seed=2) if biased else None
    folded = made(x, made.keys_values(context, mask), bias=bias)
    repeated = made.keys_values(
        context.repeat_interleave(3, dim=0),
        None if mask is None else mask.repeat_interleave(3, dim=0),
    )
    expected = made(x, repeated, bias=None if bias is None else bias.repeat_interleave(3, dim=0))
    assert distance(folded, expected) < 1e-5


def test_keys_and_values_are_normalised_once() -> None:
    made, context = attention(), random(2, 7, 16)
    kv = made.keys_values(context)
    normed = made.context_norm(context)
    assert torch.equal(kv.v_BGNd, made.v(normed).unflatten(-1, (2, 4)).transpose(1, 2))
    k = made.k_norm(made.k(normed).unflatten(-1, (2, 4)).transpose(1, 2))
    assert torch.equal(kv.k_BGNd, k)


@pytest.mark.parametrize("gates", [0.0, 0.5])
def test_gates(gates: float) -> None:
    made, x, context = block(gates), random(2, 5, 16), random(2, 7, 16, seed=1)
    kv = made.attention.keys_values(context)
    found = made(x, kv)
    if gates == 0.0:
        assert torch.equal(found, x)
        return
    assert made.feed_forward is not None
    share = torch.tensor(gates).tanh()
    middle = x + share * made.attention(x, kv)
    assert distance(found, middle + share * made.feed_forward(middle)) < 1e-6


def test_closed_gates_keep_every_bit_of_a_wider_stream() -> None:
    made, x = block(0.0).bfloat16(), random(2, 5, 16)
    kv = made.attention.keys_values(random(2, 7, 16, seed=1).bfloat16())
    assert torch.equal(made(x, kv), x)
    with torch.no_grad():
        made.attention_gate.fill_(0.5)
    found = made(x, kv)
    assert found.dtype == torch.float32
    assert distance(found, x) > 1e-2


def test_autocast_computes_in_half_and_keeps_the_stream() -> None:
    made, x = block(), random(2, 5, 16)
    context = random(2, 7, 16, seed=1)
    exact = made(x, made.attention.keys_values(context))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert autocasts(x.device)
        kv = made.attention.keys_values(context)
        assert kv.v_BGNd.dtype == torch.bfloat16
        found = made(x, kv)
    assert not autocasts(x.device)
    assert not autocasts(torch.device("meta"))
    assert found.dtype == torch.float32
    assert 0 < distance(found, exact) < 0.1


def test_a_block_without_feed_forward() -> None:
    made = GatedCrossAttention(attention(), None, gate_init=0.3)
    assert made.feed_forward_gate is None
    made.start()
    assert float(made.attention_gate.detach()) == pytest.approx(0.3)
    x = random(1, 5, 16)
    kv = made.attention.keys_values(random(1, 7, 16))
    expected = x + torch.tensor(0.3).tanh() * made.attention(x, kv)
    assert distance(made(x, kv), expected) < 1e-6


def test_norms() -> None:
    assert isinstance(make_norm("layernorm", 4, eps=1e-5), nn.LayerNorm)
    norm = make_norm("rmsnorm", 4, eps=1e-3)
    assert isinstance(norm, nn.RMSNorm)
    assert norm.eps == 1e-3


def test_the_short_norm_in_bfloat16_is_as_exact_as_the_dtype() -> None:
    norm = make_norm("rmsnorm", 64, eps=1e-5).bfloat16()
    norm.weight.data.uniform_(0.5, 2.0)
    x = (random(3, 50, 64) * torch.logspace(-4, 3, 50)[:, None]).bfloat16()
    exact = torch.nn.functional.rms_norm(x.double(), (64,), norm.weight.double(), 1e-5)
    with torch.no_grad():
        short = norm(x)
    library = norm(x)
    assert short.dtype == library.dtype == torch.bfloat16
    for found in (short, library):
        assert bool(((found.double() - exact).abs() <= 0.012 * exact.abs() + 1e-6).all())
    assert library.requires_grad and not short.requires_grad
