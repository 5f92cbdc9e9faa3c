"""What a training step costs, by formulas: operations and memory, from sizes alone.

Operations are matrix products, as in `lcirc bench cost`; going back costs the LM's layers once
more (they are frozen: only what passes through them) and the parts that train twice. Memory of
activations follows the tensors that the layers keep for the backward pass. Both are estimates:
within a factor of about two, and said to be so wherever they are printed.

Legend: N document tokens, Q questions, T tokens of a window, K latents, S segments, D hidden size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lcirc_cli.cost import operations as ops
from lcirc_cli.cost.shapes import LMShape
from lcirc_cli.training.settings import TrainSettings

# float32 weight and gradient, and AdamW's two moments.
BYTES_A_TRAINED_PARAMETER = 16
_PROMPT, _ANSWER = 48, 16  # tokens around a question, and of its answer, where none were read


@dataclass(frozen=True)
class Slot:
    """One document with its questions, on average.

    Attributes:
        document: N, tokens that are compressed (or cut to the window).
        questions: Q.
        window: T, tokens of one window, document text in it included; of windows that questions
            share (reader) each one's part.
        labels: tokens of all windows that carry a loss.
    """

    document: float
    questions: float
    window: float
    labels: float


def assumed_slot(settings: TrainSettings, length: float) -> Slot:
    """A slot by the settings alone, of documents of `length` tokens."""
    length = min(length, settings.document_tokens or length)
    length = max(length, settings.join_tokens)
    if settings.stage == "lm":  # cut at a random place
        window = float(settings.window_tokens)
        return Slot(length / 2, 1.0, window, window)
    if settings.stage == "reconstruct":
        window = min(float(settings.window_tokens), length)
        return Slot(length, settings.questions, window, settings.questions * window)
    return asked_slot(settings, length, float(settings.questions))


def asked_slot(settings: TrainSettings, length: float, questions: float) -> Slot:
    """A slot of the qa stage, of a document of `length` tokens."""
    if settings.method == "reader":  # questions share their passages
        shared = min(length, settings.window_tokens)
        return Slot(shared, questions, _PROMPT + _ANSWER + shared / questions, questions * _ANSWER)
    weights = settings.window_none + settings.window_evidence + settings.window_ends
    shown = 1 - settings.window_none / weights
    window = _PROMPT + _ANSWER + shown * min(length, settings.window_tokens)
    return Slot(length, questions, window, questions * _ANSWER)


def operations(settings: TrainSettings, shape: LMShape, config: Any, slot: Slot) -> float:
    """Operations of one slot's forward and backward pass."""
    read = round(slot.questions * slot.window)
    lm = _lm(shape, read, round(slot.window))
    head = ops.lm_head(shape, round(slot.labels))
    again = 1.0 if settings.gradient_checkpointing else 0.0
    if settings.method in ("window", "reader"):
        return (2 + again) * lm + 2 * head
    if settings.method == "autocompressor":
        summarised = _summarising(settings, shape, round(slot.document))
        return (2 + again) * (lm + summarised) + 2 * head
    lowest = min(config.injection_layers) / shape.layers
    total = (2 - lowest + again) * lm + 2 * head if settings.answer_weight > 0 else 0.0
    return total + _adapter(settings, shape, config, slot, again)


def _adapter(
    settings: TrainSettings, shape: LMShape, config: Any, slot: Slot, again: float
) -> float:
    """Features forward alone; what trains forward and back."""
    N, Q, S = round(slot.document), slot.questions, _segments(config, slot)
    compress: float = ops.segment_keys(config, N)
    compress += Q * ops.latents(config, N, segments=S)
    if config.query_mixer and settings.stage != "lm":
        compress += Q * ops.mixer(config, question=32, segments=S)
    compress *= 3 if settings.bptt == "full" else 1 + 2 * min(1.0, settings.bptt_states / S)
    if settings.answer_weight <= 0:
        return ops.features(config, shape, N, causal=True) + compress
    memory = _kept(config, S) * config.num_latents
    inject = Q * (
        ops.memory_keys(config, memory) + ops.injection(config, round(slot.window), memory=memory)
    )
    return ops.features(config, shape, N, causal=True) + compress + (3 + again) * inject


def _lm(shape: LMShape, tokens: int, window: int) -> float:
    windows = tokens / max(1, window)
    attention = ops.lm_attention(shape, window, context=window, causal=True)
    return ops.lm_matrices(shape, tokens) + windows * attention


