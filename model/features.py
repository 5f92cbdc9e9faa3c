"""Contextual segment inputs: normalised hidden states, and how they are stored.

x_i may be the hidden states after the LM's first j layers (design, 3.4). They are scaled to unit
root mean square a token (the Perceiver normalises its inputs anyway, and the first token of a
window is hundreds of times larger than the rest), then rounded to the stored dtype. Both paths,
reading a saved memory and compressing from scratch, go through the same rounding.

Legend: n tokens of one window, D hidden size.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

EPS = 1e-6


@dataclass(frozen=True)
class StoredFeatures:
    """One window's features as stored: values = codes * scale."""

    codes_ND: Tensor  # int8, bfloat16 or float32
    scale_D: Tensor | None  # float16, for int8: one scale a channel of this window


def normalise(hidden: Tensor) -> Tensor:
    """Hidden states [..., D] at unit root mean square a token, float32."""
    hidden = hidden.float()
    return hidden * torch.rsqrt(hidden.square().mean(dim=-1, keepdim=True) + EPS)


def store(features_ND: Tensor, dtype: str) -> StoredFeatures:
    """Round one window's normalised features. dtype: int8, bfloat16 or float32.

    int8 keeps a scale a channel and window: few channels are much larger than the rest.
    """
    if dtype != "int8":
        return StoredFeatures(features_ND.to(getattr(torch, dtype)), None)
    # A scale that rounds to a float16 zero would turn the channel into NaN.
    scale_D = (features_ND.abs().amax(dim=0) / 127.0).clamp(min=1e-6).half()
    codes = (features_ND / scale_D.float()).round().clamp(-127, 127).to(torch.int8)
    return StoredFeatures(codes, scale_D)


def restore(stored: StoredFeatures, *, dtype: torch.dtype) -> Tensor:
    """The features [n, D] that the compressor reads."""
    values = stored.codes_ND.float()
    if stored.scale_D is not None:
        values = values * stored.scale_D.float()
    return values.to(dtype)
