"""What the loop needs of the thing that trains, and the adapter as such a thing.

The loop sees parameters, numbers for its log and a way to save; it knows no method.
"""

from __future__ import annotations

import os
import shutil
import sys
import warnings
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn

from lcirc_cli.files import atomic_folder
from lcirc_cli.model import LcircForCausalLM
from lcirc_cli.model.decoders import decoder_layers


class Learner(Protocol):
    """A method under training: the parameters of `module` that require gradients change."""

    @property
    def module(self) -> nn.Module: ...

    def train(self, on: bool) -> None:
        """Set the modes of all parts: for a training step, or for validation."""
        ...

    def numbers(self) -> dict[str, float]:
        """What the log shows beside the losses."""
        ...

    def save(self, folder: Path) -> None:
        """Write what other commands load, atomically."""
        ...


class AdapterLearner:
    """An LCIRC adapter on a frozen LM."""

    def __init__(self, model: LcircForCausalLM, *, checkpointing: bool) -> None:
        self._model, self._checkpointing = model, checkpointing
        if checkpointing:
            enable_checkpointing(model.adapter)
            enable_checkpointing(model.lm)

    @property
    def module(self) -> nn.Module:
        return self._model.adapter

    def train(self, on: bool) -> None:
        self._model.adapter.train(on)
        set_frozen(self._model.lm, checkpointing=on and self._checkpointing)

    def numbers(self) -> dict[str, float]:
        """The gates."""
        return self._model.adapter.gates()

    def save(self, folder: Path) -> None:
        """A folder that --adapter takes: bfloat16."""
        adapter = self._model.adapter
        weights = {
            name: value.detach().to(torch.bfloat16).contiguous()
            for name, value in adapter.state_dict().items()
        }
        with atomic_folder(folder) as place:
            adapter.save_pretrained(place, state_dict=weights)


class ReaderLearner(AdapterLearner):
    """An adapter of which only the reader trains; its memory stays as it was."""

    def __init__(
        self, model: LcircForCausalLM, *, checkpointing: bool, compiled: bool = False
    ) -> None:
        super().__init__(model, checkpointing=checkpointing)
        reader = model.adapter.reader
        if reader is None:
            raise ValueError("the adapter has no reader to train")
        self._reader = reader
        weights: nn.Module = model.adapter
        weights.requires_grad_(False)
        reader.requires_grad_(True)
        self._held = ExitStack()
        if compiled:
            compile_layers(model.lm)

    @property
    def module(self) -> nn.Module:
        return self._reader

    def train(self, on: bool) -> None:
        super().train(on)
        self._held.close()
        if on and self._checkpointing:  # the backward pass runs the layers again: with the reader
            self._held.enter_context(self._reader.attached(self._model.lm))

    def numbers(self) -> dict[str, float]:
        """Nothing beside the losses."""
        return {}


def compile_layers(lm: Any) -> None:
    """Fuse what a decoder layer does to its tokens one by one, once for all layers and lengths."""
    for layer in decoder_layers(lm):
        layer.compile(dynamic=True)


def has_compiler() -> bool:
    """Whether there is what torch.compile calls on a CPU (torch._inductor.config.cpp.cxx)."""
    usual = "clang++" if sys.platform == "darwin" else "g++"
    return shutil.which(os.environ.get("CXX", usual)) is not None


def set_frozen(lm: Any, *, checkpointing: bool) -> None:
    """Modes of a frozen LM: evaluation, with its layers recomputed going back where wanted.

    The library recomputes in training mode only, which would switch dropout on: here the layers
    alone are told that they train, what is inside them is not.
    """
    lm.eval()
    for layer in decoder_layers(lm):
        layer.training = checkpointing


def enable_checkpointing(module: Any) -> None:
    """Let a module's layers be recomputed in the backward pass when they train."""
    from lcirc_cli.console import silent_transformers

    with silent_transformers(), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # renamed in transformers 5.2x
        module.gradient_checkpointing_enable({"use_reentrant": False})
    if getattr(module, "_require_grads_hooks", None) or hasattr(module, "_require_grads_hook"):
        # Else the backward pass would go on below what trains, down to the embeddings.
        module.disable_input_require_grads()