def _summarising(settings: TrainSettings, shape: LMShape, document: int) -> float:
    n, k = settings.summary_segment, settings.summary_tokens
    total = 0.0
    for index in range(-(-document // n)):
        total += _lm(shape, n + (index + 1) * k, n + (index + 1) * k)
    return total


def memory(
    settings: TrainSettings,
    shape: LMShape,
    config: Any,
    slot: Slot,
    *,
    backbone: int,
    trained: int,
    bytes_a_weight: int = 2,
    devices: int = 1,
) -> dict[str, int]:
    """Bytes of one device, by part: frozen weights; what trains with gradients and moments; and
    what a step needs beside them, while it goes back or while the optimiser steps.

    Args:
        backbone, trained: parameters.
        devices: that share the frozen weights, where `shard_backbone` is on.
    """
    shared = devices if settings.shard_backbone else 1
    going_back = round(_activations(settings, shape, config, slot))
    if settings.autocast != "float32":
        going_back += 2 * trained  # autocast keeps copies of the weights that it has cast
    return {
        "backbone": backbone * bytes_a_weight // shared,
        "trained": trained * BYTES_A_TRAINED_PARAMETER,
        # The optimiser, and the exchange of gradients, take one more float32 copy for a moment.
        "working": max(going_back, 4 * trained),
    }


def _activations(settings: TrainSettings, shape: LMShape, config: Any, slot: Slot) -> float:
    tokens, layers = slot.questions * slot.window, shape.layers
    if settings.method == "autocompressor":
        tokens += slot.document
    if settings.method == "qd-lcirc":
        layers -= min(config.injection_layers)
    a_layer = _layer_bytes(shape) * tokens
    if settings.gradient_checkpointing:
        total = 2 * shape.hidden * tokens * layers + a_layer
    else:
        total = a_layer * layers
    vocabulary = shape.head_weights / shape.hidden
    total += 8 * slot.labels * vocabulary  # float32 logits and their gradient
    if settings.method != "qd-lcirc":
        return total
    if settings.answer_weight <= 0:
        total = 0.0
    return total + _adapter_bytes(settings, config, slot)


def _layer_bytes(shape: LMShape) -> float:
    """Bytes a token that a decoder layer keeps in bfloat16: norms, projections, feed-forward."""
    kv = shape.attention_width * shape.kv_heads / shape.heads
    return 2 * (6 * shape.hidden + 2 * shape.attention_width + 2 * kv + 4 * shape.intermediate)


def _adapter_bytes(settings: TrainSettings, config: Any, slot: Slot) -> float:
    """Kept segments of the compressor, and the injection blocks."""
    D, K, S, Q = config.hidden_size, config.num_latents, _segments(config, slot), slot.questions
    graph = S if settings.bptt == "full" else min(S, settings.bptt_states)
    width = config.perceiver_heads * config.perceiver_head_dim
    tokens = min(slot.document, graph * config.segment_length)
    keys = tokens * (4 * D + 2 * config.perceiver_layers * (D + 2 * width))
    latents = (
        2
        * Q
        * K
        * graph
        * config.perceiver_layers
        * (6 * D + 2 * width + 3 * config.perceiver_ffn_size)
    )
    if settings.answer_weight <= 0:
        return keys + latents
    wide = config.injection_heads * config.injection_head_dim
    narrow = config.injection_kv_heads * config.injection_head_dim
    memory_tokens = _kept(config, S) * K
    a_block = slot.window * (6 * D + 2 * wide + 3 * config.injection_ffn_size)
    if settings.gradient_checkpointing:
        a_block = slot.window * 2 * D
    a_block += memory_tokens * (D + 2 * narrow)
    return keys + latents + 2 * Q * len(config.injection_layers) * a_block


def _segments(config: Any, slot: Slot) -> int:
    return max(1, ops.count_segments(config, round(slot.document)))


def _kept(config: Any, segments: int) -> int:
    return min(segments, config.retained_segments or segments)


def lora_parameters(settings: TrainSettings, shape: LMShape) -> int:
    """Parameters of LoRA on every linear layer of a decoder with a gated feed-forward."""
    D, W, inner = shape.hidden, shape.attention_width, shape.intermediate
    kv = W * shape.kv_heads // shape.heads
    both = (D + W) + 2 * (D + kv) + (W + D) + 3 * (D + inner)
    total = shape.layers * settings.lora_rank * both
    if settings.method == "autocompressor":
        total += settings.summary_tokens * D
    return total
