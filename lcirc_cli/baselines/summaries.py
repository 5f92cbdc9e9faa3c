"""Summary vectors of a document, made by the language model itself (AutoCompressor).

After Chevalier et al., "Adapting Language Models to Compress Contexts" (EMNLP 2023): summary
tokens stand behind each segment, their last hidden states become soft prompts for all later
segments and for what is read in the end. Knows no text and no files.

Legend: k summary tokens, n tokens of a segment, S segments, P summary vectors, D hidden size.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

SUMMARY_TOKENS = 50
SEGMENT_TOKENS = 2048


def start(embedding_VD: Tensor, end_of_text: int, *, tokens: int = SUMMARY_TOKENS) -> Tensor:
    """Untrained summary tokens, [k, D]: the end-of-text embedding, as in the published training."""
    return embedding_VD[end_of_text].detach().expand(tokens, -1).clone()


def most_vectors(max_positions: int, *, window: int, segment: int, tokens: int) -> int:
    """How many summary vectors the positions allow beside a segment and beside the window.

    Whole segments' worth, and at least one segment's; where they don't suffice, the oldest
    summaries fall out.
    """
    room = min(max_positions - window, max_positions - segment - tokens)
    return max(tokens, room // tokens * tokens)


def summarise(
    lm: Any,
    ids: Tensor | Sequence[int],
    summary_kD: Tensor,
    *,
    segment: int,
    most: int,
    keep_gradients: int | None = None,
) -> Tensor:
    """Summary vectors of a document, [P, D] with P = min(S * k, most).

    Args:
        keep_gradients: segments through which a summary's gradient flows back; None = all.
    """
    embed = lm.get_input_embeddings()
    ids = torch.as_tensor(ids, dtype=torch.long, device=embed.weight.device)
    summary_kD = summary_kD.to(embed.weight.dtype)
    made: list[Tensor] = []
    for part in ids.split(segment):
        old = 0 if keep_gradients is None else max(0, len(made) - keep_gradients)
        before = [vectors.detach() for vectors in made[:old]] + made[old:]
        inputs = torch.cat([summary_kD[:0], *before])[-most:]
        inputs = torch.cat([inputs, embed(part), summary_kD])
        hidden = lm.base_model(inputs_embeds=inputs[None], use_cache=False).last_hidden_state
        made.append(hidden[0, -len(summary_kD) :].to(summary_kD.dtype))
    return torch.cat([summary_kD[:0], *made])[-most:]
