"""The outside of a `.lcirc` file: a safetensors file that carries its own SHA-256.

Any safetensors reader opens it. Its header begins with the fixed bytes `PREFIX`, so the hash
always stands at `HASH_AT`; it is the SHA-256 of the header, its length before it, with those 64
characters set to "0". The header holds the hash of the table that holds the hashes of the data
(blocks.py): the one hash names the whole file, and opening checks the header and the table alone.
What is read is checked before it is used (safetensors loads a flipped bit without a word). Every
later format keeps the prefix and `format_version`, so that an older lcirc can tell "newer" from
"damaged".

The file is hashed and read through one memory map: what was checked is what is used. Knows
nothing about what the parts mean, and never imports torch. Writing is writing.py's.
"""

from __future__ import annotations

import hashlib
import math
import mmap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from lcirc_cli.errors import MemoryFileError, is_out_of_memory
from lcirc_cli.files import open_file
from lcirc_cli.files.schema import (
    Check,
    choice,
    items,
    mapping,
    parse,
    table,
    text,
    whole,
)
from lcirc_cli.memory import blocks

FORMAT = "lcirc-memory"
FORMAT_VERSION = 3
TABLE = "blocks"  # the hashes of the data: the last part, and its own hash in the metadata
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
class Entry:
    """A tensor in a file: bytes `start` to `end` of the container's buffer."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int


@dataclass(frozen=True, eq=False)
class Container:
    """An open file: its metadata, where its tensors are, and the map that holds them.

    Header and table are checked; `check` comes before anything else of `buffer` is used.
    """

    path: Path
    metadata: dict[str, str]
    entries: dict[str, Entry]
    buffer: mmap.mmap  # the whole file, copy on write
    sha256: str
    begin: int  # of the data
    checked: blocks.Checked = field(repr=False)

    def check(self, start: int, end: int) -> None:
        """Hash bytes start..end of `buffer`, all of them data, where that has not been done.

        Raises:
            MemoryFileError: they are not as they were written.
        """
        if not self.checked.check(start - self.begin, end - self.begin):
            raise _damaged(self.path)

    def check_all(self) -> None:
        """Hash everything that has not been hashed; raises as `check` does."""
        self.check(self.begin, self.entries[TABLE].start)

    @contextmanager
    def consistent(self) -> Iterator[None]:
        """Turns the ValueError of what can't be right into a MemoryFileError."""
        try:
            yield
        except ValueError as error:
            raise MemoryFileError(
                f"{self.path}: inconsistent: {error}; ingest the document again"
            ) from error


def open_container(path: Path) -> Container:
    """Maps a file and checks its header and the table of its hashes.

    Raises:
        MemoryFileError: the file is missing, isn't a memory file, is of another format, was cut,
            has bytes after its end, or its header or table fails its hash.
    """
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
    begin = 8 + length
    if begin > len(buffer):
        raise MemoryFileError(
            f"{path}: cut short: {len(buffer):,} bytes, its header alone needs {begin:,}; "
            "copy it again or ingest the document again"
        )
    header = buffer[:begin]
    try:
        metadata, entries = _parse_header(header[8:])
    except ValueError as error:
        raise MemoryFileError(
            f"{path}: damaged: its header can't be read; ingest the document again"
        ) from error
    check_format(path, metadata)
    _check_size(path, len(buffer), max([begin] + [entry.end for entry in entries.values()]))
    sha256 = metadata["sha256"]
    unsigned = header[:HASH_AT] + b"0" * HASH_LENGTH + header[HASH_AT + HASH_LENGTH :]
    table = entries.get(TABLE)
    if hashlib.sha256(unsigned).hexdigest() != sha256 or table is None:
        raise _damaged(path)
    hashes = buffer[table.start : table.end]
    sizes = (blocks.count(table.start - begin), blocks.DIGEST)
    fits = (table.dtype, table.shape, table.end) == ("U8", sizes, len(buffer))
    if not fits or hashlib.sha256(hashes).hexdigest() != metadata.get(TABLE):
        raise _damaged(path)
    checked = blocks.Checked(memoryview(buffer)[begin : table.start], hashes)
    return Container(path, metadata, entries, buffer, sha256, begin, checked)


def check_format(path: Path, metadata: Mapping[str, str]) -> None:
    """Refuses other safetensors files and formats that this lcirc doesn't know.

    Raises:
        MemoryFileError: not a memory file, or written by an older or a newer lcirc.
    """
    version = metadata.get("format_version", "")
    numbered = version.isascii() and version.isdecimal() and len(version) < 10
    if metadata.get("format") != FORMAT or not numbered:
        raise MemoryFileError(f"{path}: not an lcirc memory file; make one with `lcirc ingest`")
    if int(version) < FORMAT_VERSION:
        raise MemoryFileError(
            f"{path}: written by an older lcirc (format {version}, this one reads "
            f"{FORMAT_VERSION}); ingest the document again"
        )
    if int(version) > FORMAT_VERSION:
        raise MemoryFileError(
            f"{path}: written by a newer lcirc (format {version}, this one reads "
            f"{FORMAT_VERSION}); upgrade lcirc, or ingest the document again"
        )


def _damaged(path: Path) -> MemoryFileError:
    return MemoryFileError(
        f"{path}: damaged: its content doesn't match its SHA-256; copy it again or ingest "
        "the document again"
    )


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


def _parse_header(header: bytes) -> tuple[dict[str, str], dict[str, Entry]]:
    """Reads what writing.py wrote; entries must follow one another without a hole.

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
    for name, entry in fields.items():
        # Kinds and sizes first: a product of thousands of sizes would take long.
        table(entry, f"part {name[:40]}", fields=_PART, closed=True)
        shape, (start, end) = entry["shape"], entry["data_offsets"]
        if math.prod(size or 1 for size in shape) >= _MOST_ITEMS:
            raise ValueError(f"{name[:40]}: its shape is larger than any file")
        if start != position or end - start != math.prod(shape) * ITEM_BYTES[entry["dtype"]]:
            raise ValueError(f"{name[:40]}: offsets, shape and dtype don't agree")
        entries[name] = Entry(entry["dtype"], tuple(shape), begin + start, begin + end)
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
