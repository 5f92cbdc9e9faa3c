"""Adapter folders: what is saved comes back, and what does not fit is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModel

from lcirc_cli.model import LcircAdapter, LcircConfig, LcircForCausalLM

from .tiny import FORMS, batch, distance, random_adapter, segments_of, tiny_lm, tokens


@pytest.fixture(params=list(FORMS))
def adapter(request: pytest.FixtureRequest) -> LcircAdapter:
    return random_adapter(**FORMS[request.param])


def equal(left: LcircAdapter, right: Any) -> bool:
    ours, theirs = left.state_dict(), right.state_dict()
    return list(ours) == list(theirs) and all(torch.equal(ours[n], theirs[n]) for n in ours)


def edit(folder: Path, change: Any) -> None:
    path = folder / "model.safetensors"
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path, metadata={"format": "pt"})


def test_round_trip(adapter: LcircAdapter, tmp_path: Path) -> None:
    adapter.save_pretrained(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.json", "model.safetensors"]
    loaded = LcircAdapter.load(tmp_path)
    assert equal(adapter, loaded)
    assert not loaded.training
    assert loaded.config.injection_layers == adapter.config.injection_layers


def test_auto_classes(adapter: LcircAdapter, tmp_path: Path) -> None:
    adapter.save_pretrained(tmp_path)
    assert isinstance(AutoConfig.from_pretrained(tmp_path), LcircConfig)
    loaded = AutoModel.from_pretrained(tmp_path)
    assert isinstance(loaded, LcircAdapter)
    assert equal(adapter, loaded)


def test_the_same_numbers_after_loading(adapter: LcircAdapter, tmp_path: Path) -> None:
    adapter.save_pretrained(tmp_path)
    logits = []
    for each in (adapter, LcircAdapter.load(tmp_path)):
        model = LcircForCausalLM(tiny_lm(), each).eval()
        with torch.no_grad():
            question = model.question_keys(batch(1, 4))
            memory = model.compress(segments_of(model, tokens(20)), question=question).memory
            logits.append(model(batch(1, 6), memory=memory).logits)
    assert torch.equal(*logits)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_loading_in_half_precision(
    adapter: LcircAdapter, tmp_path: Path, dtype: torch.dtype
) -> None:
    adapter.save_pretrained(tmp_path)
    loaded = LcircAdapter.load(tmp_path, dtype=dtype)
    for name, parameter in loaded.named_parameters():
        assert parameter.dtype == dtype, name
        assert torch.equal(parameter, adapter.get_parameter(name).to(dtype)), name
    again = tmp_path / "half"
    loaded.save_pretrained(again)
    assert LcircAdapter.load(again).dtype == dtype
    assert LcircAdapter.load(again, dtype=torch.float32).dtype == torch.float32


def test_missing_keys(adapter: LcircAdapter, tmp_path: Path) -> None:
    adapter.save_pretrained(tmp_path)
    edit(tmp_path, lambda tensors: tensors.pop("injection.1.attention.k.weight"))
    with pytest.raises(ValueError, match=r"missing keys: injection\.1\.attention\.k\.weight"):
        LcircAdapter.load(tmp_path)


def test_unexpected_keys(adapter: LcircAdapter, tmp_path: Path) -> None:
    adapter.save_pretrained(tmp_path)
    edit(tmp_path, lambda tensors: tensors.update(stray=torch.zeros(3)))
    with pytest.raises(ValueError, match="unexpected keys: stray"):
        LcircAdapter.load(tmp_path)


def test_misshapen_keys(adapter: LcircAdapter, tmp_path: Path) -> None:
    adapter.save_pretrained(tmp_path)
    edit(tmp_path, lambda tensors: tensors.update(latents=torch.zeros(4, 32)))
    with pytest.raises(ValueError, match=r"mismatched keys: .*latents"):
        LcircAdapter.load(tmp_path)


def test_a_config_of_another_form(tmp_path: Path) -> None:
    """Weights saved without a mixer are not enough for a config that has one."""
    random_adapter(query_mixer=False).save_pretrained(tmp_path)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"query_mixer": True}))
    with pytest.raises(ValueError, match="missing keys: mixer"):
        LcircAdapter.load(tmp_path)


def test_a_long_list_of_keys_is_cut(tmp_path: Path) -> None:
    random_adapter().save_pretrained(tmp_path)
    edit(tmp_path, lambda tensors: [tensors.pop(name) for name in list(tensors)[:9]])
    with pytest.raises(ValueError, match=r"\.\.\.$") as caught:
        LcircAdapter.load(tmp_path)
    assert str(caught.value).count(",") == 4


def test_no_adapter_there(adapter: LcircAdapter, tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"there is no config\.json in it"):
        LcircAdapter.load(tmp_path)
    adapter.save_pretrained(tmp_path)
    (tmp_path / "config.json").unlink()
    with pytest.raises(OSError, match=r"there is no config\.json in it"):
        LcircAdapter.load(tmp_path)
    with pytest.raises(OSError, match="not_there"):
        LcircAdapter.load(tmp_path / "not_there")


def test_pickles_are_never_opened(adapter: LcircAdapter, tmp_path: Path) -> None:
    adapter.config.save_pretrained(tmp_path)
    torch.save(adapter.state_dict(), tmp_path / "pytorch_model.bin")
    with pytest.raises(OSError, match=r"model\.safetensors"):
        LcircAdapter.load(tmp_path)


def test_a_fresh_start_is_whole_also_through_from_pretrained(tmp_path: Path) -> None:
    """What a start sets (gates, shares, identities) is saved, not made anew on loading."""
    torch.manual_seed(0)
    adapter = LcircAdapter(random_adapter(**FORMS["average"]).config)
    assert adapter.perceiver.first.share_logit is not None
    assert adapter.perceiver.first.share_logit.tolist() == [6.0] * 4
    adapter.save_pretrained(tmp_path)
    assert equal(adapter, LcircAdapter.load(tmp_path))


def test_forward_is_one_segment_without_a_question(adapter: LcircAdapter) -> None:
    x = torch.randn(2, 8, 32)
    assert torch.equal(adapter(x), adapter.step(None, adapter.keys(x), None).latents_BKD)
    assert adapter(x).shape == (2, 3, 32)


def test_queries_take_the_batch_of_the_question(adapter: LcircAdapter) -> None:
    question = adapter.question_keys(torch.randn(4, 5, 32))
    assert adapter.queries(None, question).shape == (4, 3, 32)
    assert adapter.queries(None, None, batch=2).shape == (2, 3, 32)
    assert adapter.queries(torch.randn(3, 3, 32), None).shape == (3, 3, 32)


def test_gates_are_told_by_layer(adapter: LcircAdapter) -> None:
    gates = adapter.gates()
    assert list(gates) == [f"layer_{layer}" for layer in adapter.config.injection_layers]
    assert all(abs(gate - 0.46211716) < 1e-6 for gate in gates.values())


def test_gradient_checkpointing_changes_no_gradient() -> None:
    """On the LM's layers and on the blocks at once: a hook is outside its layer's checkpoint."""
    found, calls = [], []
    for enabled in (False, True):
        model = LcircForCausalLM(tiny_lm(), random_adapter()).train()
        if enabled:
            model.adapter.gradient_checkpointing_enable()
            model.lm.gradient_checkpointing_enable()
        calls.append(0)
        for block in model.adapter.injection:
            block.attention.q.register_forward_hook(lambda *_: calls.append(calls.pop() + 1))
        question = model.question_keys(batch(1, 4))
        memory = model.compress(segments_of(model, tokens(20)), question=question).memory
        model(batch(1, 6), memory=memory, labels=batch(1, 6), use_cache=False).loss.backward()
        found.append([parameter.grad for parameter in model.adapter.parameters()])
    assert calls == [3, 6]  # each block's work is done again in the backward pass
    for plain, checkpointed in zip(*found, strict=True):
        assert plain is not None
        assert checkpointed is not None
        assert distance(plain, checkpointed) < 1e-6
