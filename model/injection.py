"""Injection: the decoder's own layers, with gated cross-attention to the memory before some.

By `register_forward_pre_hook(with_kwargs=True)` on the LM's layers: no copied forward, so
`generate`, caches, beams, compilation and quantised loading stay the library's. The memory's keys
and values are projected once, when it is attached, and serve every generated token.

Legend: B batch, T window tokens, M memory latents, D hidden size.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from .adapter import LcircAdapter
from .decoders import decoder_layers
from .evidence import NOWHERE
from .layers import GatedCrossAttention, KeysValues, autocasts
from .recurrence import Memory


class Injector:
    """Puts an adapter's blocks before the layers of a frozen LM while a memory is attached."""

    def __init__(self, lm: PreTrainedModel, adapter: LcircAdapter) -> None:
        layers = decoder_layers(lm)
        wanted = adapter.config.injection_layers or []
        if len(layers) != adapter.config.num_lm_layers:
            raise ValueError(
                f"the adapter was made for {adapter.config.num_lm_layers} layers, "
                f"the model has {len(layers)}"
            )
        self._prior_scale = adapter.prior_scale
        self._sites = [
            (layers[index], block)
            for index, block in zip(wanted, adapter.injection, strict=True)
            if isinstance(block, GatedCrossAttention)
        ]

    def project(self, memory: Memory) -> list[KeysValues]:
        """Keys and values of the memory for every injected layer."""
        projected = []
        for (_, block), bias in zip(self._sites, self._biases(memory), strict=True):
            weight = block.attention.k.weight
            states = memory.states_BMD.to(device=weight.device)
            if not autocasts(weight.device):
                states = states.to(weight.dtype)
            mask = None if memory.mask_BM is None else memory.mask_BM.to(weight.device)
            kv = block.attention.keys_values(states, mask)
            projected.append(replace(kv, bias_BHN=None if bias is None else bias.to(states.device)))
        return projected

    def _biases(self, memory: Memory) -> list[Tensor | None]:
        """What each layer's heads add to the logits of the latents, [B, H, M], from their prior."""
        scale = self._prior_scale
        if memory.prior_BM is None or scale is None:
            return [None] * len(self._sites)
        prior = memory.prior_BM.to(scale.device)
        if memory.mask_BM is not None:
            prior = prior.masked_fill(~memory.mask_BM.to(scale.device), float("-inf"))
        # Near 0 where it matters: in half precision the differences of large numbers are lost.
        prior = (prior - prior.amax(dim=-1, keepdim=True)).clamp(min=NOWHERE)
        return [heads[:, None] * prior[:, None] for heads in scale]

    @contextmanager
    def attached(self, memory: Memory | None) -> Iterator[None]:
        """Inject `memory` into every forward pass inside the block; None injects nothing."""
        if memory is None or len(memory) == 0:
            yield
            return
        handles = []
        try:
            for (layer, block), kv in zip(self._sites, self.project(memory), strict=True):
                hook = _hook(block, kv)
                handles.append(layer.register_forward_pre_hook(hook, with_kwargs=True))
            yield
        finally:
            for handle in handles:
                handle.remove()


def _hook(block: GatedCrossAttention, kv: KeysValues) -> Any:
    def inject(
        _layer: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        # Decoders pass the hidden states by position or by name.
        if args:
            return (_inject(block, args[0], kv), *args[1:]), kwargs
        return args, {**kwargs, "hidden_states": _inject(block, kwargs["hidden_states"], kv)}

    return inject


def _inject(block: GatedCrossAttention, hidden_BTD: Tensor, kv: KeysValues) -> Tensor:
    """Under device_map the hook fires before the hidden states are moved, so they are here.

    The residual stream stays in the wider dtype of the two: closed gates change no bit of it.
    """
    weight = block.attention.q.weight
    wider = torch.promote_types(hidden_BTD.dtype, weight.dtype)
    x = hidden_BTD.to(device=weight.device, dtype=wider)
    x = block(x, _expand(kv, hidden_BTD.shape[0]))
    return x.to(device=hidden_BTD.device, dtype=hidden_BTD.dtype)


def _expand(kv: KeysValues, batch: int) -> KeysValues:
    """Beams and num_return_sequences repeat each row of the batch; the memory follows."""
    rows = kv.k_BGNd.shape[0]
    if rows == batch:
        return kv
    if batch % rows:
        raise ValueError(f"a memory of {rows} rows can't serve a batch of {batch}")

    def spread(x: Tensor) -> Tensor:
        if rows == 1:
            return x.expand(batch, *x.shape[1:])
        return x.repeat_interleave(batch // rows, dim=0)

    mask = None if kv.mask_BN is None else spread(kv.mask_BN)
    bias = None if kv.bias_BHN is None else spread(kv.bias_BHN)
    return KeysValues(spread(kv.k_BGNd), spread(kv.v_BGNd), mask, bias)
