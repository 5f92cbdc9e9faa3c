"""The outside of a `.lcirc` file: a safetensors file that carries its own SHA-256.

Any safetensors reader opens it. Its header begins with the fixed bytes `PREFIX`, so the hash
always stands at `HASH_AT`; it is the SHA-256 of the whole file with those 64 characters set to
"0" (safetensors itself loads a flipped data bit without a word). The same contents always give
the same bytes. Every later format keeps the prefix and the hash where they are, so that an older
lcirc can tell "newer" from "damaged".

The file is hashed and read through one memory map: what was checked is what is used. Knows
nothing about what the parts mean, and never imports torch.
"""

from __future__ import annotations

import hashlib
import json
import math
import mmap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from lcirc_cli.errors import MemoryFileError, is_out_of_memory
from lcirc_cli.files import atomic_write, open_file
from lcirc_cli.files.schema import (
    MOST_VALUES,
    Check,
    choice,
    count_values,
    items,
    mapping,
    parse,
    table,
    text,
    whole,
)

PREFIX = b'{"__metadata__":{"sha256":"'
HASH_AT = 8 + len(PREFIX)  # after the 8 bytes that give the header's length
HASH_LENGTH = 64
MAX_HEADER = 100_000_000  # bytes; the limit of safetensors itself
_MOST_PARTS = 1_000
_MOST_DIMENSIONS = 8
_MOST_ITEMS = 2**60  # also of a part that is empty in one of its dimensions
ITEM_BYTES = {
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E4M3", "F8_E5M2"), 1),
    **dict.fromkeys(("U16", "I16", "F16", "BF16"), 2),
    **dict.fromkeys(("U32", "I32", "F32"), 4),
    **dict.fromkeys(("U64", "I64", "F64"), 8),
}


@dataclass(frozen=True)
class Part:
    """A tensor to write: `data` holds its bytes, little-endian and row by row."""

    name: str
    dtype: str  # as safetensors spells it, a key of ITEM_BYTES
    shape: tuple[int, ...]
    data: bytes | memoryview


