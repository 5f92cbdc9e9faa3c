"""numpy arrays as parts of a `.lcirc` file. Knows nothing about what they hold."""

from __future__ import annotations

import math

import numpy as np

from lcirc_cli.memory.container import ITEM_BYTES, Container
from lcirc_cli.memory.writing import Part

_NUMPY = {"U8": np.uint8, "U16": np.uint16, "I32": np.int32, "I64": np.int64}


def read_array(
    container: Container,
    name: str,
    *,
    dtype: str,
    dims: int = 1,
    rows: tuple[int, int] | None = None,
) -> np.ndarray:
    """A part as a read-only view of the file, checked for damage.

    Args:
        rows: first and one past the last; None is all.

    Raises:
        MemoryFileError: it is damaged.
        ValueError: it is missing, or has another dtype, number of dimensions or fewer rows.
    """
    entry = container.entries.get(name)
    if entry is None:
        raise ValueError(f"{name} is missing")
    if entry.dtype != dtype or len(entry.shape) != dims:
        raise ValueError(f"{name} is {entry.dtype} with {len(entry.shape)} dimensions")
    first, last = (0, entry.shape[0]) if rows is None else rows
    if not 0 <= first <= last <= entry.shape[0]:
        raise ValueError(f"{name} has {entry.shape[0]:,} rows, not {last:,}")
    shape = (last - first, *entry.shape[1:])
    width = math.prod(entry.shape[1:]) * ITEM_BYTES[dtype]
    start = entry.start + first * width
    container.check(start, start + shape[0] * width)
    array = np.frombuffer(container.buffer, _NUMPY[dtype], count=math.prod(shape), offset=start)
    array.flags.writeable = False
    return array.reshape(shape)


def array_part(name: str, array: np.ndarray) -> Part:
    """A numpy array of one of these four dtypes as a part to write."""
    dtype = next(key for key, value in _NUMPY.items() if value == array.dtype)
    assert ITEM_BYTES[dtype] == array.itemsize
    return Part(name, dtype, array.shape, [np.ascontiguousarray(array).tobytes()])
