"""Saves and loads memory files (`.lcirc`), and checks that a memory fits the models in use.

Loading maps the file, verifies its SHA-256 and checks that everything agrees; states and features
stay views of the map, so a large memory costs no copy. Knows nothing about how contents are made
or used. The layout: container.py (file, hash) and layout.py (parts).
"""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lcirc_cli.errors import MemoryFileError
from lcirc_cli.memory.checks import check_contents
from lcirc_cli.memory.container import Container, Part, open_container, write_container
from lcirc_cli.memory.contents import (
    Fingerprints,
    MemoryContents,
    StoredDocument,
    append,
    same_source,
)
from lcirc_cli.memory.header import check_fingerprints
from lcirc_cli.memory.info import inspect_memory
from lcirc_cli.memory.layout import (
    FORMAT,
    FORMAT_VERSION,
    array_part,
    check_format,
    read_array,
    read_documents,
    read_tokens,
    write_documents,
    write_tokens,
)
from lcirc_cli.memory.records import (
    fingerprints_record,
    recipe_record,
    settings_record,
    version_record,
)
from lcirc_cli.version import __version__

__all__ = [
    "Fingerprints",
    "MemoryContents",
    "StoredDocument",
    "append",
    "check_fingerprints",
    "inspect_memory",
    "load_memory",
    "same_source",
    "save_memory",
]

_FEATURE = "features."
_DTYPES = {
    "BOOL": torch.bool,
    "U8": torch.uint8,
    "I8": torch.int8,
    "I16": torch.int16,
    "I32": torch.int32,
    "I64": torch.int64,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F32": torch.float32,
    "F64": torch.float64,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
}
_NAMES = {dtype: name for name, dtype in _DTYPES.items()}


def save_memory(path: Path | str, contents: MemoryContents, *, allowed: int = 0o777) -> str:
    """Writes a memory file, all or nothing, and returns its SHA-256 in hex.

    The same contents give the same bytes. `contents.sha256` and `.lcirc_version` are ignored.

    Args:
        allowed: permissions that the file may have, at most; see `lcirc_cli.files.readers`.

    Raises:
        ValueError: the contents don't agree with each other, or settings aren't plain JSON.
        StorageError: no space left, or the place can't be written; an old file stays as it was.
    """
    check_contents(contents)
    documents, parts = write_documents(contents.documents)
    parts += write_tokens(
        contents.token_ids.numpy(), contents.token_starts.numpy(), contents.documents
    )
    parts.append(array_part("segment_lengths", np.array(contents.segment_lengths, np.int32)))
    parts.append(_tensor_part("states", contents.states))
    parts += [_tensor_part(_FEATURE + name, value) for name, value in contents.features.items()]
    metadata = {
        "format": FORMAT,
        "format_version": str(FORMAT_VERSION),
        "lcirc_version": __version__,
        "fingerprints": json.dumps(vars(contents.fingerprints)),
        "settings": _plain_json(contents.settings),
        "documents": documents,
    }
    if contents.recipe:
        metadata["recipe"] = contents.recipe
    return write_container(Path(path), metadata, parts=parts, allowed=allowed)


def load_memory(path: Path | str) -> MemoryContents:
    """Loads a memory file after checking its hash and that all of its parts agree.

    Raises:
        MemoryFileError: missing, damaged, cut short, of a newer format, or inconsistent.
    """
    path = Path(path)
    container = open_container(path)
    check_format(path, container)
    try:
        contents = _decode(container)
        check_contents(contents)
    except ValueError as error:
        raise MemoryFileError(
            f"{path}: inconsistent: {error}; ingest the document again"
        ) from error
    return replace(contents, path=str(path.absolute()))


def _decode(container: Container) -> MemoryContents:
    documents = read_documents(container)
    token_ids, token_starts = read_tokens(container, documents)
    lengths = read_array(container, "segment_lengths", dtype="I32")
    return MemoryContents(
        documents=documents,
        token_ids=torch.from_numpy(token_ids),
        token_starts=torch.from_numpy(token_starts),
        segment_lengths=lengths.tolist(),
        states=_tensor(container, "states"),
        features={
            name.removeprefix(_FEATURE): _tensor(container, name)
            for name in container.entries
            if name.startswith(_FEATURE)
        },
        settings=settings_record(container.metadata),
        fingerprints=fingerprints_record(container.metadata),
        recipe=recipe_record(container.metadata),
        sha256=container.sha256,
        lcirc_version=version_record(container.metadata),
    )


def _tensor_part(name: str, tensor: Tensor) -> Part:
    flat = tensor.detach().cpu().contiguous().reshape(-1)
    if tensor.dtype not in _NAMES:
        raise ValueError(f"{name}: tensors of {tensor.dtype} can't be saved")
    # An empty tensor may have a stride that can't be viewed as bytes.
    data = flat.view(torch.uint8).numpy().data if len(flat) else b""
    return Part(name, _NAMES[tensor.dtype], tuple(tensor.shape), data)


def _tensor(container: Container, name: str) -> Tensor:
    """A part as a tensor that shares the file's map (writes to it never reach the file)."""
    entry = container.entries.get(name)
    if entry is None:
        raise ValueError(f"{name} is missing")
    if entry.dtype not in _DTYPES:
        raise ValueError(f"{name} has the dtype {entry.dtype}")
    dtype, count = _DTYPES[entry.dtype], math.prod(entry.shape)
    if count == 0:
        return torch.empty(entry.shape, dtype=dtype)
    flat = torch.frombuffer(container.buffer, dtype=dtype, count=count, offset=entry.start)
    return flat.view(entry.shape)


def _plain_json(settings: dict[str, Any]) -> str:
    text = json.dumps(settings, sort_keys=True, allow_nan=False)
    if json.loads(text) != settings:
        raise ValueError("settings of a memory must be plain JSON values (lists, not tuples)")
    return text
