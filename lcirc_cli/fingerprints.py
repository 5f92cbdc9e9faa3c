"""Fingerprints: is this the same backbone, and the same tokenizer, as the one used before?

A fingerprint depends on files alone, not on the dtype or device that they are loaded with.
It guards against mix-ups, not against forgery: weight files are sampled, not read whole.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

_BLOCK = 16_384
_BLOCKS = 64
# Keys that say how a config was written, not what the model is.
_VOLATILE = ("_name_or_path", "transformers_version", "torch_dtype", "dtype", "use_cache")


def of_constant(text: str) -> str:
    """The fingerprint of a backbone whose files are known by their hash."""
    return hashlib.sha256(text.encode()).hexdigest()


def of_model(path: Path) -> str:
    """The fingerprint of a safetensors folder or of a single weight file (.gguf).

    Returns:
        64 hexadecimal digits over the config and 64 blocks of each weight file; about a
        megabyte is read from each file, whatever its size.
    """
    digest = hashlib.sha256()
    if path.is_dir():
        config = json.loads((path / "config.json").read_text("utf-8"))
        for key in _VOLATILE:
            config.pop(key, None)
        digest.update(json.dumps(config, sort_keys=True).encode())
        files = sorted(path.glob("*.safetensors"))
    else:
        files = [path]
    for file in files:
        _sample(file, digest)
    return digest.hexdigest()


def of_tokenizer(tokenizer: Any) -> str:
    """The fingerprint of a fast tokenizer: its vocabulary and rules, not its call-time padding."""
    state = json.loads(tokenizer.backend_tokenizer.to_str())
    for key in ("truncation", "padding"):
        state.pop(key, None)
    return hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()


def _sample(path: Path, digest: Any) -> None:
    size = path.stat().st_size
    digest.update(size.to_bytes(8, "little"))
    with path.open("rb") as file:
        for index in range(_BLOCKS):
            # Evenly spaced, with the first and the last block always among them.
            file.seek(max(0, size - _BLOCK) * index // (_BLOCKS - 1))
            digest.update(file.read(_BLOCK))
