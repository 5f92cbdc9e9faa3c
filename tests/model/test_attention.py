"""The one dispatch for attention: which kernel, and the same numbers from each."""

from __future__ import annotations

import math
import sys
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from lcirc_cli.model.attention import attend, choose_backend

from .flash_stand_in import FlashStandIn
from .tiny import batch, distance, segments_of, tiny_model, tokens

B, H, G, T, N, D_HEAD = 3, 4, 2, 5, 7, 8
MASK = torch.tensor([[True] * 7, [True] * 3 + [False] * 4, [False] * 7])


@pytest.fixture
def flash(monkeypatch: pytest.MonkeyPatch) -> FlashStandIn:
    module = FlashStandIn()
    monkeypatch.setitem(sys.modules, "flash_attn", module)
    return module


def qkv(*, groups: int = G, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    shapes = ((B, H, T, D_HEAD), (B, groups, N, D_HEAD), (B, groups, N, D_HEAD))
    q, k, v = (torch.randn(shape, generator=generator).to(dtype) for shape in shapes)
    return q, k, v


def plain(q: Tensor, k: Tensor, v: Tensor, *, mask: Tensor | None, bias: Tensor | None) -> Tensor:
    """Head by head and query by query; rows without keys give zeros."""
    out = torch.zeros_like(q)
    for b in range(B):
        readable = range(N) if mask is None else [n for n in range(N) if mask[b, n]]
        for h in range(H):
            g = h // (H // k.shape[1])
            for t in range(T):
                logits = [float(q[b, h, t] @ k[b, g, n]) / math.sqrt(D_HEAD) for n in readable]
                if bias is not None:
                    full = bias.expand(B, H, T, N)
                    pairs = zip(logits, readable, strict=True)
                    logits = [logit + float(full[b, h, t, n]) for logit, n in pairs]
                powers = [math.exp(logit) for logit in logits]
                for power, n in zip(powers, readable, strict=True):
                    out[b, h, t] += power / sum(powers) * v[b, g, n]
    return out


def test_a_bias_that_learns_takes_the_fast_kernel_where_nothing_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    masks = []

    def spy(*args: Any, attn_mask: Tensor, **kwargs: Any) -> Tensor:
        masks.append(attn_mask.requires_grad)
        return sdpa(*args, attn_mask=attn_mask, **kwargs)

    sdpa = functional.scaled_dot_product_attention
    monkeypatch.setattr(functional, "scaled_dot_product_attention", spy)
    q, k, v = qkv()
    bias = torch.randn(1, H, 1, N, dtype=torch.float64, requires_grad=True)
    learning = attend(q, k, v_BGNd=v, bias=bias)
    with torch.no_grad():
        resting = attend(q, k, v_BGNd=v, bias=bias)
    assert masks == [True, False]
    assert distance(resting, learning) < 1e-9
    learning.sum().backward()
    assert bias.grad is not None


@pytest.mark.parametrize("groups", [H, G, 1])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("bias_shape", [None, (1, 1, T, N), (B, 1, T, N), (1, H, 1, N)])
def test_sdpa_is_plain_attention(
    groups: int, masked: bool, bias_shape: tuple[int, ...] | None
) -> None:
    q, k, v = qkv(groups=groups)
    mask = MASK if masked else None
    bias = None if bias_shape is None else torch.randn(bias_shape, dtype=torch.float64)
    found = attend(q, k, v_BGNd=v, key_mask_BN=mask, bias=bias)
    assert distance(found, plain(q, k, v, mask=mask, bias=bias)) < 1e-9


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("biased", [False, True])
def test_rows_without_keys_are_zeros_also_in_backward(dtype: torch.dtype, biased: bool) -> None:
    q, k, v = (x.requires_grad_(True) for x in qkv(dtype=dtype))
    bias = torch.zeros(1, H, T, N, dtype=dtype, requires_grad=True) if biased else None
    out = attend(q, k, v_BGNd=v, key_mask_BN=MASK, bias=bias)
    assert torch.equal(out[2], torch.zeros_like(out[2]))
    out.square().sum().backward()
    leaves = [q, k, v] + ([bias] if bias is not None else [])
    for leaf in leaves:
        assert leaf.grad is not None
        assert torch.isfinite(leaf.grad).all()
    assert k.grad is not None
    assert float(k.grad[1, :, 3:].abs().max()) == 0.0
    assert float(k.grad[2].abs().max()) == 0.0


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("groups", [H, G])
@pytest.mark.parametrize("biased", [False, True])
def test_few_queries_in_half_precision(
    dtype: torch.dtype, masked: bool, groups: int, biased: bool
) -> None:
    """Without gradients a CPU takes plain products; with them, and for more queries, SDPA."""
    q, k, v = qkv(groups=groups, dtype=dtype)
    mask = MASK if masked else None
    bias = torch.randn(1, H, 1, N).to(dtype) if biased else None
    exact = plain(
        q.double(), k.double(), v.double(), mask=mask, bias=None if bias is None else bias.double()
    )
    with torch.no_grad():
        found = attend(q, k, v_BGNd=v, key_mask_BN=mask, bias=bias)
    sdpa = attend(q, k, v_BGNd=v, key_mask_BN=mask, bias=bias)
    assert found.dtype == dtype
    assert found.shape == q.shape
    assert distance(found.double(), exact) < 2e-2
    assert distance(found, sdpa) < 2e-2


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("groups", [H, G])
def test_flash_gives_what_sdpa_gives(
    flash: FlashStandIn, dtype: torch.dtype, masked: bool, groups: int
) -> None:
    q, k, v = qkv(groups=groups, dtype=dtype)
    mask = MASK if masked else None
    found = attend(q, k, v_BGNd=v, key_mask_BN=mask, backend="flash")
    assert flash.calls == ["flash_attn_varlen_func" if masked else "flash_attn_func"]
    assert found.dtype == dtype
    assert found.shape == q.shape
    exact = plain(q.double(), k.double(), v.double(), mask=mask, bias=None)
    assert distance(found.double(), exact) < 2e-2
    assert distance(found, attend(q, k, v_BGNd=v, key_mask_BN=mask)) < 2e-2


def test_flash_leaves_bias_and_single_precision_to_sdpa(flash: FlashStandIn) -> None:
    q, k, v = qkv(dtype=torch.float32)
    assert torch.equal(attend(q, k, v_BGNd=v, backend="flash"), attend(q, k, v_BGNd=v))
    q, k, v = qkv(dtype=torch.bfloat16)
    bias = torch.randn(1, H, T, N)
    found = attend(q, k, v_BGNd=v, bias=bias, backend="flash")
    assert torch.equal(found, attend(q, k, v_BGNd=v, bias=bias))
    assert flash.calls == []


def test_a_whole_model_on_flash(flash: FlashStandIn) -> None:
    """Perceiver, mixer and injection go through it, with masks, and agree with SDPA."""
    model = tiny_model().to(torch.bfloat16)
    documents, ids = tokens(20, 9), batch(2, 6)
    with torch.no_grad():
        question = model.question_keys(batch(2, 4))
        results = []
        for backend in ("sdpa", "flash"):
            model.adapter.set_attention(backend)
            found = model.compress(segments_of(model, documents), question=question)
            logits = model(ids, memory=found.memory).logits
            results.append((found.memory.states_BMD.float(), logits.float()))
            assert bool(flash.calls) == (backend == "flash")
    assert {*flash.calls} == {"flash_attn_func", "flash_attn_varlen_func"}
    for left, right in zip(*results, strict=True):
        assert distance(left, right) < 0.05 * float(left.abs().max())


def test_choice_of_the_backend(flash: FlashStandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    assert choose_backend("sdpa", device="cuda") == "sdpa"
    assert choose_backend("auto", device="cuda") == "flash"
    assert choose_backend("flash", device=torch.device("cuda:0")) == "flash"
    assert choose_backend("auto", device="cpu") == "sdpa"
    with pytest.raises(ValueError, match="needs a CUDA device"):
        choose_backend("flash", device="cpu")
    with pytest.raises(ValueError, match="auto, sdpa or flash, not 'eager'"):
        choose_backend("eager", device="cpu")
    monkeypatch.delitem(sys.modules, "flash_attn")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert choose_backend("auto", device="cuda") == "sdpa"
    with pytest.raises(ValueError, match="needs the package flash-attn"):
        choose_backend("flash", device="cuda")
