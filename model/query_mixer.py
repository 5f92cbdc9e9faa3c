"""The question steers the compression: g_i = GatedCrossAttention(h_{i-1}, Embed(question)).

The question's keys and values are projected once and serve every segment (paper, section 3.2).
"""

from __future__ import annotations

from torch import Tensor, nn
from transformers import initialization as init

from .config import LcircConfig
from .layers import CrossAttention, FeedForward, GatedCrossAttention, KeysValues

MIXER_GATE_START = 1.0  # only with perceiver_start "average"; the paper's start is closed
# Deviation of the mixer's first logits: each head of each latent picks few words of the question,
# not their mean.
SHARPNESS = 4.0


class QueryMixer(nn.Module):
    """One gated cross-attention block from the latents to the question."""

    def __init__(self, config: LcircConfig) -> None:
        super().__init__()
        averaging = config.perceiver_start == "average"
        attention = CrossAttention(
            config.hidden_size,
            config.perceiver_heads,
            kv_heads=config.perceiver_heads,
            head_dim=config.perceiver_head_dim,
            norm=config.norm,
            eps=config.norm_eps,
            context_norm=averaging,
        )
        feed_forward = None
        if config.mixer_ffn_size:
            feed_forward = FeedForward(
                config.hidden_size, config.mixer_ffn_size, norm=config.norm, eps=config.norm_eps
            )
        gate = MIXER_GATE_START if averaging else 0.0
        self.averaging = averaging
        self.block = GatedCrossAttention(attention, feed_forward, gate_init=gate)

    def keys(self, question_BTD: Tensor, mask_BT: Tensor | None = None) -> KeysValues:
        """Project the question [B, T, D] once. mask_BT: bool, True where a token exists."""
        return self.block.attention.keys_values(question_BTD, mask_BT)

    def forward(self, latents_BKD: Tensor, question: KeysValues) -> Tensor:
        """g_i [B, K, D]."""
        return self.block(latents_BKD, question)

    def start(self) -> None:
        """With `average`, what the question says reaches the latents as it stands."""
        if self.averaging:
            init.eye_(self.block.attention.v.weight)
            init.eye_(self.block.attention.out.weight)
            attention = self.block.attention
            init.normal_(attention.q.weight, std=SHARPNESS * attention.q.in_features**-0.5)
            init.normal_(attention.k.weight, std=attention.k.in_features**-0.5)
