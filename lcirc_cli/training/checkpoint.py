"""Checkpoints: everything that decides the next step, written so that a kill leaves no half.

A checkpoint is a folder `step-00001234`: tensors (weights and optimiser state) in safetensors,
and state.json with the step, the random states, the settings, the world size and the SHA-256 of
the tensor file. It is made under another name and renamed when complete.
"""

from __future__ import annotations

import json
import random
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from lcirc_cli import console
from lcirc_cli.errors import LcircError, ModelError
from lcirc_cli.files import atomic_folder, sha256_file

_TENSORS, _STATE = "tensors.safetensors", "state.json"


@dataclass(frozen=True)
class Resumed:
    """What `load_newest` restored."""

    step: int
    best_loss: float | None


def checkpoint_path(folder: Path, step: int) -> Path:
    """Where the checkpoint of a step lies."""
    return folder / f"step-{step:08d}"


def save_checkpoint(
    folder: Path,
    step: int,
    *,
    module: nn.Module,
    optimizer: torch.optim.Optimizer,
    settings: str,
    world_size: int,
    best_loss: float | None,
    keep: int,
) -> Path:
    """Write the checkpoint of `step` and remove all but the newest `keep`.

    Raises:
        StorageError: no space or no permission; older checkpoints stay.
    """
    path = checkpoint_path(folder, step)
    tensors = {f"module.{name}": value for name, value in _trained(module).items()}
    tensors |= _optimizer_tensors(optimizer)
    with atomic_folder(path) as place:
        save_file({key: t.detach().contiguous() for key, t in tensors.items()}, place / _TENSORS)
        state = {
            "step": step,
            "best_loss": best_loss,
            "settings": settings,
            "world_size": world_size,
            "random": _random_states(),
            "sha256": sha256_file(place / _TENSORS),
        }
        (place / _STATE).write_text(json.dumps(state), "utf-8")
    for old in _listed(folder)[:-keep]:
        shutil.rmtree(old, ignore_errors=True)
    return path


def load_newest(
    folder: Path,
    *,
    module: nn.Module,
    optimizer: torch.optim.Optimizer,
    settings: str,
    world_size: int,
) -> Resumed | None:
    """Restore the newest sound checkpoint; a damaged one is named and the one before it taken.

    Returns:
        None where there is no checkpoint.

    Raises:
        ModelError: checkpoints are there but none is sound, or they are of other settings or
            another number of processes.
    """
    listed = _listed(folder)
    for path in reversed(listed):
        try:
            state, tensors = _read(path)
        except (OSError, ValueError, KeyError, LcircError) as error:
            console.warn(f"checkpoint {path.name} is damaged ({error}); trying the one before it")
            continue
        _check_same(path, state, settings=settings, world_size=world_size)
        _restore(tensors, module, optimizer)
        _set_random_states(state["random"])
        return Resumed(int(state["step"]), state["best_loss"])
    if listed:
        raise ModelError(f"none of the checkpoints in {folder} can be read; start a new run")
    return None


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    state = json.loads((path / _STATE).read_text("utf-8"))
    for key in ("step", "settings", "world_size", "best_loss"):
        state[key]
    for kind in ("torch", "numpy", "python"):
        if kind not in state["random"]:
            raise ValueError(f"its random state of {kind} is missing")
    if sha256_file(path / _TENSORS) != state["sha256"]:
        raise ValueError("its SHA-256 does not match")
    return state, load_file(path / _TENSORS)


def _check_same(path: Path, state: dict[str, Any], *, settings: str, world_size: int) -> None:
    if state["world_size"] != world_size:
        raise ModelError(
            f"checkpoint {path.name} was written by {state['world_size']} process(es), this run "
            f"has {world_size}: start as many, or a new run with --init"
        )
    if state["settings"] != settings:
        raise ModelError(
            f"checkpoint {path.name} belongs to a run with other settings: use its config.toml, "
            "or start a new run with --init"
        )


def _restore(
    tensors: dict[str, Tensor], module: nn.Module, optimizer: torch.optim.Optimizer
) -> None:
    own = _trained(module)
    stored = {
        key.removeprefix("module."): value
        for key, value in tensors.items()
        if key.startswith("module.")
    }
    if own.keys() != stored.keys():
        raise ModelError("the checkpoint's weights are not those of this run's adapter")
    with torch.no_grad():
        for key, value in stored.items():
            own[key].copy_(value)
    state = optimizer.state_dict()
    for index in range(len(_parameters(optimizer))):
        prefix = f"optimizer.{index}."
        found = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
        if found:
            state["state"][index] = found
    optimizer.load_state_dict(state)


def _trained(module: nn.Module) -> dict[str, Tensor]:
    return {name: p for name, p in module.named_parameters() if p.requires_grad}


def _parameters(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    return [p for group in optimizer.param_groups for p in group["params"]]


def _optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    return {
        f"optimizer.{index}.{name}": value
        for index, slots in optimizer.state_dict()["state"].items()
        for name, value in slots.items()
    }


def _random_states() -> dict[str, Any]:
    kind, keys, position, has_gauss, gauss = np.random.get_state(legacy=True)
    version, internal, gauss_next = random.getstate()
    return {
        "torch": torch.get_rng_state().tolist(),
        "numpy": [kind, np.asarray(keys).tolist(), position, has_gauss, gauss],
        "python": [version, list(internal), gauss_next],
    }


def _set_random_states(states: dict[str, Any]) -> None:
    torch.set_rng_state(torch.tensor(states["torch"], dtype=torch.uint8))
    kind, keys, *rest = states["numpy"]
    np.random.set_state((kind, np.asarray(keys, dtype=np.uint32), *rest))
    version, internal, gauss_next = states["python"]
    random.setstate((version, tuple(internal), gauss_next))


def _listed(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("step-*") if (path / _STATE).is_file())
