"""A stand-in for the package flash-attn, in plain torch, that counts its calls.

It has the two functions that `model/attention.py` uses, with flash-attn's layout: [B, T, H, d],
or tokens of all rows packed to [total, H, d] with the rows' ends. Like the real one it takes half
precision only, gives zeros to rows without keys, and shares key/value heads by groups.
"""

from __future__ import annotations

import importlib.machinery
import types

import torch
from torch import Tensor


class FlashStandIn(types.ModuleType):
    """Put it into `sys.modules["flash_attn"]`."""

    def __init__(self) -> None:
        super().__init__("flash_attn")
        self.__spec__ = importlib.machinery.ModuleSpec("flash_attn", loader=None)
        self.calls: list[str] = []

    def flash_attn_func(self, q: Tensor, k: Tensor, v: Tensor, *, causal: bool) -> Tensor:
        self.calls.append("flash_attn_func")
        assert not causal
        return torch.stack([_attend(*row) for row in zip(q, k, v, strict=True)])

    def flash_attn_varlen_func(
        self,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        *,
        cu_seqlens_q: Tensor,
        cu_seqlens_k: Tensor,
        max_seqlen_q: int,
        max_seqlen_k: int,
        causal: bool,
    ) -> Tensor:
        self.calls.append("flash_attn_varlen_func")
        assert not causal
        assert cu_seqlens_q.dtype == cu_seqlens_k.dtype == torch.int32
        q_ends, k_ends = cu_seqlens_q.tolist(), cu_seqlens_k.tolist()
        assert q_ends[0] == k_ends[0] == 0
        assert (q_ends[-1], k_ends[-1]) == (len(q), len(k))
        rows = []
        for b in range(len(q_ends) - 1):
            own_q = slice(q_ends[b], q_ends[b + 1])
            own_k = slice(k_ends[b], k_ends[b + 1])
            assert own_q.stop - own_q.start <= max_seqlen_q
            assert own_k.stop - own_k.start <= max_seqlen_k
            rows.append(_attend(q[own_q], k[own_k], v[own_k]))
        return torch.cat(rows)


def _attend(q_THd: Tensor, k_NGd: Tensor, v_NGd: Tensor) -> Tensor:
    if q_THd.dtype not in (torch.float16, torch.bfloat16):
        raise RuntimeError("FlashAttention only support fp16 and bf16 data type")
    groups = q_THd.shape[1] // k_NGd.shape[1]
    k = k_NGd.float().repeat_interleave(groups, dim=1)
    v = v_NGd.float().repeat_interleave(groups, dim=1)
    logits = torch.einsum("thd,nhd->htn", q_THd.float(), k) * q_THd.shape[-1] ** -0.5
    if logits.shape[-1] == 0:
        return torch.zeros_like(q_THd)
    return torch.einsum("htn,nhd->thd", logits.softmax(dim=-1), v).to(q_THd.dtype)
