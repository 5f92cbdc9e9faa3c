"""What is read from a decoder: its layers, its sizes, its attention."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from lcirc_cli.model import LcircAdapter
from lcirc_cli.model.decoders import (
    attention_weights,
    backbone_shape,
    decoder_layers,
    embed,
    hidden_states_before,
)

from .tiny import FAMILIES, batch, tiny_config, tiny_lm


@pytest.mark.parametrize("family", FAMILIES)
def test_layers_in_order(family: str) -> None:
    lm, ran = tiny_lm(family), []
    layers = decoder_layers(lm)
    assert len(layers) == 4
    for index, layer in enumerate(layers):
        layer.register_forward_hook(lambda *_, index=index: ran.append(index))
    lm(batch(1, 4))
    assert ran == [0, 1, 2, 3]


def test_a_model_without_a_known_list_of_layers() -> None:
    lm: Any = tiny_lm()
    lm.model.parts = lm.model._modules.pop("layers")
    with pytest.raises(ValueError, match="LlamaForCausalLM has no list of decoder layers"):
        decoder_layers(lm)


@pytest.mark.parametrize(
    ("family", "expected"),
    [
        ("llama", (4, 2, 8, 48, "rmsnorm", False, False)),
        ("qwen3", (4, 2, 8, 48, "rmsnorm", True, False)),
        ("gemma3", (4, 2, 16, 48, "rmsnorm", True, False)),
        ("gpt2", (4, 4, 8, 128, "layernorm", False, True)),
    ],
)
def test_shape(family: str, expected: tuple[Any, ...]) -> None:
    shape = backbone_shape(tiny_lm(family), name="tiny", fingerprint="f")
    assert (shape.name, shape.fingerprint, shape.hidden_size, shape.num_layers) == (
        "tiny",
        "f",
        32,
        4,
    )
    form = (shape.heads, shape.kv_heads, shape.head_dim, shape.intermediate_size)
    assert (*form, shape.norm, shape.qk_norm, shape.attention_bias) == expected
    LcircAdapter(
        tiny_config(injection_heads=shape.heads, injection_kv_heads=shape.kv_heads)
    )  # the sizes make an adapter


def test_attention_of_an_unknown_form() -> None:
    with pytest.raises(ValueError, match="Linear: no attention of a form"):
        attention_weights(nn.Linear(2, 2))
    layer: Any = nn.Module()
    layer.self_attn, layer.input_layernorm = nn.Linear(2, 2), nn.LayerNorm(2)
    with pytest.raises(ValueError, match="Linear: no projections of a form"):
        attention_weights(layer)


def test_a_model_of_an_unknown_form_still_has_sizes() -> None:
    """Only the warm start needs its attention."""
    lm: Any = tiny_lm()
    for layer in lm.model.layers:
        layer.attention = layer._modules.pop("self_attn")
    shape = backbone_shape(lm, name="tiny")
    assert (shape.heads, shape.norm, shape.qk_norm) == (4, "rmsnorm", False)


@pytest.mark.parametrize("family", FAMILIES)
def test_hidden_states_leave_no_hook(family: str) -> None:
    lm = tiny_lm(family)
    layers = decoder_layers(lm)
    with torch.no_grad():
        states = lm(batch(1, 5), output_hidden_states=True).hidden_states
        for j in (1, 2, 3):
            assert torch.equal(hidden_states_before(lm, batch(1, 5), layer=j), states[j])
        raw = hidden_states_before(lm, batch(1, 5), layer=0)
        assert torch.equal(raw, embed(lm, batch(1, 5)))
        assert torch.equal(hidden_states_before(lm, batch(1, 5), layer=4), states[4])
    with pytest.raises(IndexError):
        hidden_states_before(lm, torch.tensor([[10**6]]), layer=2)
    assert all(not layer._forward_pre_hooks for layer in layers)
