"""LCIRC and QD-LCIRC in plain PyTorch: no files, no tokenizer, no command line.

An et al., "LCIRC: A Recurrent Compression Approach for Efficient Long-form Context and Query
Dependent Modeling in LLMs", NAACL 2025. A Perceiver compresses a document segment by segment
(`perceiver`, `recurrence`), the question steers it (`query_mixer`), and gated cross-attention
gives a frozen decoder the result (`injection`).

Tensor names end in their axes: B batch, N document tokens, S segments, T window or question
tokens, K latents a segment, M memory latents, D hidden size, H heads, G key/value heads, d head
size.
"""

from __future__ import annotations

from .adapter import LcircAdapter
from .causal_lm import LcircForCausalLM
from .config import LcircConfig
from .decoders import BackboneShape
from .evidence import passage_scores
from .presets import preset
from .recurrence import Backpropagation, Compressed, Memory, Segment, State, compress, states

__all__ = [
    "BackboneShape",
    "Backpropagation",
    "Compressed",
    "LcircAdapter",
    "LcircConfig",
    "LcircForCausalLM",
    "Memory",
    "Segment",
    "State",
    "compress",
    "passage_scores",
    "preset",
    "states",
]
