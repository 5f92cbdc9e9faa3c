"""Attention of rows that share the tokens before them, without most places that no row sees.

A shared window (one text, then several questions about it one behind another) needs a mask of
T x T of which most is closed, and fused kernels on CPUs compute all of it, slowly in bfloat16. Here
the shared tokens attend to themselves and the rows to everything: the same sums with less work.

The decoder's attention layers call `attend` once `use_shared_rows` has chosen it; with no layout in
the call it is the decoder's usual attention.

Legend: B batch (1), S shared tokens, R tokens of all rows, T = S + R, H heads, D head size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

NAME = "lcirc_shared_rows"
_SPECIAL = ("sliding_window", "attn_logit_softcapping", "attn_logit_softcap")

_CHANGES = ("s_aux", "softcap", "position_bias", "sliding_window")  # would change the sums


@dataclass(frozen=True)
class RowsLayout:
    """Where the rows of a window are.

    Attributes:
        shared_SS, rows_RT: added to the logits: 0 where a token sees another, else very low.
        positions_T: each token's; rows go on from the shared tokens' as if each were alone.
    """

    shared_SS: Tensor
    rows_RT: Tensor
    positions_T: Tensor

    @classmethod
    def of(
        cls, shared: int, lengths: Sequence[int], *, device: torch.device, dtype: torch.dtype
    ) -> RowsLayout:
        """For rows of these lengths behind `shared` tokens; `dtype` is that of the logits."""
        counts = torch.tensor([shared, *lengths])
        own_T = torch.arange(len(counts)).repeat_interleave(counts)  # 0 = shared, then the row
        T = len(own_T)
        sees_TT = ((own_T[:, None] == own_T[None]) | (own_T[None] == 0)).tril()
        begins_T = (counts.cumsum(0) - counts)[own_T]
        positions_T = torch.arange(T) - begins_T + shared * (own_T > 0)
        mask_TT = torch.zeros(T, T, dtype=dtype).masked_fill(~sees_TT, torch.finfo(dtype).min)
        return cls(
            shared_SS=mask_TT[:shared, :shared].to(device),
            rows_RT=mask_TT[shared:].to(device),
            positions_T=positions_T.to(device),
        )


def takes_shared_rows(lm: Any) -> bool:
    """Whether the decoder's attention is the plain one, and can be replaced by a function."""
    config = lm.config.get_text_config()
    plain = not any(getattr(config, name, None) for name in _SPECIAL)
    return plain and lm.is_backend_compatible() and config._attn_implementation in ("sdpa", NAME)


def use_shared_rows(lm: Any) -> None:
    """Have the decoder's attention layers call `attend` from now on."""
    lm.set_attn_implementation(NAME)


def attend(
    module: nn.Module,
    query_BHTD: Tensor,
    key_BHTD: Tensor,
    value_BHTD: Tensor,
    attention_mask: Tensor | None,
    *,
    scaling: float | None = None,
    layout: RowsLayout | None = None,
    **others: Any,
) -> tuple[Tensor, None]:
    """What attention layers of transformers call, see its `AttentionInterface`.

    Returns:
        [B, T, H, D], and no weights.
    """
    if layout is None:
        return sdpa_attention_forward(
            module, query_BHTD, key_BHTD, value_BHTD, attention_mask, scaling=scaling, **others
        )
    if changed := [name for name in _CHANGES if others.get(name) is not None]:
        raise ValueError(f"shared rows can't be read with {changed[0]} in the attention")
    # Rotations can leave float32 under autocast, where the values are bfloat16.
    dtype = value_BHTD.dtype
    scaling = query_BHTD.shape[-1] ** -0.5 if scaling is None else scaling
    q_HTD = query_BHTD[0].to(dtype) * scaling
    groups = len(q_HTD) // key_BHTD.shape[1]
    k_HTD = key_BHTD[0].to(dtype).repeat_interleave(groups, dim=0)
    v_HTD = value_BHTD[0].repeat_interleave(groups, dim=0)
    S = len(layout.shared_SS)
    shared_HSD = _weighted(q_HTD[:, :S], k_HTD[:, :S], v_HTD[:, :S], layout.shared_SS)
    rows_HRD = _weighted(q_HTD[:, S:], k_HTD, v_HTD, layout.rows_RT)
    return torch.cat([shared_HSD, rows_HRD], dim=1).transpose(0, 1)[None], None


def _weighted(q: Tensor, k: Tensor, v: Tensor, mask: Tensor) -> Tensor:
    logits = torch.baddbmm(mask.expand(len(q), -1, -1), q, k.transpose(1, 2))
    return logits.softmax(dim=-1) @ v


AttentionInterface.register(NAME, attend)
AttentionMaskInterface.register(NAME, sdpa_mask)
