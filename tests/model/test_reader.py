"""The reader: off it changes no bit, on it changes the decoder alone, and only what it should."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from lcirc_cli.model import LcircAdapter, LcircForCausalLM, Memory
from lcirc_cli.model.reader import SCALE, Reader, linear_targets
from lcirc_cli.model.warm_start import add_reader

from .tiny import (
    FAMILIES,
    LAYERS,
    WIDTH,
    batch,
    distance,
    random_adapter,
    randomise,
    tiny_config,
    tiny_lm,
    tiny_model,
)


def _with_reader(family: str = "llama", *, rank: int = 3, **changes: Any) -> LcircForCausalLM:
    """A tiny decoder with a random adapter whose reader is random too."""
    lm = tiny_lm(family)
    adapter = add_reader(random_adapter(**changes), linear_targets(lm), rank=rank)
    assert adapter.reader is not None
    randomise(adapter.reader, seed=5)
    return LcircForCausalLM(lm, adapter).eval()


def _logits(lm: Any, ids: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        logits: torch.Tensor = lm(input_ids=ids).logits
    return logits


@pytest.mark.parametrize("family", FAMILIES)
def test_off_it_is_the_bare_model_bit_for_bit(family: str) -> None:
    ids = batch(2, 9)
    bare = _logits(tiny_lm(family), ids)
    names = tiny_lm(family).state_dict().keys()
    model = _with_reader(family)
    assert torch.equal(_logits(model.lm, ids), bare)
    with model.reading():
        assert distance(_logits(model.lm, ids), bare) > 1e-3
    assert torch.equal(_logits(model.lm, ids), bare)
    with model.reading(through=False):
        assert torch.equal(_logits(model.lm, ids), bare)
    assert model.lm.state_dict().keys() == names


@pytest.mark.parametrize("family", FAMILIES)
def test_it_adds_the_low_rank_product_to_every_linear_layer(family: str) -> None:
    ids = batch(1, 7)
    model = _with_reader(family)
    with model.reading():
        hooked = _logits(model.lm, ids)
    merged = tiny_lm(family)
    reader: Any = model.adapter.reader
    with torch.no_grad():
        for layer, own in zip(_layers(merged), reader.layers, strict=True):
            for path, low_rank in zip(reader.paths, own.values(), strict=True):
                module = layer.get_submodule(path)
                product = SCALE * low_rank.up.weight @ low_rank.down.weight
                # GPT-2 keeps its matrices the other way round.
                module.weight += product if isinstance(module, nn.Linear) else product.T
    assert distance(hooked, _logits(merged, ids)) < 1e-4


def _layers(lm: Any) -> Any:
    from lcirc_cli.model.decoders import decoder_layers

    return decoder_layers(lm)


def test_a_new_reader_changes_nothing_and_learns() -> None:
    lm = tiny_lm()
    adapter = add_reader(random_adapter(), linear_targets(lm), rank=2)
    model, ids = LcircForCausalLM(lm, adapter), batch(1, 6)
    bare = _logits(lm, ids)
    with model.reading():
        assert torch.equal(_logits(lm, ids), bare)
    reader: Any = adapter.requires_grad_(True).reader
    with model.reading():
        lm(input_ids=ids).logits.logsumexp(-1).sum().backward()
    for own in reader.layers:
        for low_rank in own.values():
            assert low_rank.up.weight.grad.abs().max() > 0
    assert all(p.grad is None for p in lm.parameters())


def test_the_rest_of_an_adapter_stays_when_it_gets_a_reader() -> None:
    before = random_adapter()
    after = add_reader(before, linear_targets(tiny_lm()), rank=2)
    for name, tensor in before.state_dict().items():
        assert torch.equal(after.state_dict()[name], tensor)
    with pytest.raises(ValueError, match="already"):
        add_reader(after, linear_targets(tiny_lm()), rank=2)


def test_memory_and_reader_are_read_together() -> None:
    model, ids = _with_reader(), batch(1, 8)
    memory = Memory(torch.randn(1, 6, WIDTH, generator=torch.Generator().manual_seed(0)))
    with torch.no_grad():
        both = model(ids, memory=memory).logits
        reader = model(ids).logits
        other = tiny_model()(ids, memory=memory).logits
    assert distance(both, reader) > 1e-3
    assert distance(both, other) > 1e-3


def test_trained_apart_the_reader_is_off_beside_a_memory() -> None:
    """The memory is then read by the model that it was trained with."""
    model, ids = _with_reader(), batch(1, 8)
    memory = Memory(torch.randn(1, 6, WIDTH, generator=torch.Generator().manual_seed(0)))
    with torch.no_grad():
        reader = model(ids).logits
        model.adapter.config.reader_beside_memory = False
        assert torch.equal(model(ids).logits, reader)
        off = model(ids, memory=memory).logits
        model.adapter.reader = None
        assert torch.equal(off, model(ids, memory=memory).logits)
    assert distance(off, reader) > 1e-3


def test_generation_with_a_cache_says_what_the_forward_pass_says() -> None:
    model, ids = _with_reader(), batch(2, 5)
    said = model.generate(ids, max_new_tokens=6, do_sample=False)
    rows = ids
    with torch.no_grad():
        for _ in range(6):
            rows = torch.cat([rows, model(rows).logits[:, -1:].argmax(-1)], dim=1)
    assert torch.equal(said, rows)


def test_hooks_go_when_the_forward_pass_fails() -> None:
    model = _with_reader()
    with pytest.raises(ZeroDivisionError), model.reading():
        raise ZeroDivisionError
    hooks = [module._forward_hooks for module in model.lm.modules()]
    assert not any(hooks)


def test_nested_it_is_added_once() -> None:
    model, ids = _with_reader(), batch(1, 6)
    with model.reading():
        once = _logits(model.lm, ids)
        with model.reading():
            assert torch.equal(_logits(model.lm, ids), once)
        assert torch.equal(_logits(model.lm, ids), once)


def test_saved_and_loaded_it_is_the_same(tmp_path: Path) -> None:
    model, ids = _with_reader(), batch(1, 6)
    model.adapter.save_pretrained(tmp_path)
    again = LcircForCausalLM(tiny_lm(), LcircAdapter.load(tmp_path))
    with torch.no_grad():
        assert torch.equal(again(ids).logits, model(ids).logits)


@pytest.mark.parametrize(
    "changes",
    [
        {"reader_rank": 2},
        {"reader_rank": 0, "reader_targets": {"a": [3, 4]}},
        {"reader_rank": 2, "reader_targets": {"a": [3]}},
        {"reader_rank": 2, "reader_targets": {"a": [3, 0]}},
        {"reader_rank": 2, "reader_targets": {"a": [3, True]}},
        {"reader_rank": -1},
    ],
)
def test_settings_that_make_no_reader_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="reader"):
        LcircAdapter(tiny_config(**changes))


def test_layers_that_differ_are_told() -> None:
    lm = tiny_lm()
    _layers(lm)[1].mlp.up_proj = nn.Linear(WIDTH, 7)
    with pytest.raises(ValueError, match="differ"):
        linear_targets(lm)


def test_its_size_is_that_of_its_two_matrices() -> None:
    targets = {"self_attn.q_proj": [8, 6], "mlp.up_proj": [8, 10]}
    reader = Reader(targets, layers=LAYERS, rank=3)
    assert sum(p.numel() for p in reader.parameters()) == LAYERS * 3 * (8 + 6 + 8 + 10)
