"""Rows of Parquet files of strangers, within limits that are known from the file's foot.

The foot says how many rows, columns and bytes there are before any of them is read; what it asks
for is compared with the file's own size, as a few bytes can stand for 10^12 rows or for gigabytes
of text. Knows nothing about what a row means.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from lcirc_cli.errors import DocumentError, first_line
from lcirc_cli.files import open_file

_ROWS = 64  # at a time: a row may hold megabytes
_MOST_FOOT = 64 << 20  # bytes
_MOST_COLUMNS = 10_000
_MOST_DEPTH = 32  # of lists and objects in each other
_MOST_PART = 2 << 30  # bytes of one column of one row group, unpacked: 2,000 books
_MOST_BATCH = 256 << 20  # bytes of the rows at a time
_MARK = b"PAR1"


def parquet_rows(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a file, in order.

    Raises:
        DocumentError: no such file, a damaged one, or one that asks for more than its size allows.
    """
    import pyarrow as arrow
    import pyarrow.parquet as parquet

    try:
        with open_file(path) as raw, parquet.ParquetFile(_checked(raw)) as file:
            largest = _check(file, os.fstat(raw.fileno()).st_size)
            rows = max(1, min(_ROWS, _MOST_BATCH // max(1, largest)))
            for batch in file.iter_batches(batch_size=rows):
                yield from batch.to_pylist()
    # pyarrow's own, and those of Python's values: a date of the year 300,000, a text that is none.
    except (arrow.ArrowException, OSError, ValueError, OverflowError) as error:
        raise DocumentError(f"can't read {path}: {first_line(error)}; get it again") from error


def check_parquet(path: Path) -> None:
    """Refuse what `parquet_rows` refuses by a file's foot, for libraries that read it themselves.

    Raises:
        DocumentError: see `parquet_rows`.
    """
    import pyarrow as arrow
    import pyarrow.parquet as parquet

    try:
        with open_file(path) as raw, parquet.ParquetFile(_checked(raw)) as file:
            _check(file, os.fstat(raw.fileno()).st_size)
    except (arrow.ArrowException, OSError, ValueError, OverflowError) as error:
        raise DocumentError(f"can't read {path}: {first_line(error)}; get it again") from error


def _checked(raw: IO[bytes]) -> IO[bytes]:
    """The file, if its foot has a size that can be."""
    size = raw.seek(0, os.SEEK_END)
    raw.seek(max(0, size - 8))
    end = raw.read(8)
    foot = int.from_bytes(end[:4], "little")
    if end[4:] != _MARK:
        raise ValueError("no Parquet file, or a cut one")
    if foot > min(_MOST_FOOT, size - 12):
        raise ValueError(f"its foot says that it is {foot:,} bytes long")
    raw.seek(0)
    return raw


def _check(file: Any, size: int) -> int:
    """The most bytes that a column of a row group has, unpacked.

    Raises:
        ValueError: a number in the foot can't be.
    """
    about = file.metadata
    if about.num_columns > _MOST_COLUMNS:
        raise ValueError(f"{about.num_columns:,} columns; the limit is {_MOST_COLUMNS:,}")
    if not 0 <= about.num_rows <= size:
        raise ValueError(f"its foot says that {size:,} bytes hold {about.num_rows:,} rows")
    names = Counter(file.schema_arrow.names)
    if twice := [name for name, count in names.items() if count > 1]:
        raise ValueError(f"{twice[0][:40]!r} is the name of more than one column")
    deepest = max((_depth(field.type) for field in file.schema_arrow), default=0)
    if deepest > _MOST_DEPTH:
        raise ValueError(f"lists and objects are nested {deepest} deep")
    rows = largest = 0
    for number in range(about.num_row_groups):
        group = about.row_group(number)
        rows += group.num_rows
        for column in range(group.num_columns):
            part = group.column(column)
            unpacked = part.total_uncompressed_size
            if not 0 <= part.total_compressed_size <= size or not 0 <= unpacked <= _MOST_PART:
                raise ValueError(
                    f"the column {part.path_in_schema[:40]!r} says that it has {unpacked:,} bytes"
                )
            largest = max(largest, unpacked)
    if rows != about.num_rows:
        raise ValueError(f"its foot counts {about.num_rows:,} rows, and {rows:,} in its groups")
    return largest


def _depth(kind: Any) -> int:
    """How many lists and objects stand in each other in a type."""
    deepest, waiting = 0, [(kind, 1)]
    while waiting:
        one, depth = waiting.pop()
        deepest = max(deepest, depth)
        if depth <= _MOST_DEPTH:
            waiting += [(one.field(place).type, depth + 1) for place in range(one.num_fields)]
    return deepest
