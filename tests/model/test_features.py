"""Contextual segment inputs: how they are made, and how they are rounded."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from lcirc_cli.model.features import normalise, restore, store

from .tiny import FAMILIES, distance, segments_of, tiny_model, tokens

DTYPES = ("int8", "bfloat16", "float32")


def features(n: int = 40, D: int = 16) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(n, D, generator=generator)
    x[:, 3] *= 60.0  # a few channels of hidden states are far larger than the rest
    x[0] *= 300.0  # and so is the first token of a window
    return normalise(x)


def test_normalised_tokens_have_unit_root_mean_square() -> None:
    rms = features().square().mean(dim=-1).sqrt()
    assert distance(rms, torch.ones_like(rms)) < 1e-4
    assert torch.isfinite(normalise(torch.zeros(2, 16))).all()
    assert normalise(torch.ones(2, 16, dtype=torch.bfloat16)).dtype == torch.float32


def test_int8_is_within_half_a_step_of_each_channel() -> None:
    x = features()
    stored = store(x, "int8")
    assert stored.codes_ND.dtype == torch.int8
    assert stored.scale_D is not None
    assert stored.scale_D.dtype == torch.float16
    # The step is a channel's largest value / 127, itself rounded to float16 (1 in 2048).
    half_step = x.abs().amax(dim=0) / 127.0 * (0.5 + 127 / 2048)
    error = (restore(stored, dtype=torch.float32) - x).abs()
    assert bool((error <= half_step + 1e-6).all())
    relative = float(error.square().mean().sqrt() / x.square().mean().sqrt())
    assert relative < 0.01


def test_int8_of_a_dead_channel_is_zero_and_not_nan() -> None:
    x = features()
    x[:, 5] = 0.0
    x[:, 6] = 1e-9
    values = restore(store(x, "int8"), dtype=torch.float32)
    assert torch.isfinite(values).all()
    assert float(values[:, 5:7].abs().max()) < 1e-6


@pytest.mark.parametrize("dtype", DTYPES)
def test_storing_what_was_restored_changes_nothing(dtype: str) -> None:
    first = restore(store(features(), dtype), dtype=torch.float32)
    again = restore(store(first, dtype), dtype=torch.float32)
    assert distance(first, again) < (1e-3 if dtype == "int8" else 1e-12)


def test_floats_are_plain_casts() -> None:
    x = features()
    assert torch.equal(restore(store(x, "float32"), dtype=torch.float32), x)
    half = restore(store(x, "bfloat16"), dtype=torch.float32)
    assert torch.equal(half, x.to(torch.bfloat16).float())


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("j", [0, 1, 3, 4])
def test_right_padding_is_harmless(family: str, j: int) -> None:
    model = tiny_model(family, segment_inputs=j)
    ids = tokens(9)[0]
    longer = torch.cat([ids, torch.full((6,), 50)])
    assert distance(model.features(ids[None]), model.features(longer[None])[:, :9]) < 1e-5


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("j", [0, 1, 3, 4])
def test_exactly_j_layers_run(family: str, j: int) -> None:
    from lcirc_cli.model.decoders import decoder_layers

    model, ran = tiny_model(family, segment_inputs=j), []
    for index, layer in enumerate(decoder_layers(model.lm)):
        layer.register_forward_hook(lambda *_, index=index: ran.append(index))
    found = model.features(tokens(9)[0][None])
    assert ran == list(range(j))
    assert found.shape == (1, 9, 32)
    assert not found.requires_grad


def test_features_are_what_enters_layer_j() -> None:
    model = tiny_model(segment_inputs=2)
    ids = tokens(9)[0][None]
    with torch.no_grad():
        states = model.lm(ids, output_hidden_states=True).hidden_states
        assert torch.equal(model.features(ids), normalise(states[2]))
    zero = tiny_model(segment_inputs=0)
    embeddings = zero.lm.get_input_embeddings()
    assert isinstance(embeddings, nn.Embedding)
    assert torch.equal(zero.features(ids), embeddings.weight[ids])


def test_gradients_never_reach_the_lm_through_features() -> None:
    model = tiny_model(segment_inputs=2)
    memory = model.compress(segments_of(model, tokens(20))).memory
    memory.states_BMD.sum().backward()
    assert all(parameter.grad is None for parameter in model.lm.parameters())
    assert model.adapter.perceiver.positions.grad is not None
