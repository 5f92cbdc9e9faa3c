"""Norms, feed-forward and cross-attention: the parts that the compressor and the injection share.

Legend: B batch, T queries, N keys, D hidden size, H heads, G key/value heads, d head size.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from transformers import initialization as init
from transformers.modeling_layers import GradientCheckpointingLayer

from .attention import Backend, attend


@dataclass(frozen=True)
class KeysValues:
    """Projected keys and values with the mask that says which of them exist."""

    k_BGNd: Tensor
    v_BGNd: Tensor
    mask_BN: Tensor | None = None  # bool, True = exists; None = all
    bias_BHN: Tensor | None = None  # added to every query's logits, as the log of a prior


class RMSNorm(nn.RMSNorm):
    """The library's, except in bfloat16 on a CPU without gradients.

    There it is seven passes over the segment in float32; these are three in bfloat16, with the
    sum of squares still in float32.
    """

    def forward(self, x: Tensor) -> Tensor:
        if x.dtype != torch.bfloat16 or x.device.type != "cpu" or torch.is_grad_enabled():
            return super().forward(x)
        length = torch.linalg.vector_norm(x, dim=-1, keepdim=True, dtype=torch.float32)
        eps = torch.finfo(x.dtype).eps if self.eps is None else self.eps
        scale = torch.rsqrt(length.square() / x.shape[-1] + eps)
        return x * scale.to(x.dtype) * self.weight


def make_norm(kind: str, dim: int, *, eps: float) -> nn.Module:
    """`layernorm` (with bias) or `rmsnorm`, over the last dimension."""
    return nn.LayerNorm(dim, eps=eps) if kind == "layernorm" else RMSNorm(dim, eps=eps)


def autocasts(device: torch.device) -> bool:
    """Whether autocast chooses dtypes on this device now; the meta device knows no autocast."""
    kind = device.type
    return torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind)


class FeedForward(nn.Module):
    """norm, linear, SiLU, linear; no biases (A.1)."""

    def __init__(self, dim: int, inner: int, *, norm: str, eps: float) -> None:
        super().__init__()
        self.norm = make_norm(norm, dim, eps=eps)
        self.up = nn.Linear(dim, inner, bias=False)
        self.down = nn.Linear(inner, dim, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(nn.functional.silu(self.up(self.norm(x))))


class CrossAttention(nn.Module):
    """Multi-head attention from x to a context whose keys and values are projected apart.

    `keys_values` and `forward` are two calls because what the context gives does not change:
    over the questions asked of a segment, and over the tokens generated from a memory.
    """

    backend: Backend = "sdpa"

    def __init__(
        self,
        dim: int,
        heads: int,
        *,
        kv_heads: int,
        head_dim: int,
        norm: str,
        eps: float,
        context_norm: bool,
        qk_norm: bool = False,
        bias: bool = False,
    ) -> None:
        super().__init__()
        self.heads, self.kv_heads, self.head_dim = heads, kv_heads, head_dim
        self.norm = make_norm(norm, dim, eps=eps)
        self.context_norm = make_norm(norm, dim, eps=eps) if context_norm else nn.Identity()
        self.q = nn.Linear(dim, heads * head_dim, bias=bias)
        self.k = nn.Linear(dim, kv_heads * head_dim, bias=bias)
        self.v = nn.Linear(dim, kv_heads * head_dim, bias=bias)
        self.out = nn.Linear(heads * head_dim, dim, bias=bias)
        self.q_norm = nn.RMSNorm(head_dim, eps=eps) if qk_norm else nn.Identity()
        self.k_norm = nn.RMSNorm(head_dim, eps=eps) if qk_norm else nn.Identity()

    def keys_values(self, context_BND: Tensor, mask_BN: Tensor | None = None) -> KeysValues:
        """Project a context once. mask_BN: bool, True where a position exists.

        Each head's rows are laid side by side: these are read many times, and attention on a CPU
        takes a fifth longer over rows that lie apart.
        """
        context = self.context_norm(context_BND)
        v = self._split(self.v(context), self.kv_heads).contiguous()
        return KeysValues(self._keys(context), v, mask_BN)

    def keys(self, context_BND: Tensor) -> Tensor:
        """The keys of `keys_values` alone, [B, G, N, d]."""
        return self._keys(self.context_norm(context_BND))

    def _keys(self, context_BND: Tensor) -> Tensor:
        return self.k_norm(self._split(self.k(context_BND), self.kv_heads)).contiguous()

    def queries(self, x_BTD: Tensor) -> Tensor:
        """[B, H, T, d], normalised and projected."""
        return self.q_norm(self._split(self.q(self.norm(x_BTD)), self.heads))

    def forward(
        self,
        x_BTD: Tensor,
        kv: KeysValues,
        *,
        bias: Tensor | None = None,
        scale_H: Tensor | None = None,
    ) -> Tensor:
        """Attention output [B, T, D], without residual.

        Where x has Q times as many rows in the batch as the context (several questions about one
        document, questions of a document side by side), the questions are folded into the query
        axis: the keys and values are read, not copied.

        Args:
            bias: added to the logits, [B or 1, H or 1, T, N]: one a question, or one for all.
            scale_H: multiplies each head's logits before the bias.
        """
        q = self.queries(x_BTD)
        if scale_H is not None:
            q = q * scale_H[:, None, None].to(q.dtype)
        B, H, T, d = q.shape
        context_batch = kv.k_BGNd.shape[0]
        folds = B // context_batch
        if bias is None and kv.bias_BHN is not None:
            bias = kv.bias_BHN[:, :, None]
        if folds > 1:
            q = _fold(q, folds)
            if bias is not None:
                own = bias.shape[0] == B
                bias = _fold(bias, folds) if own else bias.repeat(1, 1, folds, 1)
        out = attend(
            q, kv.k_BGNd, v_BGNd=kv.v_BGNd, key_mask_BN=kv.mask_BN, bias=bias, backend=self.backend
        )
        if folds > 1:
            out = out.view(context_batch, H, folds, T, d).transpose(1, 2).reshape(B, H, T, d)
        return self.out(out.transpose(1, 2).reshape(B, T, H * d))

    def _split(self, x_BTE: Tensor, heads: int) -> Tensor:
        B, T, _ = x_BTE.shape
        return x_BTE.view(B, T, heads, self.head_dim).transpose(1, 2)


def _fold(x_BHTn: Tensor, folds: int) -> Tensor:
    """[B * Q, H, T, n] with the questions of a row side by side as [B, H, Q * T, n]."""
    rows, H, T, n = x_BHTn.shape
    x = x_BHTn.view(rows // folds, folds, H, T, n).transpose(1, 2)
    return x.reshape(rows // folds, H, folds * T, n)


class GatedCrossAttention(GradientCheckpointingLayer):
    """x + tanh(a) * CrossAttention(x, context), then x + tanh(b) * FeedForward(x) (Eq. of 2).

    The injection blocks and the query mixer are both of this form. With gates at 0 the output
    equals x bit for bit, also where x is of a wider dtype than the weights: only what is added
    to x is computed in theirs. It is a checkpointing layer of its own because a hook's work is
    not recomputed with the LM layer that carries the hook.
    """

    def __init__(
        self,
        attention: CrossAttention,
        feed_forward: FeedForward | None,
        *,
        gate_init: float,
    ) -> None:
        super().__init__()
        self.attention = attention
        self.feed_forward = feed_forward
        self.gate_init = gate_init
        self.attention_gate = nn.Parameter(torch.full((), gate_init))
        self.feed_forward_gate = (
            nn.Parameter(torch.full((), gate_init)) if feed_forward is not None else None
        )

    def forward(self, x_BTD: Tensor, kv: KeysValues) -> Tensor:
        read = self.attention(self._as_weights(x_BTD), kv)
        x_BTD = x_BTD + (self.attention_gate.tanh() * read).to(x_BTD.dtype)
        if self.feed_forward is not None and self.feed_forward_gate is not None:
            grown = self.feed_forward_gate.tanh() * self.feed_forward(self._as_weights(x_BTD))
            x_BTD = x_BTD + grown.to(x_BTD.dtype)
        return x_BTD

    def _as_weights(self, x_BTD: Tensor) -> Tensor:
        if autocasts(x_BTD.device):
            return x_BTD
        return x_BTD.to(self.attention.q.weight.dtype)

    def start(self) -> None:
        """Set the gates to their starting value."""
        init.constant_(self.attention_gate, self.gate_init)
        if self.feed_forward_gate is not None:
            init.constant_(self.feed_forward_gate, self.gate_init)
