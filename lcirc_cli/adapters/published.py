"""Checkpoints of the published LCIRC code: how they are opened, and what is called what in them.

The published training scripts (github.com/ssuminan/LCIRC) write pickles with the tensors of the
injection blocks, the compressor, the initial latents and, for QD-LCIRC, the query mixer. They are
opened with `weights_only=True`, so nothing in them can run. Knows nothing about backbones or
about what an adapter's settings are.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lcirc_cli.errors import ModelError, is_out_of_memory
from lcirc_cli.files import open_file

Names = Mapping[str, tuple[str, ...]]  # of tensors: theirs to ours

# Each part's key in a checkpoint.
BLOCKS = "Xattn_layers_state_dict"
COMPRESSOR = "compressor_state_dict"
LATENTS = "latent_state_dict"
MIXER = "mixer_state_dict"

# Their names in a module to ours; two names: the rows are halved, keys first and values second.
_PROJECTIONS = {
    "to_q.weight": ("q.weight",),
    "to_kv.weight": ("k.weight", "v.weight"),
    "to_out.weight": ("out.weight",),
}
_FEED_FORWARD = {
    "0.weight": ("norm.weight",),
    "0.bias": ("norm.bias",),
    "1.weight": ("up.weight",),
    "3.weight": ("down.weight",),
}


def _within(theirs: str, ours: str, names: Names) -> dict[str, tuple[str, ...]]:
    return {theirs + name: tuple(ours + each for each in own) for name, own in names.items()}


def _norm(theirs: str, ours: str) -> dict[str, tuple[str, ...]]:
    return {f"{theirs}.{kind}": (f"{ours}.{kind}",) for kind in ("weight", "bias")}


_GATED_BLOCK: Names = {
    **_norm("attn.norm", "attention.norm"),
    **_within("attn.", "attention.", _PROJECTIONS),
    "attn_gate": ("attention_gate",),
    **_within("ff.", "feed_forward.", _FEED_FORWARD),
    "ff_gate": ("feed_forward_gate",),
}
_PERCEIVER_LAYER: Names = {
    **_norm("0.norm_x", "attention.context_norm"),
    **_norm("0.norm_latents", "attention.norm"),
    **_within("0.", "attention.", _PROJECTIONS),
    **_within("1.", "feed_forward.", _FEED_FORWARD),
}


@dataclass(frozen=True)
class Checkpoint:
    """The parts of a checkpoint by their keys, as they are in the file."""

    path: Path
    parts: Mapping[str, Mapping[str, Tensor]]

    def rows_columns(self, key: str, name: str) -> tuple[int, int]:
        """The shape of a matrix that must be there.

        Raises:
            ModelError: it isn't there, or isn't a matrix.
        """
        tensor = self.parts[key].get(name)
        if tensor is None or tensor.dim() != 2:
            raise refused(self.path, f"its {key} has no matrix {name}")
        return tensor.shape[0], tensor.shape[1]

    def count(self, key: str, prefix: str) -> int:
        """How many modules a list has: 1 + the highest number after `prefix`."""
        names = [name[len(prefix) :] for name in self.parts[key] if name.startswith(prefix)]
        numbers = [name.split(".")[0] for name in names]
        return 1 + max((int(number) for number in numbers if number.isdecimal()), default=-1)

    def renamed(self) -> dict[str, Tensor]:
        """Every tensor under its name in a `LcircAdapter`.

        Raises:
            ModelError: one is missing, or there is one of no known use.
        """
        left = {key: dict(part) for key, part in self.parts.items()}
        found: dict[str, Tensor] = {}

        def take(key: str, theirs: str, ours: str, names: Names) -> None:
            for name, own in names.items():
                tensor = left[key].pop(theirs + name, None)
                if tensor is None:
                    raise refused(self.path, f"its {key} has no {theirs}{name}")
                pieces = [tensor.contiguous()]
                if len(own) == 2:
                    # A half is a view, and safetensors writes no tensors that share memory.
                    pieces = [half.clone() for half in tensor.tensor_split(2)]
                found.update(zip((ours + each for each in own), pieces, strict=True))

        take(LATENTS, "", "", {"latent": ("latents",)})
        take(COMPRESSOR, "", "perceiver.", {**_norm("norm", "norm"), "pos_emb": ("positions",)})
        for index in range(self.count(COMPRESSOR, "layers.")):
            place = f"layers.{index}."
            take(COMPRESSOR, place, f"perceiver.{place}", _PERCEIVER_LAYER)
        for index in range(self.count(BLOCKS, "")):
            take(BLOCKS, f"{index}.", f"injection.{index}.", _GATED_BLOCK)
        if MIXER in self.parts:
            take(MIXER, "", "mixer.block.", _GATED_BLOCK)
        for key, part in left.items():
            if part:
                raise refused(self.path, f"its {key} has a tensor of no known use, {min(part)}")
        return found


def load(path: Path) -> Checkpoint:
    """Open a checkpoint; its optimizer state stays on the disk (memory-mapped).

    Raises:
        ModelError: it can't be read, holds code, or isn't of the published code.
    """
    try:
        open_file(path).close()  # torch would wait for a named pipe
        loaded = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except OSError as error:
        raise ModelError(f"can't read {path}: {error.strerror or error}") from error
    except pickle.UnpicklingError as error:
        raise ModelError(
            f"{path} holds more than tensors and numbers and was not opened, for it could run "
            "code; only checkpoints as the published code writes them can be converted"
        ) from error
    except Exception as error:  # torch's reader fails in many ways on damaged files
        if is_out_of_memory(error):
            raise
        raise ModelError(
            f"{path} is damaged or not a PyTorch checkpoint; give the .pt file that the "
            "published code wrote"
        ) from error
    if not isinstance(loaded, Mapping):
        raise refused(path, f"it holds a {type(loaded).__name__}")
    missing = [key for key in (BLOCKS, COMPRESSOR, LATENTS) if key not in loaded]
    if missing:
        raise refused(path, f"it has no {missing[0]}")
    parts = {key: loaded[key] for key in (BLOCKS, COMPRESSOR, LATENTS, MIXER) if key in loaded}
    for key, part in parts.items():
        if not (isinstance(part, Mapping) and all(map(_is_named_tensor, part.items()))):
            raise refused(path, f"its {key} is not a table of tensors")
    return Checkpoint(path, parts)


def _is_named_tensor(item: tuple[Any, Any]) -> bool:
    name, tensor = item
    if not (isinstance(name, str) and isinstance(tensor, Tensor)):
        return False
    # A view may claim to be far larger than what it shows, and would be copied out in full.
    return tensor.numel() * tensor.element_size() <= tensor.untyped_storage().nbytes()


def refused(path: Path, why: str) -> ModelError:
    """The error for a file that is something else."""
    return ModelError(f"{path} is not a checkpoint of the published LCIRC code: {why}")
