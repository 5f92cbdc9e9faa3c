"""An adapter's fingerprints: of all of it, and of what a memory depends on.

The second leaves out the reader and how answers are judged: a memory stays good where only they
are others. It is also read from an adapter's folder without torch, over settings and weights as
they are in the files, so that an adapter that did not make a memory is refused before a model is
loaded. Knows nothing about backbones.
"""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lcirc_cli.backbones.folders import read_json, weight_files
from lcirc_cli.files.schema import parse

if TYPE_CHECKING:
    from lcirc_cli.model import LcircAdapter, LcircConfig

_NAMES = ("base_model",)  # for people, perhaps a path
# What no memory depends on: how answers are judged, and the reader's settings and weights.
_ANSWERING = (
    *("ask_method", "confidence"),
    *("reader_rank", "reader_targets", "reader_beside_memory"),
)
_READER = "reader."  # begins the names of its weights
_CONFIG = Path(__file__).parents[1] / "model" / "config.py"
_MOST_HEADER = 1 << 27  # bytes; beyond that of any adapter
# As safetensors and as torch spell a kind of number that adapters are kept in.
_DTYPES = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}


def fingerprints(adapter: LcircAdapter) -> tuple[str, str]:
    """SHA-256 of all of an adapter, and of what a memory made with it depends on.

    Over settings and weights, as they are in its file; each weight is read once for both.
    """
    import torch

    memory = hashlib.sha256(settings_text(adapter.config, memory=True).encode())
    rest = hashlib.sha256(settings_text(adapter.config).encode())
    for name, tensor in sorted(adapter.state_dict().items()):
        digest = rest if name.startswith(_READER) else memory
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        flat = tensor.detach().cpu().contiguous().reshape(-1)
        digest.update(flat.view(torch.uint8).numpy().data)
    rest.update(memory.digest())
    return rest.hexdigest(), memory.hexdigest()


def settings_text(config: LcircConfig, *, memory: bool = False) -> str:
    """What differs from the defaults of our own settings.

    Not what transformers adds, and no new setting at its default: neither makes another adapter.

    Args:
        memory: without those that no memory depends on.
    """
    kind = type(config)
    names = kind.__annotations__
    return _changed(
        {name: getattr(config, name) for name in names},
        {name: getattr(kind, name) for name in names},
        memory=memory,
    )


def _changed(chosen: Mapping[str, Any], defaults: Mapping[str, Any], *, memory: bool) -> str:
    names = sorted(set(defaults) - {*_NAMES, *(_ANSWERING if memory else ())})
    return json.dumps({name: chosen[name] for name in names if chosen[name] != defaults[name]})


@cache
def defaults() -> Mapping[str, Any]:
    """The settings of an adapter with their defaults, read from the source of `LcircConfig`.

    Importing it would bring transformers and torch, which take seconds.
    """
    tree = ast.parse(_CONFIG.read_text("utf-8"))
    kind = next(n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == "LcircConfig")
    return {
        node.target.id: ast.literal_eval(node.value)
        for node in kind.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value
    }


def folder_settings(folder: Path) -> dict[str, Any]:
    """An adapter's own settings by its config.json, the missing ones at their defaults.

    Raises:
        ValueError, OSError: it can't be read.
    """
    found = read_json(folder / "config.json")
    return {name: found.get(name, default) for name, default in defaults().items()}


def folder_fingerprint(folder: Path) -> str | None:
    """The second of `fingerprints` before the adapter is loaded; None where only loading tells.

    A folder that can't be loaded has none: loading it says why.
    """
    try:
        return _of_files(folder)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None


def _of_files(folder: Path) -> str | None:
    files, settings = weight_files(folder), folder_settings(folder)
    if len(files) != 1 or settings["injection_layers"] is None:
        return None
    digest = hashlib.sha256(_changed(settings, defaults(), memory=True).encode())
    with files[0].open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        header = parse(file.read(min(size, _MOST_HEADER)), "its header")
        header.pop("__metadata__", None)
        kinds = {entry["dtype"] for entry in header.values()}
        kind = _DTYPES.get(kinds.pop()) if len(kinds) == 1 else None
        if kind is None or read_json(folder / "config.json").get("dtype", kind) != kind:
            return None  # loading makes one kind of number of several
        for name, entry in sorted(header.items()):
            if name.startswith(_READER):
                continue
            start, end = entry["data_offsets"]
            digest.update(f"{name} torch.{kind} {tuple(entry['shape'])}".encode())
            file.seek(8 + size + start)
            digest.update(file.read(end - start))
    return digest.hexdigest()
