"""The reader: low-rank weights beside the frozen decoder's linear layers (LoRA, Hu et al. 2022).

Every linear layer of every decoder layer computes y = W x + SCALE * up(down(x)) while the reader is
attached, and y = W x otherwise: the decoder's own modules and weights stay as they are, so that
without the reader its logits are the bare model's, bit for bit. Knows nothing about memories.

Legend: B batch, T tokens, D in, F out, R rank.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers import initialization as init

from .decoders import decoder_layers

SCALE = 2.0  # alpha / rank of other implementations


class LowRank(nn.Module):
    """SCALE * up(down(x)) for one linear layer; zero at the start."""

    def __init__(self, inputs: int, outputs: int, *, rank: int) -> None:
        super().__init__()
        self.down = nn.Linear(inputs, rank, bias=False)
        self.up = nn.Linear(rank, outputs, bias=False)

    def start(self) -> None:
        """Set the starting values; uniform within 1/sqrt(D) as LoRA's, and zero."""
        bound = self.down.in_features**-0.5
        init.uniform_(self.down.weight, -bound, bound)
        init.zeros_(self.up.weight)

    def forward(self, x_BTD: Tensor) -> Tensor:
        if not torch.is_autocast_enabled(x_BTD.device.type):
            x_BTD = x_BTD.to(self.down.weight.dtype)  # float32 masters beside a bfloat16 decoder
        return self.up(self.down(x_BTD) * SCALE)


class Reader(nn.Module):
    """Low-rank weights for every decoder layer.

    Args:
        targets: path of each linear layer inside a decoder layer, with [D, F].
    """

    def __init__(self, targets: dict[str, list[int]], *, layers: int, rank: int) -> None:
        super().__init__()
        self.paths = tuple(targets)
        self.layers = nn.ModuleList(
            nn.ModuleDict(
                {_key(path): LowRank(*shape, rank=rank) for path, shape in targets.items()}
            )
            for _ in range(layers)
        )
        self._attached = False

    def start(self) -> None:
        """Set the starting values of all layers."""
        for module in self.modules():
            if isinstance(module, LowRank):
                module.start()

    @contextmanager
    def attached(self, lm: PreTrainedModel) -> Iterator[None]:
        """Add the low-rank parts in every forward pass of `lm` inside the block, once if nested."""
        if self._attached:
            yield
            return
        handles = []
        try:
            self._attached = True
            for layer, own in zip(decoder_layers(lm), self.layers, strict=True):
                for path in self.paths:
                    hook = _hook(own[_key(path)])  # type: ignore[index]
                    handles.append(layer.get_submodule(path).register_forward_hook(hook))
            yield
        finally:
            self._attached = False
            for handle in handles:
                handle.remove()


def linear_targets(lm: PreTrainedModel) -> dict[str, list[int]]:
    """The linear layers inside a decoder layer, path to [D, F]; the same for every layer.

    Raises:
        ValueError: there are none, or the decoder's layers are not alike.
    """
    first, *others = [_targets(layer) for layer in decoder_layers(lm)]
    if not first:
        raise ValueError(f"{type(lm).__name__} has no linear layers that a reader could tune")
    if any(other != first for other in others):
        raise ValueError(f"{type(lm).__name__}: its layers differ, which a reader can't tune yet")
    return first


def _targets(layer: nn.Module) -> dict[str, list[int]]:
    found = {}
    for path, module in layer.named_modules():
        shape: Any = None
        if hasattr(module, "in_features") and hasattr(module, "out_features"):
            shape = [module.in_features, module.out_features]
        elif hasattr(module, "nx") and hasattr(module, "nf"):  # GPT-2's Conv1D
            shape = [module.nx, module.nf]
        if shape is not None:
            found[path] = shape
    return found


def _key(path: str) -> str:
    """A path as a name inside a ModuleDict, which takes no dots."""
    return path.replace(".", "_")


def _hook(low_rank: nn.Module) -> Any:
    def add(_layer: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> Tensor:
        return output + low_rank(args[0]).to(output.dtype)

    return add
