"""Scaled dot-product attention for the whole project: one place decides which kernel runs.

The Perceiver, the query mixer and the injection call `attend`; `choose_backend` also names the
attention of the frozen LM. Knows nothing about projections, norms or gates.

Legend: B batch, H query heads, G key/value heads, T queries, N keys, d head size.
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional as F

Backend = Literal["sdpa", "flash"]

# What transformers calls the same kernels (`attn_implementation=`).
LM_IMPLEMENTATION: dict[str, str] = {"sdpa": "sdpa", "flash": "flash_attention_2"}

_HALF_DTYPES = (torch.float16, torch.bfloat16)
_FEW_QUERIES = 16  # a head; a generated token has one


def choose_backend(requested: str, *, device: str | torch.device) -> Backend:
    """Turn `auto`, `sdpa` or `flash` into the backend that will run.

    Raises:
        ValueError: an unknown name, or `flash` where flash-attn or a CUDA device is missing.
    """
    if requested not in ("auto", "sdpa", "flash"):
        raise ValueError(f"attention must be auto, sdpa or flash, not {requested!r}")
    if requested == "sdpa":
        return "sdpa"
    on_cuda = torch.device(device).type == "cuda"
    installed = importlib.util.find_spec("flash_attn") is not None
    if on_cuda and installed:
        return "flash"
    if requested == "flash":
        missing = "a CUDA device" if not on_cuda else "the package flash-attn (lcirc[flash])"
        raise ValueError(f"attention 'flash' needs {missing}; use --attention sdpa")
    return "sdpa"


def attend(
    q_BHTd: Tensor,
    k_BGNd: Tensor,
    *,
    v_BGNd: Tensor,
    key_mask_BN: Tensor | None = None,
    bias: Tensor | None = None,
    backend: Backend = "sdpa",
) -> Tensor:
    """softmax(q kᵀ / sqrt(d) + bias) v, with key/value heads shared by groups of query heads.

    Args:
        key_mask_BN: bool, True where a key may be read. A row without any readable key gives
            zeros, so a padded document never makes NaN.
        bias: added to the logits, broadcastable to [B, H, T, N].
        backend: flash serves half-precision calls without `bias`; the rest runs on SDPA.

    Returns:
        [B, H, T, d] in q's dtype.
    """
    if backend == "flash" and bias is None and q_BHTd.dtype in _HALF_DTYPES:
        return _flash(q_BHTd, k_BGNd, v_BGNd=v_BGNd, key_mask_BN=key_mask_BN)
    mask: Tensor | None = None
    if key_mask_BN is not None:
        mask = key_mask_BN[:, None, None, :]
    if bias is not None:
        bias = bias.to(q_BHTd.dtype)
        if not torch.is_grad_enabled():
            bias = bias.detach()  # a mask that wants gradients rules out SDPA's fast kernels
        mask = bias if mask is None else bias.masked_fill(~mask, float("-inf"))
    B, H, T, d = q_BHTd.shape
    G, N = k_BGNd.shape[1:3]
    if G != H and (bias is None or T <= _FEW_QUERIES):
        # The heads of a group are queries to the same keys: side by side, no key is copied. A
        # bias is laid out in full for that, which pays for few queries.
        q = q_BHTd.reshape(B, G, -1, d)
        if bias is not None and mask is not None:
            mask = mask.expand(B, H, T, N).reshape(B, G, -1, N)
        out = _softmax_attention(q, k_BGNd, v_BGNd=v_BGNd, mask=mask).reshape(B, H, T, d)
    else:
        out = _softmax_attention(q_BHTd, k_BGNd, v_BGNd=v_BGNd, mask=mask)
    if key_mask_BN is not None:
        readable = key_mask_BN.any(dim=-1)[:, None, None, None]
        out = torch.where(readable, out, torch.zeros((), dtype=out.dtype, device=out.device))
    return out


def _softmax_attention(
    q_BHTd: Tensor, k_BGNd: Tensor, *, v_BGNd: Tensor, mask: Tensor | None
) -> Tensor:
    """SDPA; for a generated token on a CPU plain products, which take a third of its time.

    Those have logits and softmax in float32 and the weights in the values' dtype, as SDPA's own
    kernel for half precision has.
    """
    grouped = q_BHTd.shape[1] != k_BGNd.shape[1]
    half_on_cpu = q_BHTd.device.type == "cpu" and q_BHTd.dtype in _HALF_DTYPES
    few = half_on_cpu and not grouped and q_BHTd.shape[2] <= _FEW_QUERIES
    if not few or torch.is_grad_enabled():
        return F.scaled_dot_product_attention(
            q_BHTd, k_BGNd, v_BGNd, attn_mask=mask, enable_gqa=grouped
        )
    logits = (q_BHTd.float() * q_BHTd.shape[-1] ** -0.5) @ k_BGNd.float().transpose(-1, -2)
    if mask is not None and mask.dtype == torch.bool:
        logits = logits.masked_fill(~mask, float("-inf"))
    elif mask is not None:
        logits = logits + mask
    return logits.softmax(dim=-1).to(v_BGNd.dtype) @ v_BGNd


def _flash(q_BHTd: Tensor, k_BGNd: Tensor, *, v_BGNd: Tensor, key_mask_BN: Tensor | None) -> Tensor:
    """flash-attn wants [B, T, H, d]; padded keys go through its variable-length form."""
    flash: Any = importlib.import_module("flash_attn")
    q, k, v = (t.transpose(1, 2) for t in (q_BHTd, k_BGNd, v_BGNd))
    if key_mask_BN is None:
        return flash.flash_attn_func(q, k, v, causal=False).transpose(1, 2)
    B, T, H, d = q.shape
    lengths = key_mask_BN.sum(dim=-1, dtype=torch.int32)
    q_ends = torch.arange(0, (B + 1) * T, T, dtype=torch.int32, device=q.device)
    k_ends = F.pad(lengths.cumsum(0, dtype=torch.int32), (1, 0))
    out = flash.flash_attn_varlen_func(
        q.reshape(B * T, H, d),
        k[key_mask_BN],
        v[key_mask_BN],
        cu_seqlens_q=q_ends,
        cu_seqlens_k=k_ends,
        max_seqlen_q=T,
        max_seqlen_k=int(lengths.max()),
        causal=False,
    )
    return out.view(B, T, H, d).transpose(1, 2)
