"""Warm starts: injection from the LM's own attention, Perceiver inputs scaled to its features.

The paper starts at random.

Legend: n tokens, D hidden size.
"""

from __future__ import annotations

from copy import deepcopy

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from .adapter import LcircAdapter
from .decoders import AttentionWeights, attention_weights, decoder_layers
from .layers import CrossAttention, GatedCrossAttention


@torch.no_grad()
def start_from_backbone(adapter: LcircAdapter, lm: PreTrainedModel) -> None:
    """Set each injection block to the self-attention of the layer that it stands before.

    Raises:
        ValueError: the LM's attention has another shape, norm or biases than the adapter's.
    """
    layers = decoder_layers(lm)
    for index, block in zip(adapter.config.injection_layers or [], adapter.injection, strict=True):
        if isinstance(block, GatedCrossAttention):
            _copy_attention(block.attention, layers[index])


def _copy_attention(attention: CrossAttention, layer: nn.Module) -> None:
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
        _copy_optional(linear.bias, bias, setting="injection_bias")
    _copy_norm(attention.norm, source)
    _copy_norm(attention.context_norm, source)
    for norm, scale in ((attention.q_norm, source.q_norm), (attention.k_norm, source.k_norm)):
        own = norm.weight if isinstance(norm, nn.RMSNorm) else None
        if own is not None and scale is None:
            raise ValueError(
                "warm start: the model has no norm on its queries and keys; "
                "set injection_qk_norm to false"
            )
        _copy_optional(own, scale, setting="injection_qk_norm")


def _copy_norm(norm: nn.Module, source: AttentionWeights) -> None:
    if source.norm_bias is None and isinstance(norm, nn.RMSNorm):
        norm.weight.copy_(source.norm)
    elif source.norm_bias is not None and isinstance(norm, nn.LayerNorm):
        norm.weight.copy_(source.norm)
        norm.bias.copy_(source.norm_bias)
    elif not isinstance(norm, nn.Identity):
        raise ValueError(
            f"warm start: the adapter has {type(norm).__name__} and the model another norm; "
            "set norm to the model's, layernorm or rmsnorm"
        )


def _copy_optional(own: Tensor | None, source: Tensor | None, *, setting: str) -> None:
    """Copy what the model may have; without one, a bias of the adapter's own stays at 0."""
    if source is None:
        return
    if own is None:
        raise ValueError(f"warm start: the model's attention needs {setting} in the config")
    own.copy_(source)


@torch.no_grad()
def standardise_inputs(adapter: LcircAdapter, features_ND: Tensor) -> None:
    """Give every channel the same say in the Perceiver's similarities.

    Sets the mean and the deviation by which the `average` start scales its inputs to those of
    `features_ND`.

    Raises:
        ValueError: the adapter was not started as averages.
    """
    if adapter.config.perceiver_start != "average":
        raise ValueError("inputs are standardised only with perceiver_start 'average'")
    features = features_ND.float()
    perceiver = adapter.perceiver
    perceiver.input_mean.copy_(features.mean(dim=0))
    perceiver.input_deviation.copy_(features.std(dim=0).clamp(min=1e-4))


@torch.no_grad()
def add_feed_forwards(adapter: LcircAdapter, size: int) -> LcircAdapter:
    """The same adapter with feed-forwards of `size` in its injection blocks, which had none.

    What the adapter computes does not change: where gates start closed, those of the new blocks
    are; where they start open, the new blocks' last projection is zero. Both at once would get no
    gradient.
    """
    if adapter.config.injection_ffn_size:
        raise ValueError("the adapter's injection blocks have feed-forwards already")
    config = deepcopy(adapter.config)
    config.injection_ffn_size = size
    config.validate()
    grown: LcircAdapter = LcircAdapter(config).to(next(adapter.parameters()).dtype)  # type: ignore[arg-type]
    added = set(grown.load_state_dict(adapter.state_dict(), strict=False).missing_keys)
    if strange := sorted(key for key in added if ".feed_forward" not in key):
        raise ValueError(f"the adapter lacks {', '.join(strange)}")
    if not config.gate_init:
        return grown
    for block in grown.injection:
        if isinstance(block, GatedCrossAttention) and block.feed_forward is not None:
            block.feed_forward.down.weight.zero_()
    return grown


@torch.no_grad()
def add_reader(adapter: LcircAdapter, targets: dict[str, list[int]], *, rank: int) -> LcircAdapter:
    """The same adapter with a reader of this rank, which it had none of; it changes nothing yet.

    Args:
        targets: see `reader.linear_targets`.

    Raises:
        ValueError: it has a reader, or such a one can't be.
    """
    if adapter.reader is not None:
        raise ValueError("the adapter has a reader already")
    config = deepcopy(adapter.config)
    config.reader_rank, config.reader_targets = rank, targets
    config.validate()
    grown: LcircAdapter = LcircAdapter(config).to(next(adapter.parameters()).dtype)  # type: ignore[arg-type]
    added = set(grown.load_state_dict(adapter.state_dict(), strict=False).missing_keys)
    if strange := sorted(key for key in added if not key.startswith("reader.")):
        raise ValueError(f"the adapter lacks {', '.join(strange)}")
    return grown
