"""Injection from the LM's own attention: equal to that attention applied without position."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from lcirc_cli.model import LcircAdapter, LcircConfig, LcircForCausalLM, preset
from lcirc_cli.model.decoders import attention_weights, backbone_shape, decoder_layers
from lcirc_cli.model.layers import GatedCrossAttention
from lcirc_cli.model.warm_start import (
    add_feed_forwards,
    standardise_inputs,
    start_from_backbone,
)

from .tiny import (
    EVIDENCE,
    FAMILIES,
    distance,
    random_adapter,
    segments_of,
    tiny_config,
    tiny_lm,
    tokens,
)


def fitting(family: str, **changes: Any) -> LcircConfig:
    """Injection blocks of the same form as the attention of a tiny decoder."""
    shape = backbone_shape(tiny_lm(family), name="tiny")
    form: dict[str, Any] = {
        "norm": shape.norm,
        "norm_eps": shape.norm_eps,
        "injection_heads": shape.heads,
        "injection_kv_heads": shape.kv_heads,
        "injection_head_dim": shape.head_dim,
        "injection_qk_norm": shape.qk_norm,
        "injection_bias": shape.attention_bias,
        "injection_memory_norm": True,
    }
    return tiny_config(**form | changes)


def perturbed(family: str) -> Any:
    """A tiny decoder whose norms and biases are not the trivial ones of a fresh model."""
    lm = tiny_lm(family)
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in lm.parameters():
            if parameter.dim() == 1:
                parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator))
    return lm


def by_the_layers_own_modules(layer: Any, x: Tensor, context: Tensor) -> Tensor:
    """The LM layer's norm, projections and factor, without rotary positions or causal mask."""
    norm = getattr(layer, "input_layernorm", None) or layer.ln_1
    attention = getattr(layer, "self_attn", None) or layer.attn
    x, context = norm(x), norm(context)
    if hasattr(attention, "c_attn"):
        width = x.shape[-1]
        q = attention.c_attn(x)[..., :width]
        k, v = attention.c_attn(context)[..., width:].chunk(2, dim=-1)
        out: nn.Module = attention.c_proj
    else:
        q, k, v = attention.q_proj(x), attention.k_proj(context), attention.v_proj(context)
        out = attention.o_proj
    d = attention.head_dim
    q, k, v = (y.unflatten(-1, (-1, d)).transpose(1, 2) for y in (q, k, v))
    if hasattr(attention, "q_norm"):
        q, k = attention.q_norm(q), attention.k_norm(k)
    groups = q.shape[1] // k.shape[1]
    k, v = (y.repeat_interleave(groups, dim=1) for y in (k, v))
    weights = (q @ k.transpose(-1, -2) * attention.scaling).softmax(dim=-1)
    return out((weights @ v).transpose(1, 2).flatten(2))


@pytest.mark.parametrize("family", FAMILIES)
def test_blocks_are_the_attention_of_their_layers(family: str) -> None:
    lm, adapter = perturbed(family), LcircAdapter(fitting(family)).eval()
    start_from_backbone(adapter, lm)
    x, context = torch.randn(2, 5, 32), torch.randn(2, 7, 32)
    layers = decoder_layers(lm)
    for index, block in zip(adapter.config.injection_layers, adapter.injection, strict=True):
        assert isinstance(block, GatedCrossAttention)
        found = block.attention(x, block.attention.keys_values(context))
        expected = by_the_layers_own_modules(layers[index], x, context)
        assert float(expected.detach().abs().max()) > 0.1
        assert distance(found, expected) < 1e-5
        other = by_the_layers_own_modules(layers[(index + 1) % 4], x, context)
        assert distance(found, other) > 1e-2


@pytest.mark.parametrize("family", FAMILIES)
def test_the_shipped_preset_fits_every_family(family: str) -> None:
    lm = tiny_lm(family)
    adapter = LcircAdapter(preset("smollm2", backbone_shape(lm, name="tiny")))
    start_from_backbone(adapter, lm)
    layers = decoder_layers(lm)
    for index, block in zip(adapter.config.injection_layers, adapter.injection, strict=True):
        assert torch.equal(block.attention.v.weight, attention_weights(layers[index]).v)


def test_a_warm_start_copies_and_does_not_share() -> None:
    lm, adapter = tiny_lm(), LcircAdapter(fitting("llama"))
    start_from_backbone(adapter, lm)
    before = decoder_layers(lm)[0].self_attn.v_proj.weight.clone()
    with torch.no_grad():
        adapter.injection[0].attention.v.weight.add_(1.0)
    assert torch.equal(decoder_layers(lm)[0].self_attn.v_proj.weight, before)


@pytest.mark.parametrize(
    ("family", "changes", "message"),
    [
        ("llama", {"injection_kv_heads": 4}, "use the backbone's heads"),
        ("llama", {"norm": "layernorm"}, "set norm to the model's"),
        ("llama", {"injection_qk_norm": True}, "set injection_qk_norm to false"),
        ("qwen3", {"injection_qk_norm": False}, "needs injection_qk_norm"),
        ("gpt2", {"injection_bias": False}, "needs injection_bias"),
        ("gpt2", {"norm": "rmsnorm"}, "set norm to the model's"),
    ],
)
def test_what_does_not_fit_is_refused(family: str, changes: dict[str, Any], message: str) -> None:
    adapter = LcircAdapter(fitting(family, **changes))
    with pytest.raises(ValueError, match=message):
        start_from_backbone(adapter, tiny_lm(family))


def test_standardised_inputs_give_every_channel_the_same_say() -> None:
    adapter = LcircAdapter(tiny_config(perceiver_start="average"))
    features = torch.randn(400, 32) * torch.logspace(-1, 2, 32) + torch.linspace(-3, 3, 32)
    features[:, 7] = 4.0  # a channel that says nothing must not become NaN
    standardise_inputs(adapter, features)
    seen = adapter.perceiver.standardise(features)
    assert distance(seen.mean(dim=0), torch.zeros(32)) < 1e-4
    expected = torch.ones(32)
    expected[7] = 0.0
    assert distance(seen.std(dim=0), expected) < 1e-4


def test_standardising_needs_the_average_start() -> None:
    with pytest.raises(ValueError, match="only with perceiver_start 'average'"):
        standardise_inputs(random_adapter(), torch.randn(9, 32))
    x = torch.randn(2, 9, 32)
    assert random_adapter().perceiver.standardise(x) is x


@pytest.mark.parametrize("gate", [0.0, 0.3])
def test_feed_forwards_are_added_without_a_change(gate: float) -> None:
    adapter = random_adapter(**EVIDENCE, gate_init=gate)
    grown = add_feed_forwards(adapter, 20)
    assert grown.config.injection_ffn_size == 20 and adapter.config.injection_ffn_size == 0
    lm = tiny_lm()
    ids, window = tokens(20), tokens(5)[0][None]
    logits = []
    for one in (adapter, grown):
        model = LcircForCausalLM(lm, one)
        memory = model.compress(segments_of(model, ids)).memory
        logits.append(model(input_ids=window, memory=memory).logits)
    assert torch.equal(*logits)
    new = [p for name, p in grown.named_parameters() if "feed_forward" in name and "injec" in name]
    logits[1].square().sum().backward()
    assert all(p.grad is not None for p in new)
    assert any(float(p.grad.abs().max()) > 0 for p in new if p.grad is not None)  # they learn
    with pytest.raises(ValueError, match="already"):
        add_feed_forwards(grown, 20)
