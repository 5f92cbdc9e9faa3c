"""Every forward and backward on device="meta": a tensor made on the CPU by mistake fails there."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from lcirc_cli.model import Backpropagation, LcircAdapter, LcircForCausalLM, Memory, Segment, states
from lcirc_cli.model.attention import attend
from lcirc_cli.model.features import store
from lcirc_cli.model.warm_start import standardise_inputs, start_from_backbone

from .tiny import (
    FAMILIES,
    FORMS,
    batch,
    last_state,
    random_adapter,
    segments_of,
    tiny_config,
    tiny_lm,
    tokens,
)

PLANS = [
    Backpropagation("full"),
    Backpropagation("truncated", states=2),
    Backpropagation("selective", states=2),
    Backpropagation("selective", states=2, neighbours=True),
]


def on_meta(family: str = "llama", **changes: Any) -> LcircForCausalLM:
    with torch.device("meta"):
        model = LcircForCausalLM(tiny_lm(family), LcircAdapter(tiny_config(**changes)))
    model.lm.config.pad_token_id = None  # GPT-2 would look into the ids to warn of padding
    return model


@pytest.fixture(params=list(FORMS))
def form(request: pytest.FixtureRequest) -> dict[str, Any]:
    return FORMS[request.param]


@pytest.mark.parametrize("j", [0, 2, 4])
@pytest.mark.parametrize("lengths", [(20,), (20, 9, 33)], ids=["alone", "unequal"])
def test_compress_and_inject(form: dict[str, Any], j: int, lengths: tuple[int, ...]) -> None:
    """Token ids come from the CPU; everything after them is on the model's device."""
    model, rows = on_meta(**form, segment_inputs=j), len(lengths)
    question = model.question_keys(batch(rows, 4), torch.ones(rows, 4, dtype=torch.bool))
    found = model.compress(segments_of(model, tokens(*lengths)), question=question)
    assert found.memory.states_BMD.is_meta
    assert found.memory.states_BMD.shape == (rows, 3 * -(-max(lengths) // 8), 32)
    out = model(batch(rows, 6).to("meta"), memory=found.memory)
    assert out.logits.is_meta
    assert out.logits.shape == (rows, 6, 97)
    out.logits.sum().backward()
    for name, parameter in model.adapter.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.is_meta, name


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("j", [0, 2])
def test_every_family(family: str, j: int) -> None:
    model = on_meta(family, segment_inputs=j)
    found = model.compress(segments_of(model, tokens(20, 9)))
    model(batch(2, 6).to("meta"), memory=found.memory).logits.sum().backward()
    assert model.adapter.latents.grad is not None


def test_stored_features() -> None:
    model = on_meta(segment_inputs=2)
    stored = store(model.features(tokens(16)[0][None].to("meta"))[0], "int8")
    assert stored.codes_ND.is_meta and stored.scale_D is not None and stored.scale_D.is_meta


@pytest.mark.parametrize("plan", PLANS, ids=[f"{p.kind}-{p.neighbours}" for p in PLANS])
def test_training(form: dict[str, Any], plan: Backpropagation) -> None:
    model = on_meta(**form).train()
    segments = segments_of(model, tokens(20, 33))
    question = model.question_keys(batch(2, 4))
    model.adapter.config.retained_segments = 4
    memory = model.compress(segments, question=question, plan=plan).memory
    ids = batch(2, 6).to("meta")
    model(ids, memory=memory, labels=ids).loss.backward()
    assert model.adapter.latents.grad is not None or 0 not in plan.drawn(5, 4)
    assert model.adapter.perceiver.positions.grad is not None


@pytest.mark.parametrize("masked", [False, True])
def test_evidence(form: dict[str, Any], masked: bool) -> None:
    model = on_meta(**form)
    segment = segments_of(model, tokens(8, 5) if masked else tokens(8, 8))[0]
    assert (segment.mask_BN is not None) == masked
    keys = model.adapter.keys(segment.inputs_BND, segment.mask_BN)
    scores = model.adapter.evidence(model.question_keys(batch(4, 5)), keys)
    assert scores.is_meta
    assert scores.shape == (4, 4 * (form.get("evidence_latents") or 3), 8)
    scores.sum().backward()
    assert model.adapter.latents.grad is not None


def test_folded_questions_and_carry() -> None:
    model = on_meta()
    question = model.question_keys(batch(6, 4))
    first = model.compress(segments_of(model, tokens(20, 9)), question=question).memory
    (segment,) = segments_of(model, tokens(8, 8))
    keys = [model.adapter.keys(segment.inputs_BND)]
    (state,) = states(model.adapter, keys, question=question, carry_BKD=last_state(first))
    assert state.latents_BKD.shape == (6, 3, 32)


def test_beams_of_a_masked_memory() -> None:
    model = on_meta()
    mask = torch.ones(2, 5, dtype=torch.bool)  # as a memory file gives it, on the CPU
    memory = Memory(torch.zeros(2, 5, 32), mask)
    assert model(batch(6, 4).to("meta"), memory=memory).logits.shape == (6, 4, 97)


def test_warm_start() -> None:
    shape: dict[str, Any] = {"norm": "rmsnorm", "norm_eps": 1e-6, "injection_kv_heads": 2}
    model = on_meta(**shape, perceiver_start="average")
    start_from_backbone(model.adapter, model.lm)
    standardise_inputs(model.adapter, torch.randn(9, 32))
    assert all(parameter.is_meta for parameter in model.adapter.parameters())


@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("groups", [1, 2])
def test_attention(biased: bool, groups: int) -> None:
    with torch.device("meta"):
        q, k = torch.zeros(2, 2, 3, 4), torch.zeros(2, groups, 5, 4)
        mask = torch.ones(2, 5, dtype=torch.bool)
        bias = torch.zeros(1, 2, 3, 5) if biased else None
    assert attend(q, k, v_BGNd=k, key_mask_BN=mask, bias=bias).is_meta


def test_a_stray_tensor_would_be_caught() -> None:
    """The premise of this file: meta and CPU tensors don't mix."""
    model = on_meta()
    with pytest.raises((RuntimeError, NotImplementedError)):
        model.compress([Segment(torch.zeros(1, 8, 32))])
    assert not any(parameter.is_meta for parameter in random_adapter().parameters())
