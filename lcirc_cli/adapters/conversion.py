"""Checkpoints of the published LCIRC code to adapter folders.

The tensors are renamed, checked and saved as a `LcircAdapter`; no number changes. What the tensors
don't tell (the backbone's heads and layers) comes from the backbone's config. Knows nothing about
the backbone's weights: a checkpoint doesn't say which ones it is for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from lcirc_cli.adapters import published
from lcirc_cli.backbones import folders, hub, loading
from lcirc_cli.errors import ModelError, StorageError, UsageError, first_line
from lcirc_cli.files import atomic_folder, exists, is_folder
from lcirc_cli.model import BackboneShape, LcircAdapter, LcircConfig, preset

PUBLISHED_MODEL = LcircConfig.base_model  # its sizes are the defaults: no download for them


@dataclass(frozen=True)
class Conversion:
    """What was written: the folder, and what is in it."""

    folder: Path
    config: LcircConfig
    parameters: int
    dtype: str

    @property
    def method(self) -> str:
        """`qd-lcirc` where the checkpoint has a query mixer, else `lcirc`."""
        return "qd-lcirc" if self.config.query_mixer else "lcirc"


def convert(
    checkpoint: Path,
    out: Path,
    *,
    model: str = PUBLISHED_MODEL,
    layers: Sequence[int] | None = None,
    offline: bool = False,
) -> Conversion:
    """Write the adapter folder `out` from a checkpoint of the published code.

    Args:
        model: the backbone that it was trained on; gives the number of heads and layers.
        layers: the decoder layers that the injection blocks stand before; None takes the
            published pattern, every third layer and the last.
        offline: never reach out for the backbone's config.

    Raises:
        ModelError: not such a checkpoint, or not for this model.
        UsageError: `out` is there already.
        StorageError: `out` can't be written.
    """
    if exists(out):
        raise UsageError(f"{out} is there already; choose another name or remove it")
    opened = published.load(checkpoint)
    config = _config(opened, _sizes(model, offline=offline), layers=layers)
    adapter = _adapter(opened, config)
    _save(adapter, out)
    parameters = sum(parameter.numel() for parameter in adapter.parameters())
    return Conversion(out, config, parameters, str(adapter.dtype).removeprefix("torch."))


# --- settings -------------------------------------------------------------------------------


def _sizes(model: str, *, offline: bool) -> BackboneShape:
    """Width, layers and heads of the backbone; only its config is read."""
    if model == PUBLISHED_MODEL:
        width, depth = LcircConfig.hidden_size, LcircConfig.num_lm_layers
        heads = LcircConfig.injection_heads
    else:
        config = _backbone_config(model, offline=offline)
        width, depth = config.hidden_size, config.num_hidden_layers
        heads = config.num_attention_heads
    return BackboneShape(
        name=model,
        hidden_size=width,
        num_layers=depth,
        heads=heads,
        kv_heads=heads,
        head_dim=width // heads,
        intermediate_size=4 * width,  # the checkpoint's own sizes take its place
        norm_eps=LcircConfig.norm_eps,
    )


def _backbone_config(model: str, *, offline: bool) -> Any:
    from transformers import AutoConfig

    path: Path | None = None
    if hub.is_hub_name(model) and not exists(Path(model).expanduser()):
        repository, _, revision = model.partition("@")
        source = {"pretrained_model_name_or_path": repository, "revision": revision or "main"}
    else:
        path = loading.pull(model, offline=offline)
        source, offline = loading.source(path), True
    try:
        if path is not None and is_folder(path):
            folders.check_settings(path)
        return AutoConfig.from_pretrained(
            **source, local_files_only=offline, trust_remote_code=False
        ).get_text_config()
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = first_line(error)
        raise ModelError(f"the config of the model {model} can't be read: {reason}") from error


def _config(
    checkpoint: published.Checkpoint, shape: BackboneShape, *, layers: Sequence[int] | None
) -> LcircConfig:
    """The published set-up, with the sizes that are in the checkpoint."""
    K, D = checkpoint.rows_columns(published.LATENTS, "latent")
    if shape.hidden_size != D:
        raise ModelError(
            f"{checkpoint.path} is for a model of hidden size {D}, and {shape.name} has "
            f"{shape.hidden_size}; name its backbone with --model"
        )

    def rows(key: str, name: str) -> int:
        return checkpoint.rows_columns(key, name)[0]

    config, mixed = preset("paper", shape), published.MIXER in checkpoint.parts
    positions = rows(published.COMPRESSOR, "pos_emb")
    inner = rows(published.COMPRESSOR, "layers.0.0.to_q.weight")
    config.update(
        {
            "num_latents": K,
            "segment_length": min(config.segment_length, positions),
            "max_segment_length": positions,
            "perceiver_layers": checkpoint.count(published.COMPRESSOR, "layers."),
            "perceiver_head_dim": inner // shape.heads,
            "perceiver_ffn_size": rows(published.COMPRESSOR, "layers.0.1.1.weight"),
            "query_mixer": mixed,
            "mixer_ffn_size": rows(published.MIXER, "ff.1.weight") if mixed else 0,
            "injection_ffn_size": rows(published.BLOCKS, "0.ff.1.weight"),
            "prompt_form": "plain",
            "trained": True,
        }
    )
    if layers is not None:
        config.injection_layers = list(layers)
    wanted, blocks = config.injection_layers or [], checkpoint.count(published.BLOCKS, "")
    if len(wanted) != blocks:
        raise ModelError(
            f"{checkpoint.path} has {blocks} injection blocks, and there are {len(wanted)} layers "
            f"for them, {wanted}; name the layers that they stand before with --layers"
        )
    return config


# --- writing --------------------------------------------------------------------------------


def _adapter(checkpoint: published.Checkpoint, config: LcircConfig) -> LcircAdapter:
    tensors = checkpoint.renamed()
    try:
        with torch.device("meta"):
            adapter = LcircAdapter(config)
    except ValueError as error:
        raise ModelError(f"{checkpoint.path} can't be used: {error}") from error
    for name, own in adapter.state_dict().items():
        tensor = tensors[name]
        if tensor.shape != own.shape:
            raise ModelError(
                f"{checkpoint.path} doesn't fit {config.base_model}: {name} is "
                f"{tuple(tensor.shape)} in it, not {tuple(own.shape)}"
            )
        if not (tensor.is_floating_point() and bool(torch.isfinite(tensor).all())):
            raise ModelError(
                f"{checkpoint.path} can't be used: not all of {name} are finite numbers"
            )
    adapter.load_state_dict(tensors, strict=True, assign=True)
    return adapter.eval()


def _save(adapter: LcircAdapter, out: Path) -> None:
    from safetensors import SafetensorError

    from lcirc_cli.console import silent_transformers

    try:
        with atomic_folder(out) as folder, silent_transformers():
            # One file, as an adapter folder has it, whatever its size.
            adapter.save_pretrained(folder, max_shard_size="1TB")
    except SafetensorError as error:
        raise StorageError(f"can't write {out}: {error}; free some space") from error
