"""Floating-point operations of each part, as formulas.

Matrix products count 2 a multiply-add; norms, softmax, rotations and lookups are left out, as in
torch's FlopCounterMode. Attention is counted with full score matrices, or causally where asked.

Legend: T tokens that a pass reads, N tokens before and with them, K latents, S segments.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lcirc_cli.cost.shapes import LMShape


def lm_matrices(shape: LMShape, tokens: int, *, layers: int | None = None) -> int:
    """Projections and feed-forward of the first `layers` layers (all by default)."""
    return 2 * tokens * sum(shape.layer_weights[:layers])


def lm_attention(
    shape: LMShape, tokens: int, *, context: int, causal: bool, layers: int | None = None
) -> int:
    """Scores and weighted values of `tokens` queries over `context` keys, themselves included."""
    pairs = tokens * context
    if causal:
        pairs -= tokens * (tokens - 1) // 2
    return 4 * pairs * shape.attention_width * (shape.layers if layers is None else layers)


def lm_head(shape: LMShape, tokens: int) -> int:
    """The output projection, at every one of `tokens` positions."""
    return 2 * tokens * shape.head_weights


def features(config: Any, shape: LMShape, tokens: int, *, causal: bool) -> int:
    """Contextual segment inputs: the first j layers over windows (0 where j is 0)."""
    layers, window = config.segment_inputs, config.feature_window
    if layers == 0:
        return 0
    total = lm_matrices(shape, tokens, layers=layers)
    for part in _pieces(tokens, window):
        total += lm_attention(shape, part, context=part, causal=causal, layers=layers)
    return total


def segment_keys(config: Any, tokens: int) -> int:
    """Keys and values of every Perceiver layer: what does not depend on the question."""
    width = config.perceiver_heads * config.perceiver_head_dim
    return config.perceiver_layers * 2 * tokens * 2 * config.hidden_size * width


def latents(config: Any, tokens: int, *, segments: int) -> int:
    """What the latents do with those keys: queries, scores, output, feed-forward."""
    D, K = config.hidden_size, config.num_latents
    width = config.perceiver_heads * config.perceiver_head_dim
    projections = 2 * K * segments * 2 * D * width
    scores = 4 * K * tokens * width
    feed_forward = 2 * K * segments * 2 * D * config.perceiver_ffn_size
    return config.perceiver_layers * (projections + scores + feed_forward)


def evidence(config: Any, tokens: int, *, segments: int) -> int:
    """The scores of tokens as evidence: keys of the first Perceiver layer, queries, logits."""
    D, K = config.hidden_size, evidence_latents(config)
    width = config.perceiver_heads * config.perceiver_head_dim
    return 2 * tokens * D * width + 2 * K * segments * D * width + 2 * K * tokens * width


def evidence_latents(config: Any) -> int:
    """How many latents look for evidence."""
    return int(config.evidence_latents or config.num_latents)


def mixer(config: Any, *, question: int, segments: int, latents: int | None = None) -> int:
    """The query mixer: the question is projected once, the latents (all) ask it once a segment."""
    D, K = config.hidden_size, latents or config.num_latents
    width = config.perceiver_heads * config.perceiver_head_dim
    once = 2 * question * 2 * D * width
    each = 2 * K * 2 * D * width + 4 * K * question * width + 4 * K * D * config.mixer_ffn_size
    return once + segments * each


def memory_keys(config: Any, memory: int) -> int:
    """Keys and values of the memory in every injected layer, once an answer."""
    width = config.injection_kv_heads * config.injection_head_dim
    return len(config.injection_layers) * 2 * memory * 2 * config.hidden_size * width


def injection(config: Any, tokens: int, *, memory: int) -> int:
    """Injection blocks over `tokens` positions, the memory's keys and values not included."""
    D = config.hidden_size
    width = config.injection_heads * config.injection_head_dim
    each = 2 * tokens * 2 * D * width + 4 * tokens * memory * width
    each += 4 * tokens * D * config.injection_ffn_size
    return len(config.injection_layers) * each


def count_segments(config: Any, tokens: int) -> int:
    """Segments that a document of so many tokens has."""
    return len(_pieces(tokens, config.segment_length))


def _pieces(tokens: int, size: int) -> Sequence[int]:
    whole, rest = divmod(tokens, size)
    return [size] * whole + ([rest] if rest else [])


def reader(config: Any, tokens: int) -> int:
    """The low-rank parts beside the decoder's linear layers."""
    sizes = (config.reader_targets or {}).values()
    return 2 * config.reader_rank * sum(map(sum, sizes)) * config.num_lm_layers * tokens
