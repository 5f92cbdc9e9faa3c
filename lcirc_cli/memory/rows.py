"""Rows of numbers that may lie in a file: read and checked where they are sliced, not before.

A tensor is such rows too. Whoever takes rows slices what it needs; `rows[:]` is all of them.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import Any, Protocol

import torch
from torch import Tensor

from lcirc_cli.memory.container import Container, Entry
from lcirc_cli.memory.writing import Part

DTYPES = {
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
_NAMES = {dtype: name for name, dtype in DTYPES.items()}
CHUNK = 4 << 20  # bytes that are read at once where all rows are gone through


class Rows(Protocol):
    """What a tensor has, as far as memories need it. Slices have no step."""

    @property
    def shape(self) -> Sequence[int]: ...
    @property
    def dtype(self) -> torch.dtype: ...
    def __len__(self) -> int: ...
    def __getitem__(self, rows: Any, /) -> Tensor: ...


class FileRows:
    """A part of a file. Slices share the file's map; writes to them never reach the file.

    Args:
        check: given what was read, raises ValueError where it can't be right.
    """

    def __init__(
        self, container: Container, entry: Entry, *, check: Callable[[Tensor], None]
    ) -> None:
        self._container, self._entry, self._check = container, entry, check
        self.shape, self.dtype = entry.shape, DTYPES[entry.dtype]

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice) -> Tensor:
        """Rows start..stop.

        Raises:
            MemoryFileError: they are damaged, or can't be right.
        """
        first, last, _ = rows.indices(len(self))
        shape = (max(0, last - first), *self.shape[1:])
        count = math.prod(shape)
        if count == 0:
            return torch.empty(shape, dtype=self.dtype)
        size = math.prod(self.shape[1:]) * self.dtype.itemsize
        start = self._entry.start + first * size
        self._container.check(start, start + shape[0] * size)
        buffer = self._container.buffer
        found = torch.frombuffer(buffer, dtype=self.dtype, count=count, offset=start).view(shape)
        with self._container.consistent():
            self._check(found)
        return found


class JoinedRows:
    """Rows of several memories, one after another; copied only where a slice holds of two."""

    def __init__(self, parts: Sequence[Rows]) -> None:
        self._parts: list[Rows] = []
        for part in parts:
            self._parts += part._parts if isinstance(part, JoinedRows) else [part]
        self._ends = list(accumulate(len(part) for part in self._parts))
        self.dtype = parts[0].dtype
        self.shape = (self._ends[-1], *parts[0].shape[1:])
        if any((p.dtype, tuple(p.shape[1:])) != (self.dtype, self.shape[1:]) for p in parts):
            raise ValueError("memories with features of other shapes can't be joined")

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice) -> Tensor:
        first, last, _ = rows.indices(len(self))
        found = []
        number = bisect_right(self._ends, first)
        while first < last:
            part, end = self._parts[number], self._ends[number]
            begin, stop = end - len(part), min(last, end)
            found.append(part[first - begin : stop - begin])
            first, number = stop, number + 1
        if not found:
            return torch.empty((0, *self.shape[1:]), dtype=self.dtype)
        return found[0] if len(found) == 1 else torch.cat(found)


class SomeRows:
    """Rows first..last of others."""

    def __init__(self, rows: Rows, first: int, last: int) -> None:
        self._rows, self._first = rows, first
        self.shape, self.dtype = (last - first, *rows.shape[1:]), rows.dtype

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice) -> Tensor:
        first, last, _ = rows.indices(len(self))
        return self._rows[self._first + first : self._first + max(first, last)]


def chosen(rows: Rows, places: Sequence[tuple[int, int]]) -> Rows:
    """Rows first..last of each place, one after another."""
    runs: list[tuple[int, int]] = []
    for first, last in places:
        if runs and runs[-1][1] == first:
            runs[-1] = (runs[-1][0], last)
        else:
            runs.append((first, last))
    return joined([SomeRows(rows, *run) for run in runs] or [SomeRows(rows, 0, 0)])


def joined(parts: Sequence[Rows]) -> Rows:
    """Rows of `parts` one after another."""
    return parts[0] if len(parts) == 1 else JoinedRows(parts)


def pieces(rows: Rows) -> Iterator[Tensor]:
    """All rows in order, some CHUNK bytes at a time."""
    size = max(1, math.prod(rows.shape[1:]) * rows.dtype.itemsize)
    step = max(1, CHUNK // size)
    for at in range(0, len(rows), step):
        yield rows[at : at + step]


def rows_part(name: str, rows: Rows) -> Part:
    """Rows as a part to write.

    Raises:
        ValueError: such a dtype can't be saved.
    """
    if rows.dtype not in _NAMES:
        raise ValueError(f"{name}: tensors of {rows.dtype} can't be saved")
    shape = tuple(rows.shape)
    flat: Rows = rows if shape else rows[None]  # a lone number has no rows to go through
    return Part(name, _NAMES[rows.dtype], shape, _Chunks(flat))


class _Chunks:
    """The bytes of rows; may be gone through again."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def __iter__(self) -> Iterator[memoryview]:
        for piece in pieces(self._rows):
            flat = piece.detach().cpu().contiguous().reshape(-1)
            if len(flat):  # an empty one may have a stride that can't be viewed as bytes
                yield flat.view(torch.uint8).numpy().data
