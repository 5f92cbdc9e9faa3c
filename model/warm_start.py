"""Warm starts: injection from the LM's own attention, Perceiver keys scaled to its features.

Measured against random starts in docs/results; the paper starts at random.

Legend: n tokens, D hidden size.
"""

from __future__ import annotations

import torch
from torch import Tensor
from transformers import PreTrainedModel

from .adapter import LcircAdapter
from .decoders import attention_weights, decoder_layers
from .layers import CrossAttention, GatedCrossAttention


@torch.no_grad()
def start_from_backbone(adapter: LcircAdapter, lm: PreTrainedModel) -> None:
    """Set each injection block to the self-attention of the layer that it stands before.

    Raises:
        ValueError: the LM's attention has another shape than the adapter's blocks.
    """
    layers = decoder_layers(lm)
    for index, block in zip(adapter.config.injection_layers or [], adapter.injection, strict=True):
        if isinstance(block, GatedCrossAttention):
            _copy_attention(block.attention, layers[index])


def _copy_attention(attention: CrossAttention, layer: torch.nn.Module) -> None:
    source = attention_weights(layer)
    linears = (attention.q, attention.k, attention.v, attention.out)
    weights = (source.q, source.k, source.v, source.out)
    for linear, weight, bias in zip(linears, weights, source.biases, strict=True):
        if linear.weight.shape != weight.shape:
            raise ValueError(
                f"warm start: the adapter has {tuple(linear.weight.shape)} where the model's "
                f"attention has {tuple(weight.shape)}; use the backbone's heads in the config"
            )
        linear.weight.copy_(weight)
        if bias is not None and linear.bias is not None:
            linear.bias.copy_(bias)
    for norm in (attention.norm, attention.context_norm):
        if isinstance(norm, torch.nn.RMSNorm | torch.nn.LayerNorm):
            norm.weight.copy_(source.norm)
            if isinstance(norm, torch.nn.LayerNorm) and source.norm_bias is not None:
                norm.bias.copy_(source.norm_bias)
    for norm, scale in ((attention.q_norm, source.q_norm), (attention.k_norm, source.k_norm)):
        if isinstance(norm, torch.nn.RMSNorm) and scale is not None:
            norm.weight.copy_(scale)


@torch.no_grad()
def scale_keys(adapter: LcircAdapter, features_ND: Tensor) -> None:
    """Give every channel the same say in the Perceiver's first logits.

    A few channels of an LM's hidden states are much larger than the others and would decide all
    similarities. With the `average` start, the first layer's keys are the inputs themselves, so
    they are divided by each channel's standard deviation, measured on `features_ND`.

    Raises:
        ValueError: the adapter was not started as averages.
    """
    if adapter.config.perceiver_start != "average":
        raise ValueError("keys are scaled only with perceiver_start 'average'")
    attention = adapter.perceiver.first.attention
    spread = features_ND.float().std(dim=0).clamp(min=1e-4)
    scale = (1.0 / spread).to(attention.k.weight.device)
    attention.k.weight.mul_(scale)
    attention.q.weight.mul_(scale)
