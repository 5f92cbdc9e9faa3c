"""`generate` under injection: every way of decoding that the LM has gives the same tokens."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from transformers.generation.streamers import BaseStreamer

from lcirc_cli.model import LcircForCausalLM, Memory

from .tiny import FAMILIES, batch, segments_of, tiny_model, tokens

NEW = 10
GREEDY: dict[str, Any] = {"max_new_tokens": NEW, "do_sample": False}
# Without the rule against repeats, all beams of a random model say the same.
BEAMS: dict[str, Any] = {**GREEDY, "num_beams": 4, "no_repeat_ngram_size": 2}


def memory_of(model: LcircForCausalLM, *lengths: int, seed: int = 2) -> Memory:
    with torch.no_grad():
        return model.compress(segments_of(model, tokens(*lengths, seed=seed))).memory


def by_hand(model: LcircForCausalLM, ids: Tensor, memory: Memory) -> Tensor:
    """Greedy decoding without generate: the whole window anew for every token."""
    for _ in range(NEW):
        with torch.no_grad():
            logits = model(ids, memory=memory, use_cache=False).logits
        ids = torch.cat([ids, logits[:, -1:].argmax(dim=-1)], dim=1)
    return ids


@pytest.mark.parametrize("family", FAMILIES)
def test_cache_no_cache_static_cache_and_a_loop_by_hand(family: str) -> None:
    model = tiny_model(family)
    ids, memory = batch(2, 7), memory_of(model, 20, 9)
    expected = by_hand(model, ids, memory)
    assert torch.equal(model.generate(ids, memory=memory, **GREEDY), expected)
    assert torch.equal(model.generate(ids, memory=memory, use_cache=False, **GREEDY), expected)
    static = model.generate(ids, memory=memory, cache_implementation="static", **GREEDY)
    assert torch.equal(static, expected)
    assert not torch.equal(model.generate(ids, **GREEDY), expected)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    "options",
    [GREEDY, BEAMS, {**BEAMS, "num_return_sequences": 2}],
    ids=["greedy", "beams", "beams-returned"],
)
def test_a_batch_of_memories_is_row_by_row(family: str, options: dict[str, Any]) -> None:
    model = tiny_model(family)
    ids, memory = batch(3, 7), memory_of(model, 20, 9, 31)
    together = model.generate(ids, memory=memory, **options)
    alone = [
        model.generate(ids[index : index + 1], memory=memory.row(index), **options)
        for index in range(3)
    ]
    assert torch.equal(together, torch.cat(alone))
    answers = together[:: len(together) // 3, 7:]
    assert len({tuple(answer) for answer in answers.tolist()}) == 3


@pytest.mark.parametrize("family", FAMILIES)
def test_sampling_with_a_seed(family: str) -> None:
    model = tiny_model(family)
    ids, memory = batch(2, 7), memory_of(model, 20, 9)
    options = {"max_new_tokens": NEW, "do_sample": True, "top_k": 0, "num_return_sequences": 3}
    found = []
    for use_cache in (True, True, False):
        torch.manual_seed(11)
        found.append(model.generate(ids, memory=memory, use_cache=use_cache, **options))
    assert found[0].shape == (6, 7 + NEW)
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])
    assert len({tuple(answer) for answer in found[0].tolist()}) > 2


@pytest.mark.parametrize("family", FAMILIES)
def test_left_padding_with_a_memory(family: str) -> None:
    model = tiny_model(family)
    windows, memory = tokens(4, 9, 6, seed=12), memory_of(model, 20, 9, 31)
    longest = max(map(len, windows))
    ids = torch.stack([torch.nn.functional.pad(w, (longest - len(w), 0)) for w in windows])
    mask = torch.stack([(torch.arange(longest) >= longest - len(w)).long() for w in windows])
    together = model.generate(ids, memory=memory, attention_mask=mask, **GREEDY)
    for index, window in enumerate(windows):
        alone = model.generate(window[None], memory=memory.row(index), **GREEDY)
        assert torch.equal(together[index, longest:], alone[0, len(window) :])


class Collector(BaseStreamer):
    def __init__(self) -> None:
        self.tokens: list[int] = []
        self.ended = False

    def put(self, value: Tensor) -> None:
        self.tokens += value.flatten().tolist()

    def end(self) -> None:
        self.ended = True


def test_streaming_gives_the_same_tokens() -> None:
    model, streamer = tiny_model(), Collector()
    ids, memory = batch(1, 7), memory_of(model, 20)
    whole = model.generate(ids, memory=memory, **GREEDY)
    model.generate(ids, memory=memory, streamer=streamer, **GREEDY)
    assert streamer.tokens == whole[0].tolist()
    assert streamer.ended


@pytest.mark.parametrize("beams", [1, 3])
def test_memory_is_projected_once_an_answer(beams: int) -> None:
    model = tiny_model()
    calls: list[int] = []
    for index, block in enumerate(model.adapter.injection):
        for name in ("k", "v"):
            linear = getattr(block.attention, name)
            linear.register_forward_hook(lambda *_, index=index: calls.append(index))
    queries: list[int] = []
    model.adapter.injection[0].attention.q.register_forward_hook(lambda *_: queries.append(1))
    model.generate(batch(1, 7), memory=memory_of(model, 20), num_beams=beams, **GREEDY)
    assert sorted(calls) == [0, 0, 1, 1, 2, 2]
    assert len(queries) == NEW


def test_another_memory_and_another_window_give_other_tokens() -> None:
    model = tiny_model()
    ids, memory = batch(1, 7), memory_of(model, 20)
    answer = model.generate(ids, memory=memory, **GREEDY)
    assert not torch.equal(
        answer, model.generate(ids, memory=memory_of(model, 20, seed=9), **GREEDY)
    )
    assert torch.equal(answer, model.generate(ids, memory=memory, **GREEDY))


def test_generate_takes_what_the_lm_takes() -> None:
    model = tiny_model()
    out = model.generate(
        batch(1, 7),
        memory=memory_of(model, 20),
        return_dict_in_generate=True,
        output_logits=True,
        min_new_tokens=2,
        **GREEDY,
    )
    assert len(out.logits) == NEW
    with pytest.raises(ValueError, match="unheard_of"):
        model.generate(batch(1, 7), memory=memory_of(model, 20), unheard_of=1)
