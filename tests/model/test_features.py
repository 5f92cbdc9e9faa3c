"""Contextual segment inputs: how they are rounded, and that both ways to them are the same."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from lcirc_cli.model.features import normalise, restore, store

from .tiny import FAMILIES, distance, tiny_model, tokens

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


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("length", [5, 16, 17, 40])
def test_saved_features_and_fresh_ones_give_the_same_segments(dtype: str, length: int) -> None:
    model = tiny_model(segment_inputs=2, feature_dtype=dtype)
    documents = tokens(length, 21)
    stored = [model.stored_features(ids) for ids in documents]
    assert [sum(len(block.codes_ND) for block in blocks) for blocks in stored] == [length, 21]
    fresh = list(model.segments(documents))
    saved = list(model.segments(documents, features=stored))
    assert len(fresh) == len(saved) == -(-max(length, 21) // 8)
    for one, other in zip(fresh, saved, strict=True):
        assert torch.equal(one.inputs_BND, other.inputs_BND)
        assert (one.mask_BN is None) == (other.mask_BN is None)
        if one.mask_BN is not None and other.mask_BN is not None:
            assert torch.equal(one.mask_BN, other.mask_BN)


@pytest.mark.parametrize("j", [0, 2])
def test_every_token_is_in_one_segment_in_order(j: int) -> None:
    """Segments side by side are the document's inputs: nothing is lost at a window's end."""
    model = tiny_model(segment_inputs=j, feature_dtype="float32", feature_window=24)
    ids = tokens(61)[0]
    joined = torch.cat([segment.inputs_BND[0] for segment in model.segments([ids])])
    windows = [model.features(window[None])[0] for window in ids.split(24)]
    assert torch.equal(joined, torch.cat(windows))
    lengths = [segment.inputs_BND.shape[1] for segment in model.segments([ids])]
    assert lengths == [8] * 7 + [5]


def test_rounding_reaches_the_segments() -> None:
    """Compressing from scratch reads the rounded features, never the exact ones."""
    exact = tiny_model(segment_inputs=2, feature_dtype="float32")
    rounded = tiny_model(segment_inputs=2, feature_dtype="int8")
    ids = tokens(8)[0]
    one = next(iter(exact.segments([ids]))).inputs_BND
    other = next(iter(rounded.segments([ids]))).inputs_BND
    assert 1e-5 < distance(one, other) < 0.05


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
    memory = model.compress(model.segments(tokens(20))).memory
    memory.states_BMD.sum().backward()
    assert all(parameter.grad is None for parameter in model.lm.parameters())
    assert model.adapter.perceiver.positions.grad is not None


def test_saved_features_are_read_and_the_lm_is_not_run() -> None:
    model = tiny_model(segment_inputs=2)
    documents = tokens(20, 9)
    stored = [model.stored_features(ids) for ids in documents]
    expected = [segment.inputs_BND for segment in model.segments(documents)]
    model.lm.register_forward_pre_hook(lambda *_: pytest.fail("the model was run"))
    model.lm.base_model.register_forward_pre_hook(lambda *_: pytest.fail("the model was run"))
    found = [segment.inputs_BND for segment in model.segments(documents, features=stored)]
    assert all(torch.equal(*pair) for pair in zip(found, expected, strict=True))