@dataclass(frozen=True)
class Entry:
    """A tensor in a file: bytes `start` to `end` of the container's buffer."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int


@dataclass(frozen=True, eq=False)
class Container:
    """A verified file: its metadata, where its tensors are, and the map that holds them."""

    metadata: dict[str, str]
    entries: dict[str, Entry]
    buffer: mmap.mmap  # the whole file, copy on write
    sha256: str


def write_container(
    path: Path, metadata: dict[str, str], *, parts: Sequence[Part], allowed: int = 0o777
) -> str:
    """Writes a file in one step (all or nothing) and returns its SHA-256 in hex.

    Args:
        allowed: permissions that the file may have, at most.

    Raises:
        StorageError: no space left, or the place can't be written.
    """
    # Large items first: then every tensor is aligned to its own item size.
    ordered = sorted(parts, key=lambda part: (-ITEM_BYTES[part.dtype], part.name))
    header = _header(metadata, ordered)
    if len(header) > MAX_HEADER or count_values(header.decode("ascii")) > MOST_VALUES:
        raise MemoryFileError(
            f"{path}: names and notes take {len(header):,} bytes, over the format's limit of "
            f"{MAX_HEADER:,} bytes and {MOST_VALUES:,} values; put fewer documents into one "
            "memory file"
        )
    length = len(header).to_bytes(8, "little")
    digest = hashlib.sha256(length + header)
    for part in ordered:
        digest.update(part.data)
    sha256 = digest.hexdigest()
    at = len(PREFIX)
    header = header[:at] + sha256.encode("ascii") + header[at + HASH_LENGTH :]

    def chunks() -> Iterator[Any]:  # bytes and views of tensors
        yield length + header
        for part in ordered:
            yield part.data

    atomic_write(path, chunks(), allowed=allowed)
    return sha256


def open_container(path: Path) -> Container:
    """Maps a file and checks every byte of it against its own hash.

    Raises:
        MemoryFileError: the file is missing, isn't a memory file, was cut, has bytes after its
            end, or fails its hash.
    """
    container = _opened(path)
    if _hash(container.buffer) != container.sha256:
        raise MemoryFileError(
            f"{path}: damaged: its content doesn't match its SHA-256; copy it again or ingest "
            "the document again"
        )
    return container


def read_metadata(path: Path) -> dict[str, str]:
    """The metadata in a file's header; its size is checked, its content is not.

    Raises:
        MemoryFileError: the file is missing, isn't a memory file, was cut, or has bytes after its
            end.
    """
    return _opened(path).metadata


def _opened(path: Path) -> Container:
    buffer = _map(path)
    length = int.from_bytes(buffer[:8], "little")
    if buffer[8:HASH_AT] != PREFIX:
        raise MemoryFileError(
            f"{path}: not an lcirc memory file (or its first bytes are damaged); "
            "make one with `lcirc ingest`"
        )
    if length > MAX_HEADER:
        raise MemoryFileError(
            f"{path}: damaged: it claims a header of {length:,} bytes, the limit is "
            f"{MAX_HEADER:,}; ingest the document again"
        )
    if 8 + length > len(buffer):
        raise MemoryFileError(
            f"{path}: cut short: {len(buffer):,} bytes, its header alone needs {8 + length:,}; "
            "copy it again or ingest the document again"
        )
    try:
        metadata, entries = _parse_header(buffer[8 : 8 + length])
    except ValueError as error:
        raise MemoryFileError(
            f"{path}: damaged: its header can't be read; ingest the document again"
        ) from error
    _check_size(path, len(buffer), max([8 + length] + [entry.end for entry in entries.values()]))
    return Container(metadata, entries, buffer, metadata["sha256"])


def begins_as_memory(path: Path) -> bool:
    """Whether a file is a memory file by its first bytes, or empty: nothing else is lost with it.

    False where it can't be read.
    """
    try:
        with open_file(path) as file:
            begin = file.read(HASH_AT)
    except OSError:
        return False
    return not begin or (len(begin) > 8 and PREFIX.startswith(begin[8:]))


def _map(path: Path) -> mmap.mmap:
    try:
        with open_file(path) as file:
            size = file.seek(0, 2)
            if size >= HASH_AT + HASH_LENGTH:
                # Copy on write, so that torch may view it; nothing ever reaches the file.
                return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    except FileNotFoundError as error:
        raise MemoryFileError(f"{path}: no such file; make one with `lcirc ingest`") from error
    except OSError as error:
        if is_out_of_memory(error):
            raise
        remedy = (
            "check its permissions"
            if isinstance(error, PermissionError)
            else "is it what `lcirc ingest` made?"
        )
        raise MemoryFileError(
            f"{path}: can't be read ({error.strerror or error}); {remedy}"
        ) from error
    raise MemoryFileError(
        f"{path}: not an lcirc memory file, or cut short: only {size} bytes; "
        "make one with `lcirc ingest`"
    )


def _check_size(path: Path, actual: int, expected: int) -> None:
    if actual < expected:
        raise MemoryFileError(
            f"{path}: cut short: {actual:,} bytes of {expected:,}; copy it again or ingest the "
            "document again"
        )
    if actual > expected:
        raise MemoryFileError(
            f"{path}: damaged: {actual - expected:,} bytes after its end; copy it again or "
            "ingest the document again"
        )


def _hash(buffer: mmap.mmap) -> str:
    with memoryview(buffer) as view:
        digest = hashlib.sha256(view[:HASH_AT])
        digest.update(b"0" * HASH_LENGTH)
        digest.update(view[HASH_AT + HASH_LENGTH :])
    return digest.hexdigest()


def _header(metadata: dict[str, str], parts: Sequence[Part]) -> bytes:
    """The JSON header with zeros for the hash, padded so that the data is aligned to 8 bytes."""
    fields: dict[str, Any] = {"__metadata__": {"sha256": "0" * HASH_LENGTH, **metadata}}
    offset = 0
    for part in parts:
        size = math.prod(part.shape) * ITEM_BYTES[part.dtype]
        if len(part.data) != size:
            raise ValueError(f"part {part.name!r}: data and shape don't agree")
        fields[part.name] = {
            "dtype": part.dtype,
            "shape": list(part.shape),
            "data_offsets": [offset, offset + size],
        }
        offset += size
    header = json.dumps(fields, separators=(",", ":")).encode("ascii")
    return header + b" " * (-len(header) % 8)


def _parse_header(header: bytes) -> tuple[dict[str, str], dict[str, Entry]]:
    """Reads what `_header` wrote; entries must follow one another without a hole.

    Raises:
        ValueError: it isn't such a header.
    """
    fields = table(parse(header, "the header"), "the header", fields=_HEADER)
    metadata = fields.pop("__metadata__")
    if "sha256" not in metadata:
        raise ValueError("the header lacks sha256")
    if len(fields) > _MOST_PARTS:
        raise ValueError(f"the header has {len(fields):,} parts; the limit is {_MOST_PARTS:,}")
    entries: dict[str, Entry] = {}
    begin = 8 + len(header)
    position = 0
    for name, field in fields.items():
        # Kinds and sizes first: a product of thousands of sizes would take long.
        table(field, f"part {name[:40]}", fields=_PART, closed=True)
        shape, (start, end) = field["shape"], field["data_offsets"]
        if math.prod(size or 1 for size in shape) >= _MOST_ITEMS:
            raise ValueError(f"{name[:40]}: its shape is larger than any file")
        if start != position or end - start != math.prod(shape) * ITEM_BYTES[field["dtype"]]:
            raise ValueError(f"{name[:40]}: offsets, shape and dtype don't agree")
        entries[name] = Entry(field["dtype"], tuple(shape), begin + start, begin + end)
        position = end
    return metadata, entries


def _offsets(value: Any, name: str) -> list[int]:
    found: list[int] = items(value, name, each=_SIZE, most=2)
    if len(found) != 2:
        raise ValueError(f"{name} must be two numbers")
    return found


_SIZE = partial(whole, most=2**48)
_PART: Mapping[str, Check] = {
    "dtype": partial(choice, among=ITEM_BYTES),
    "shape": partial(items, each=_SIZE, most=_MOST_DIMENSIONS),
    "data_offsets": _offsets,
}
_HEADER: Mapping[str, Check] = {"__metadata__": partial(mapping, each=text)}
