"""Writes a `.lcirc` file: parts one after another, their hashes behind them, a header before them.

The same parts always give the same bytes. Parts come in chunks, so that a memory larger than the
machine's own can be written. Reading is container.py's.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lcirc_cli.errors import MemoryFileError
from lcirc_cli.files import atomic_write
from lcirc_cli.files.schema import MOST_VALUES, count_values
from lcirc_cli.memory import blocks
from lcirc_cli.memory.container import HASH_LENGTH, ITEM_BYTES, MAX_HEADER, PREFIX, TABLE


@dataclass(frozen=True)
class Part:
    """A tensor to write: little-endian bytes, row by row."""

    name: str
    dtype: str  # as safetensors spells it, a key of ITEM_BYTES
    shape: tuple[int, ...]
    chunks: Iterable[Any]  # of bytes, or views of them; gone through more than once

    @property
    def size(self) -> int:
        return math.prod(self.shape) * ITEM_BYTES[self.dtype]


def write_container(
    path: Path, metadata: dict[str, str], *, parts: Sequence[Part], allowed: int = 0o777
) -> str:
    """Writes a file in one step (all or nothing) and returns its header's SHA-256 in hex.

    Args:
        allowed: permissions that the file may have, at most.

    Raises:
        MemoryFileError: the names and notes of its documents are more than a header may hold.
        StorageError: no space left, or the place can't be written.
    """
    # Large items first: then every tensor is aligned to its own item size.
    ordered = sorted(parts, key=lambda part: (-ITEM_BYTES[part.dtype], part.name))
    table = blocks.hashes(_data(ordered))
    shape = (len(table) // blocks.DIGEST, blocks.DIGEST)
    ordered.append(Part(TABLE, "U8", shape, [table]))
    header = _header({**metadata, TABLE: hashlib.sha256(table).hexdigest()}, ordered)
    if len(header) > MAX_HEADER or count_values(header.decode("ascii")) > MOST_VALUES:
        raise MemoryFileError(
            f"{path}: names and notes take {len(header):,} bytes, over the format's limit of "
            f"{MAX_HEADER:,} bytes and {MOST_VALUES:,} values; put fewer documents into one "
            "memory file"
        )
    length = len(header).to_bytes(8, "little")
    sha256 = hashlib.sha256(length + header).hexdigest()
    at = len(PREFIX)
    header = header[:at] + sha256.encode("ascii") + header[at + HASH_LENGTH :]

    def chunks() -> Iterator[Any]:
        yield length + header
        yield from _data(ordered)

    atomic_write(path, chunks(), allowed=allowed)
    return sha256


def _data(parts: Sequence[Part]) -> Iterator[Any]:
    for part in parts:
        written = 0
        for chunk in part.chunks:
            written += len(chunk)
            yield chunk
        if written != part.size:
            raise ValueError(f"part {part.name!r}: data and shape don't agree")


def _header(metadata: dict[str, str], parts: Sequence[Part]) -> bytes:
    """The JSON header with zeros for the hash, padded so that the data is aligned to 8 bytes."""
    fields: dict[str, Any] = {"__metadata__": {"sha256": "0" * HASH_LENGTH, **metadata}}
    offset = 0
    for part in parts:
        fields[part.name] = {
            "dtype": part.dtype,
            "shape": list(part.shape),
            "data_offsets": [offset, offset + part.size],
        }
        offset += part.size
    header = json.dumps(fields, separators=(",", ":")).encode("ascii")
    return header + b" " * (-len(header) % 8)
