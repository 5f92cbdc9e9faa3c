"""Closed gates change nothing, open ones do, and nothing is left behind on the LM."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor

from lcirc_cli.model import LcircForCausalLM, Memory
from lcirc_cli.model.injection import Injector
from lcirc_cli.model.layers import KeysValues

from .tiny import (
    FAMILIES,
    batch,
    distance,
    random_adapter,
    segments_of,
    tiny_lm,
    tiny_model,
    tokens,
)


def hooks(lm: torch.nn.Module) -> int:
    return sum(len(module._forward_pre_hooks) for module in lm.modules())


def memory_of(model: LcircForCausalLM, *lengths: int, seed: int = 2) -> Memory:
    with torch.no_grad():
        return model.compress(segments_of(model, tokens(*lengths, seed=seed))).memory


@pytest.mark.parametrize("family", FAMILIES)
def test_closed_gates_are_the_bare_model(family: str) -> None:
    model = tiny_model(family, gates=0.0)
    ids, names = batch(2, 9), list(model.lm.state_dict())
    bare = model.lm(ids).logits
    memory = memory_of(model, 20, 11)
    assert torch.equal(model(ids, memory=memory).logits, bare)
    with model.injector.attached(memory):
        assert hooks(model.lm) == len(model.adapter.config.injection_layers)
        assert torch.equal(model.lm(ids).logits, bare)
    assert hooks(model.lm) == 0
    assert torch.equal(model.lm(ids).logits, bare)
    assert list(model.lm.state_dict()) == names


@pytest.mark.parametrize("family", FAMILIES)
def test_open_gates_differ_and_detach_restores(family: str) -> None:
    model = tiny_model(family)
    ids = batch(2, 9)
    bare = model.lm(ids).logits
    first, second = memory_of(model, 20, 11), memory_of(model, 20, 11, seed=4)
    injected = model(ids, memory=first).logits
    assert distance(injected, bare) > 1e-2
    assert distance(injected, model(ids, memory=second).logits) > 1e-2
    assert torch.equal(model.lm(ids).logits, bare)
    assert torch.equal(model(ids).logits, bare)
    assert torch.equal(model(ids, memory=first).logits, injected)


@pytest.mark.parametrize("lm_dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("adapter_dtype", [torch.float32, torch.bfloat16])
def test_closed_gates_in_every_mix_of_dtypes(
    lm_dtype: torch.dtype, adapter_dtype: torch.dtype
) -> None:
    lm, adapter = tiny_lm().to(lm_dtype), random_adapter(gates=0.0).to(adapter_dtype)
    model, ids = LcircForCausalLM(lm, adapter), batch(1, 9)
    logits = model(ids, memory=memory_of(model, 20)).logits
    assert logits.dtype == lm_dtype
    assert torch.equal(logits, lm(ids).logits)


def test_closed_gates_on_smollm2(smollm2: Any) -> None:
    from lcirc_cli.model import LcircAdapter, preset
    from lcirc_cli.model.decoders import backbone_shape

    lm = smollm2.lm
    config = preset("smollm2", backbone_shape(lm, name="smollm2"))
    config.gate_init = 0.0
    model = LcircForCausalLM(lm, LcircAdapter(config).to(lm.dtype).eval())
    ids = torch.tensor([smollm2.tokenizer("The lighthouse was built in 1843 by").input_ids])
    with torch.no_grad():
        bare = lm(ids).logits
        memory = model.compress(segments_of(model, [ids[0].repeat(40)])).memory
        assert torch.equal(model(ids, memory=memory).logits, bare)
        for block in model.adapter.injection:
            block.attention_gate.fill_(0.5)
        assert distance(model(ids, memory=memory).logits, bare) > 1e-2
        assert torch.equal(lm(ids).logits, bare)


def test_hooks_go_when_the_forward_pass_fails() -> None:
    model = tiny_model()
    memory = memory_of(model, 20)
    with pytest.raises(IndexError):
        model(torch.tensor([[10**6]]), memory=memory)
    assert hooks(model.lm) == 0
    with pytest.raises(IndexError):
        model.generate(torch.tensor([[10**6]]), memory=memory, max_new_tokens=2)
    assert hooks(model.lm) == 0


def test_hooks_go_when_a_block_fails_to_attach() -> None:
    model = tiny_model()
    wide = Memory(torch.zeros(1, 4, 7))
    with pytest.raises(RuntimeError), model.injector.attached(wide):
        pass
    assert hooks(model.lm) == 0


def test_an_empty_memory_injects_nothing() -> None:
    model = tiny_model()
    with model.injector.attached(Memory(torch.zeros(1, 0, 32))):
        assert hooks(model.lm) == 0


def test_gradients_reach_the_adapter_and_never_the_lm() -> None:
    model = tiny_model()
    before = copy.deepcopy(model.lm.state_dict())
    memory = model.compress(segments_of(model, tokens(20))).memory
    model(batch(1, 9), memory=memory, labels=batch(1, 9)).loss.backward()
    assert all(parameter.grad is None for parameter in model.lm.parameters())
    assert not any(parameter.requires_grad for parameter in model.lm.parameters())
    missing = [name for name, p in model.adapter.named_parameters() if p.grad is None]
    assert all(name.startswith("mixer") for name in missing)
    assert all(torch.equal(value, before[name]) for name, value in model.lm.state_dict().items())


def test_injection_happens_before_the_layers_named() -> None:
    model = tiny_model(injection_layers=[1, 3])
    states: list[list[Tensor]] = []
    for memory in (None, memory_of(model, 20)):
        with torch.no_grad():
            out = model(batch(1, 5), memory=memory, output_hidden_states=True)
        states.append(list(out.hidden_states))
    # hidden_states[l] is what leaves layer l - 1; layer 1 is the first that reads the memory.
    assert torch.equal(states[0][1], states[1][1])
    assert distance(states[0][2], states[1][2]) > 1e-3


@pytest.mark.parametrize("rows", [1, 2])
def test_memory_rows_follow_an_expanded_batch(rows: int) -> None:
    model = tiny_model()
    memory = memory_of(model, *(20, 9)[:rows])
    ids = batch(rows, 6).repeat_interleave(3, dim=0)
    expanded = model(ids, memory=memory).logits
    for row in range(rows):
        single = model(ids[3 * row : 3 * row + 1], memory=memory.row(row)).logits
        for copy_ in range(3):
            assert distance(expanded[3 * row + copy_], single[0]) < 1e-5


def test_a_batch_that_the_memory_does_not_divide_is_refused() -> None:
    model = tiny_model()
    with pytest.raises(ValueError, match="2 rows can't serve a batch of 3"):
        model(batch(3, 6), memory=memory_of(model, 20, 9))
    assert hooks(model.lm) == 0


def test_masked_latents_are_not_read() -> None:
    model, ids = tiny_model(), batch(1, 6)
    memory = memory_of(model, 24)
    mask = torch.ones(1, len(memory), dtype=torch.bool)
    mask[0, 5:] = False
    masked = model(ids, memory=Memory(memory.states_BMD, mask)).logits
    short = model(ids, memory=Memory(memory.states_BMD[:, :5])).logits
    assert distance(masked, short) < 1e-5


def test_projected_memory_has_the_shapes_that_the_blocks_read() -> None:
    model = tiny_model(injection_kv_heads=2)
    memory = memory_of(model, 24, 8)
    projected = model.injector.project(memory)
    assert len(projected) == 3
    for kv in projected:
        assert isinstance(kv, KeysValues)
        assert kv.k_BGNd.shape == kv.v_BGNd.shape == (2, 2, len(memory), 8)
        assert kv.mask_BN is not None and kv.mask_BN.sum(dim=1).tolist() == [9, 3]


def test_adapter_and_model_must_fit() -> None:
    with pytest.raises(ValueError, match="5 layers, the model has 4"):
        Injector(tiny_lm(), random_adapter(num_lm_layers=5))
    with pytest.raises(ValueError, match="16 wide, the model 32"):
        LcircForCausalLM(tiny_lm(), random_adapter(hidden_size=16))
