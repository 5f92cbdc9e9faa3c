"""What an adapter's folder may hold: its config and its weights file agree before one is loaded.

Knows nothing about backbones.
"""

from __future__ import annotations

from pathlib import Path

import torch

from lcirc_cli.adapters.confidence import ConfidenceModel
from lcirc_cli.backbones.folders import read_json, tensor_shapes, weight_files
from lcirc_cli.model import LcircAdapter, LcircConfig

_SHOWN = 5  # names of tensors in a message
# What transformers keeps in every config and an adapter has no use for, as it writes it.
_OTHERS = ("architectures", "dtype", "model_type", "torch_dtype", "transformers_version")


def check_files(folder: Path) -> None:
    """Checks an adapter's settings, and that its weights are those that they ask for.

    Nothing is made room for: an adapter that is far larger by its config than by its file is
    refused here.

    Raises:
        ValueError: what is wrong.
        OSError: a file can't be read.
    """
    found = read_json(folder / "config.json")
    if found.get("model_type") != "lcirc":
        raise ValueError(f"its config.json is of type {found.get('model_type')!r}, not 'lcirc'")
    known = {*LcircConfig.__annotations__, *_OTHERS}
    if others := sorted(name for name in found if not (name in known or name.startswith("_"))):
        raise ValueError(f"there is no setting {others[0][:40]!r} in an lcirc adapter's config")
    config = LcircConfig(**{name: own for name, own in found.items() if name not in _OTHERS})
    config.validate()
    if config.confidence is not None:
        ConfidenceModel.of(config.confidence)
    if not (files := weight_files(folder)):
        raise ValueError("there is no .safetensors file in it")
    held = tensor_shapes(files)
    blocks = config.perceiver_layers + len(config.injection_layers or [])
    blocks += config.num_lm_layers * len(config.reader_targets or {})
    # Fewer tensors than parts: laying out all the parts to name what is missing might take long.
    if blocks > 10 * len(held) + 100:
        raise ValueError(f"its config has {blocks:,} parts, its file {len(held):,} tensors")
    with torch.device("meta"):
        adapter = LcircAdapter(config)
    wanted = {name: tuple(own.shape) for name, own in adapter.state_dict().items()}
    for kind, names in (
        ("missing keys", wanted.keys() - held.keys()),
        ("unexpected keys", held.keys() - wanted.keys()),
        ("mismatched keys", {n for n in wanted.keys() & held.keys() if wanted[n] != held[n]}),
    ):
        if names:
            told = ", ".join(sorted(names)[:_SHOWN])
            raise ValueError(f"it has {kind}: {told}{' ...' if len(names) > _SHOWN else ''}")


def check_finite(adapter: LcircAdapter) -> None:
    """Checks that an adapter's weights are numbers.

    Raises:
        ValueError: one of them is NaN or infinite.
    """
    for name, tensor in adapter.state_dict().items():
        if tensor.numel() and not torch.isfinite(torch.stack(torch.aminmax(tensor))).all():
            raise ValueError(f"not all of {name} are finite numbers")
