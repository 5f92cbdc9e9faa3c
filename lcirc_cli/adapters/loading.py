"""Adapters: a name to a `LcircAdapter` that fits the backbone in use.

Without a name it is the trained adapter that ships for the backbone, else one with closed gates,
which leaves the language model's answers as they are. Knows nothing about documents or training.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lcirc_cli.adapters.confidence import ConfidenceModel
from lcirc_cli.adapters.fingerprint import fingerprints, folder_settings, settings_text
from lcirc_cli.backbones import hub
from lcirc_cli.errors import ModelError, UsageError, first_line, is_out_of_memory
from lcirc_cli.files import exists, is_file, is_folder

if TYPE_CHECKING:
    from lcirc_cli.backbones.loading import Backbone
    from lcirc_cli.model import LcircAdapter, LcircConfig

PRETRAINED = Path(__file__).parents[1] / "pretrained"
UNTRAINED = "untrained"
_SEED = 0


@dataclass(frozen=True)
class LoadedAdapter:
    """An adapter ready for use.

    Attributes:
        adapter: in eval mode, in the backbone's dtype and on its device.
        name: for people: the folder or Hub id, or `untrained`.
        fingerprint: SHA-256 over its settings and weights; the same for every dtype and device.
        memory_fingerprint: the same without what no memory depends on (reader, confidence).
    """

    adapter: LcircAdapter
    name: str
    fingerprint: str
    memory_fingerprint: str

    @property
    def config(self) -> LcircConfig:
        """The adapter's settings."""
        return self.adapter.config

    @property
    def confidence(self) -> ConfidenceModel | None:
        """What says how likely its answers are right; None where nothing was fitted to them."""
        weights = self.config.confidence
        return None if weights is None else ConfidenceModel.of(weights)

    @property
    def has_open_gates(self) -> bool:
        """Whether a memory can change what the language model says: some gate is not 0."""
        return any(value != 0.0 for value in self.adapter.gates().values())

    @property
    def changes(self) -> bool:
        """Whether the language model answers otherwise through it: by a memory or a reader."""
        return self.has_open_gates or self.adapter.reader is not None

    def check(self, method: str) -> None:
        """Raises UsageError where the adapter lacks what a method needs."""
        if method == "reader" and self.adapter.reader is None:
            raise UsageError(
                f"the adapter {self.name} has no reader; use --method qd-lcirc, or train one: "
                "lcirc train --method reader"
            )
        if method == "qd-lcirc" and self.has_open_gates and self.adapter.mixer is None:
            raise UsageError(
                f"the adapter {self.name} was made without a query mixer; use --method lcirc"
            )


def load_adapter(
    name: str | None, backbone: Backbone, *, attention: str = "auto", offline: bool = False
) -> LoadedAdapter:
    """Load an adapter for a backbone.

    Args:
        name: an adapter's folder or Hub id; None takes the one that ships for the backbone, or
            an untrained one with closed gates where none does.
        attention: auto, sdpa or flash.
        offline: never reach out; what is missing is an error.

    Raises:
        ModelError: no such adapter, damaged, or made for another backbone.
    """
    folder = find_adapter(
        name, backbone=backbone.name, fingerprint=backbone.fingerprint, offline=offline
    )
    loaded = _untrained(backbone) if folder is None else _load(folder, name or folder.name)
    return _placed(loaded, backbone, attention)


def find_adapter(
    name: str | None, *, backbone: str, fingerprint: str, offline: bool = False
) -> Path | None:
    """The folder of an adapter that was made for a backbone; None: there is one for no name.

    Looks at its config.json alone, without torch.

    Args:
        name: as in `load_adapter`.
        backbone, fingerprint: of the backbone, its name for the message.

    Raises:
        ModelError: no such adapter, or made for another backbone.
    """
    if name is None:
        return _shipped(fingerprint)
    folder = _folder(name, offline=offline)
    try:
        settings = folder_settings(folder)
    except (ValueError, OSError) as error:
        raise ModelError(f"the adapter {name} can't be loaded: {first_line(error)}") from error
    made_for = settings["base_fingerprint"]
    if made_for and made_for != fingerprint:
        raise ModelError(
            f"the adapter {name} was made for the model {str(settings['base_model'])[:80]} "
            f"({str(made_for)[:12]}), not for {backbone} ({fingerprint[:12]}): choose another "
            "with --model or --adapter"
        )
    return folder


def _shipped(fingerprint: str) -> Path | None:
    """The folder in `pretrained/` that was trained on the backbone of this fingerprint."""
    for config in sorted(PRETRAINED.glob("*/config.json")):
        if json.loads(config.read_text("utf-8")).get("base_fingerprint") == fingerprint:
            return config.parent
    return None


def _folder(name: str, *, offline: bool) -> Path:
    path = Path(name).expanduser()
    if not is_folder(path):
        if not exists(path) and hub.is_hub_name(name):
            return hub.snapshot(name, offline=offline)
        raise ModelError(f"there is no adapter {name}: give the folder that `lcirc train` wrote")
    if not is_file(path / "config.json"):
        raise ModelError(f"{name} is not an adapter: there is no config.json in it")
    return path


def _load(folder: Path, name: str) -> LoadedAdapter:
    from lcirc_cli.adapters.files import check_files, check_finite
    from lcirc_cli.console import silent_transformers
    from lcirc_cli.model import LcircAdapter

    try:
        check_files(folder)
        with silent_transformers():
            adapter = LcircAdapter.load(folder, dtype="auto", local_files_only=True)
        check_finite(adapter)
    except Exception as error:  # transformers and safetensors raise many types for a bad folder
        if is_out_of_memory(error):
            raise
        reason = first_line(error)
        raise ModelError(f"the adapter {name} can't be loaded: {reason}") from error
    return LoadedAdapter(adapter, name, *fingerprints(adapter))


def _untrained(backbone: Backbone) -> LoadedAdapter:
    """An adapter with closed gates: the same for a backbone every time, and never on the disk."""
    import torch

    from lcirc_cli.model import LcircAdapter, preset

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_SEED)
        config = preset("smollm2", _shape(backbone))
        config.gate_init = 0.0
        config.prompt_form = "auto"  # nothing was trained on another
        adapter = LcircAdapter(config).eval()
    # Settings and seed decide the weights, and hashing those of a large model takes long.
    digest = hashlib.sha256(f"{UNTRAINED} {_SEED} {settings_text(config)}".encode()).hexdigest()
    return LoadedAdapter(adapter, UNTRAINED, digest, digest)


def _shape(backbone: Backbone) -> Any:
    from lcirc_cli.model.decoders import backbone_shape

    try:
        return backbone_shape(backbone.lm, name=backbone.name, fingerprint=backbone.fingerprint)
    except (ValueError, AttributeError) as error:
        raise ModelError(f"the model {backbone.name} can't be used: {error}") from error


def _placed(loaded: LoadedAdapter, backbone: Backbone, attention: str) -> LoadedAdapter:
    from lcirc_cli.model.attention import choose_backend

    weight: Any = backbone.lm.get_input_embeddings().weight
    adapter: Any = loaded.adapter
    adapter = adapter.to(device=weight.device, dtype=weight.dtype).eval().requires_grad_(False)
    adapter.set_attention(choose_backend(attention, device=weight.device))
    return replace(loaded, adapter=adapter)
