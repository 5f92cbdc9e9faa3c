"""The compressor: K latents read a segment by cross-attention (paper, section 3.1).

What a segment gives (keys and values of every layer) and what the latents do with it are two
calls: the first does not depend on the question.

Two ways to start training (`perceiver_start`):

* `random`: the published form. h = latents + attention, h = h + feed-forward, in every layer.
* `average`: the memory starts out as means of the inputs, so that the injection has something
  to read from the first step on. Latent j owns the j-th of K equal shares of the segment; a
  learned scalar a head, times "token t lies in latent j's share", is added to the logits of the
  first layer. Its projections start as identities (so a question's words begin by looking for
  their like), the later layers with zero output, and the residual of the first layer has a gate
  that starts at 0. It works on inputs with mean 0 and deviation 1 in every channel, because a
  few channels of an LM's hidden states would decide all similarities, and gives its latents
  back on the LM's own scale.

With `shares: evidence` the question divides a segment among the latents (evidence.py): latent j
owns the j-th of K equal parts of the *evidence*, so that many latents read the passage that
answers and few the rest, at the same compression overall. What a latent looks for then only
tilts its share: a sharp query would copy the words of the question instead of what is around them.

Legend: B batch, n tokens of a segment, K latents, D hidden size, H heads.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from transformers import initialization as init

from .config import LcircConfig
from .layers import CrossAttention, FeedForward, KeysValues, make_norm

SHARE_START = 6.0  # logits; e^6 leaves about 1 part in 400 to each token outside a share
TILT_START = 0.1  # factor on a query's own logits where the evidence has divided the segment
QUERY_START = 2.0  # logits of tokens that agree in a head's channels, against 6 for a share


@dataclass(frozen=True)
class SegmentKeys:
    """What a segment gives to every Perceiver layer; independent of the question."""

    layers: tuple[KeysValues, ...]
    share_KN: Tensor | None  # [B, 1, K, n], 1 where token t lies in latent j's share


class PerceiverLayer(nn.Module):
    """Cross-attention and feed-forward, both residual; no attention among the latents."""

    def __init__(self, config: LcircConfig, *, first: bool) -> None:
        super().__init__()
        self.attention = CrossAttention(
            config.hidden_size,
            config.perceiver_heads,
            kv_heads=config.perceiver_heads,
            head_dim=config.perceiver_head_dim,
            norm=config.norm,
            eps=config.norm_eps,
            context_norm=True,
        )
        self.feed_forward = FeedForward(
            config.hidden_size, config.perceiver_ffn_size, norm=config.norm, eps=config.norm_eps
        )
        averaging = first and config.perceiver_start == "average"
        self.share_logit = (
            nn.Parameter(torch.full((config.perceiver_heads,), SHARE_START)) if averaging else None
        )
        self.residual_gate = nn.Parameter(torch.zeros(())) if averaging else None
        self.tilt = (
            nn.Parameter(torch.full((config.perceiver_heads,), TILT_START))
            if averaging and config.shares == "evidence"
            else None
        )

    def forward(self, latents_BKD: Tensor, kv: KeysValues, share: Tensor | None) -> Tensor:
        bias = None
        if self.share_logit is not None and share is not None:
            bias = self.share_logit.view(1, -1, 1, 1) * share
        read = self.attention(latents_BKD, kv, bias=bias, scale_H=self.tilt)
        kept = latents_BKD
        if self.residual_gate is not None:
            kept = self.residual_gate.tanh() * latents_BKD
        latents_BKD = kept + read
        return latents_BKD + self.feed_forward(latents_BKD)


class Perceiver(nn.Module):
    """h_i = Perceiver(queries = h_{i-1} or g_i, inputs = x_i)."""

    def __init__(self, config: LcircConfig) -> None:
        super().__init__()
        self.num_latents = config.num_latents
        self.averaging = config.perceiver_start == "average"
        self.positions = nn.Parameter(torch.zeros(config.max_segment_length, config.hidden_size))
        self.layers = nn.ModuleList(
            PerceiverLayer(config, first=index == 0) for index in range(config.perceiver_layers)
        )
        self.norm: nn.Module = nn.Identity()
        if self.averaging:
            self.input_mean = nn.Parameter(torch.zeros(config.hidden_size))
            self.input_deviation = nn.Parameter(torch.ones(config.hidden_size))
        else:
            self.norm = make_norm(config.norm, config.hidden_size, eps=config.norm_eps)

    def standardise(self, inputs: Tensor) -> Tensor:
        """Inputs [..., D] as the layers read them: with `average`, mean 0 and deviation 1."""
        if not self.averaging:
            return inputs
        return (inputs - self.input_mean) / self.input_deviation

    def keys(self, inputs_BND: Tensor, mask_BN: Tensor | None = None) -> SegmentKeys:
        """Keys and values of one segment for every layer.

        Args:
            inputs_BND: token embeddings or contextual features, [B, n, D], n <= max_segment.
            mask_BN: bool, True where a token exists; padding stands at the end.

        Raises:
            ValueError: the segment is longer than the position table.
        """
        x = self._placed(inputs_BND)
        layers = tuple(layer.attention.keys_values(x, mask_BN) for layer in self._layers())
        share = self._share(inputs_BND, mask_BN) if self.averaging else None
        return SegmentKeys(layers, share)

    def evidence_keys(self, inputs_BND: Tensor) -> SegmentKeys:
        """What `evidence_logits` reads of a segment, all of whose tokens exist: a quarter of the
        work of `keys`. Values have no width."""
        k = self.first.attention.keys(self._placed(inputs_BND))
        return SegmentKeys((KeysValues(k, k[..., :0]),), None)

    def _placed(self, inputs_BND: Tensor) -> Tensor:
        """Inputs as the layers read them, each at its place in the segment."""
        n = inputs_BND.shape[1]
        if n > self.positions.shape[0]:
            raise ValueError(
                f"a segment of {n} tokens is longer than the adapter's {self.positions.shape[0]}"
            )
        return self.standardise(inputs_BND) + self.positions[:n].to(inputs_BND.dtype)

    def forward(
        self, latents_BKD: Tensor, segment: SegmentKeys, *, share_BKN: Tensor | None = None
    ) -> Tensor:
        """h_i [B, K, D] from g_i [B, K, D]; B may be several questions a document.

        Args:
            share_BKN: how far token t is latent j's to read, 0 to 1; None divides by length.
        """
        share = segment.share_KN if share_BKN is None else share_BKN[:, None]
        for layer, kv in zip(self._layers(), segment.layers, strict=True):
            latents_BKD = layer(latents_BKD, kv, share)
        if self.averaging:
            latents_BKD = latents_BKD * self.input_deviation + self.input_mean
        return self.norm(latents_BKD)

    def evidence_logits(self, latents_BKD: Tensor, segment: SegmentKeys) -> Tensor:
        """Logits before the softmax, first layer, without the shares: [B, H, K, n].

        Comparable across segments because nothing is normalised within one (design, 3.3).
        """
        attention = self.first.attention
        q = attention.queries(latents_BKD)
        kv = segment.layers[0]
        folds = q.shape[0] // kv.k_BGNd.shape[0]
        k = kv.k_BGNd.repeat_interleave(folds, dim=0) if folds > 1 else kv.k_BGNd
        return q @ k.transpose(-1, -2) * attention.head_dim**-0.5

    def start(self, *, std: float) -> None:
        """Set the weights that `perceiver_start` gives; called once, when the adapter is made."""
        for layer in self._layers():
            if layer.share_logit is not None and layer.residual_gate is not None:
                init.constant_(layer.share_logit, SHARE_START)
                init.zeros_(layer.residual_gate)
            if layer.tilt is not None:
                init.constant_(layer.tilt, TILT_START)
        if not self.averaging:
            init.normal_(self.positions, std=std)
            return
        init.zeros_(self.positions)
        init.zeros_(self.input_mean)
        init.ones_(self.input_deviation)
        first, *later = self._layers()
        attention = first.attention
        for projection in (attention.k, attention.v, attention.out):
            init.eye_(projection.weight)
        init.copy_(attention.q.weight, QUERY_START * torch.eye(*attention.q.weight.shape))
        init.zeros_(first.feed_forward.down.weight)
        for layer in later:
            init.zeros_(layer.attention.out.weight)
            init.zeros_(layer.feed_forward.down.weight)

    @property
    def first(self) -> PerceiverLayer:
        """The layer whose logits the evidence score reads."""
        return self._layers()[0]

    def _layers(self) -> list[PerceiverLayer]:
        return [layer for layer in self.layers if isinstance(layer, PerceiverLayer)]

    def _share(self, inputs_BND: Tensor, mask_BN: Tensor | None) -> Tensor:
        """[B or 1, 1, K, n]: 1 where floor(t * K / length) == j."""
        n, K = inputs_BND.shape[1], self.num_latents
        device = inputs_BND.device
        token = torch.arange(n, device=device)
        if mask_BN is None:
            length = torch.full((1, 1), n, device=device)
        else:
            length = mask_BN.sum(dim=-1, keepdim=True).clamp(min=1)
        owner_BN = token * K // length
        latent_K = torch.arange(K, device=device)
        share = owner_BN[:, None, None, :] == latent_K[None, None, :, None]
        return share.to(inputs_BND.dtype)
