"""Tiny random models and adapters for the tests of `model/`; nothing here is trained.

Weights are larger than a real start would have them, so that every part of the model makes a
difference that a test can see.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence
from transformers import (
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from lcirc_cli.model import LcircAdapter, LcircConfig, LcircForCausalLM, Memory, Segment
from lcirc_cli.model.decoders import backbone_shape
from lcirc_cli.model.features import restore, store

FAMILIES = ("llama", "qwen3", "gemma3", "gpt2")
VOCABULARY = 97
WIDTH, LAYERS = 32, 4

_SIZES: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": WIDTH,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 48,
    "max_position_embeddings": 256,
    "initializer_range": 0.2,
    "bos_token_id": 1,
    "eos_token_id": None,
    "pad_token_id": 0,
    # Tied random embeddings make a model that says its last token again and again.
    "tie_word_embeddings": False,
}


def tiny_lm(family: str = "llama", *, seed: int = 0) -> PreTrainedModel:
    """A random decoder of one of the FAMILIES: 4 layers, 32 wide, no end-of-text token."""
    torch.manual_seed(seed)
    if family == "llama":
        return LlamaForCausalLM(LlamaConfig(**_SIZES)).eval()
    if family == "qwen3":
        return Qwen3ForCausalLM(Qwen3Config(**_SIZES, head_dim=8)).eval()
    if family == "gemma3":
        # Head size and factor on the logits differ from the defaults, as in real Gemmas.
        config = Gemma3TextConfig(
            **_SIZES, head_dim=16, query_pre_attn_scalar=24, sliding_window=16
        )
        return Gemma3ForCausalLM(config).eval()
    config = GPT2Config(
        vocab_size=VOCABULARY,
        n_embd=WIDTH,
        n_layer=LAYERS,
        n_head=4,
        n_positions=256,
        initializer_range=0.2,
        bos_token_id=1,
        eos_token_id=None,
        pad_token_id=0,
        tie_word_embeddings=False,
    )
    return GPT2LMHeadModel(config).eval()


def tiny_config(**changes: Any) -> LcircConfig:
    """The published form, scaled down: 3 latents a segment of 8 tokens, 2 Perceiver layers."""
    settings: dict[str, Any] = {
        "base_model": "tiny",
        "hidden_size": WIDTH,
        "num_lm_layers": LAYERS,
        "segment_length": 8,
        "max_segment_length": 16,
        "feature_window": 16,
        "num_latents": 3,
        "perceiver_layers": 2,
        "perceiver_heads": 4,
        "perceiver_head_dim": 8,
        "perceiver_ffn_size": 40,
        "mixer_ffn_size": 40,
        "injection_layers": [0, 2, 3],
        "injection_heads": 4,
        "injection_kv_heads": 4,
        "injection_head_dim": 8,
        "injection_ffn_size": 24,
    }
    return LcircConfig(**{**settings, **changes})


AVERAGE: dict[str, Any] = {
    "perceiver_start": "average",
    "norm": "rmsnorm",
    "norm_eps": 1e-6,
    "mixer_ffn_size": 0,
    "injection_layers": [1, 3],
    "injection_kv_heads": 2,
    "injection_ffn_size": 0,
    "injection_memory_norm": True,
    "injection_qk_norm": True,
    "injection_bias": True,
}
"""Changes that switch on everything that the published form does not have."""

EVIDENCE: dict[str, Any] = {**AVERAGE, "shares": "evidence", "evidence_latents": 2}

FORMS: dict[str, dict[str, Any]] = {"paper": {}, "average": AVERAGE, "evidence": EVIDENCE}


@torch.no_grad()
def randomise(adapter: nn.Module, *, gates: float = 0.5, seed: int = 1) -> None:
    """Every weight random, with the variance of its fan-in; every gate at `gates`."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in adapter.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator).to(parameter)
        if name.endswith("gate"):
            parameter.fill_(gates)
        elif name.endswith("input_deviation"):
            parameter.copy_(1.0 + noise.abs())
        elif "norm" in name.split(".")[-2:][0] and name.endswith("weight"):
            parameter.copy_(1.0 + 0.2 * noise)
        elif parameter.dim() == 2 and name not in ("latents", "perceiver.positions"):
            parameter.copy_(noise * parameter.shape[1] ** -0.5)
        else:
            parameter.copy_(noise)


def random_adapter(*, gates: float = 0.5, seed: int = 1, **changes: Any) -> LcircAdapter:
    """An adapter for `tiny_lm` with random weights and open gates."""
    adapter = LcircAdapter(tiny_config(**changes)).eval()
    randomise(adapter, gates=gates, seed=seed)
    return adapter


def tiny_model(family: str = "llama", **changes: Any) -> LcircForCausalLM:
    """A tiny decoder with a random adapter, gates 0.5."""
    return LcircForCausalLM(tiny_lm(family), random_adapter(**changes)).eval()


def tiny_shape(family: str = "llama") -> Any:
    """The `BackboneShape` of a tiny decoder."""
    return backbone_shape(tiny_lm(family), name="tiny")


def tokens(*lengths: int, seed: int = 2) -> list[Tensor]:
    """Random token ids: one tensor [length] for each length."""
    generator = torch.Generator().manual_seed(seed)
    return [torch.randint(3, VOCABULARY, (length,), generator=generator) for length in lengths]


def batch(rows: int, length: int, *, seed: int = 3) -> Tensor:
    """Random token ids [rows, length]."""
    return torch.stack(tokens(*[length] * rows, seed=seed))


def segments_of(model: LcircForCausalLM, documents: Sequence[Tensor]) -> list[Segment]:
    """The segments of documents of unequal length, padded and masked where they differ."""
    config, weight = model.adapter.config, model.adapter.latents
    inputs = []
    for ids in documents:
        windows = ids.to(model.device).split(config.feature_window)
        blocks = [model.features(window[None])[0] for window in windows]
        if config.segment_inputs:
            stored = [store(block, config.feature_dtype) for block in blocks]
            blocks = [restore(block, dtype=torch.float32) for block in stored]
        inputs.append(torch.cat(blocks).to(weight))
    made, n = [], config.segment_length
    for start in range(0, max(map(len, inputs)), n):
        rows = [x[start : start + n] for x in inputs]
        lengths = [len(row) for row in rows]
        mask = torch.arange(max(lengths))[None] < torch.tensor(lengths)[:, None]
        alike = len(set(lengths)) == 1
        made.append(
            Segment(pad_sequence(rows, batch_first=True), None if alike else mask.to(weight.device))
        )
    return made


def last_state(memory: Memory, *, latents: int = 3) -> Tensor:
    """h_S, which a recurrence would go on from."""
    return memory.states_BMD[:, -latents:]


def distance(left: Tensor, right: Tensor) -> float:
    """The largest difference between two tensors of one shape."""
    assert left.shape == right.shape, f"{tuple(left.shape)} and {tuple(right.shape)}"
    return float((left - right).detach().abs().max())


def gradients(loss: Tensor, parameters: Sequence[Tensor]) -> list[Tensor]:
    """Gradients of `loss`, zeros where a parameter has no part in it."""
    found = torch.autograd.grad(loss, parameters, allow_unused=True, retain_graph=True)
    return [
        torch.zeros_like(parameter) if gradient is None else gradient
        for parameter, gradient in zip(parameters, found, strict=True)
    ]
