"""SHA-256 of a file's data in blocks, so that what is read can be checked and the rest left alone.

The data of all parts, one after another, is cut into blocks of BLOCK bytes. The hashes of the
blocks stand in a table behind the data, and the hash of the table in the header, which has its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

BLOCK = 1 << 16  # 0.05 % of the data for its hashes; a segment's features are five of them
DIGEST = 32  # bytes of a hash


def hashes(chunks: Iterable[Any]) -> bytes:
    """The table for data that comes in chunks of any sizes, bytes or views of bytes."""
    table = bytearray()
    digest, room = hashlib.sha256(), BLOCK
    for chunk in chunks:
        view = memoryview(chunk)
        while len(view):
            part, view = view[:room], view[room:]
            digest.update(part)
            room -= len(part)
            if room == 0:
                table += digest.digest()
                digest, room = hashlib.sha256(), BLOCK
    if room < BLOCK:
        table += digest.digest()
    return bytes(table)


def count(size: int) -> int:
    """How many blocks so many bytes of data are."""
    return -(-size // BLOCK)


class Checked:
    """Which blocks of a file's data have been found whole."""

    def __init__(self, data: memoryview, table: bytes) -> None:
        self._data, self._table = data, table
        self._whole = bytearray(count(len(data)))

    def check(self, start: int, end: int) -> bool:
        """Whether bytes start..end of the data are what was written; a block is hashed once."""
        if start >= end:
            return True
        for block in range(start // BLOCK, count(end)):
            if self._whole[block]:
                continue
            part = self._data[block * BLOCK : (block + 1) * BLOCK]
            wanted = self._table[block * DIGEST : (block + 1) * DIGEST]
            if hashlib.sha256(part).digest() != wanted:
                return False
            self._whole[block] = 1
        return True
