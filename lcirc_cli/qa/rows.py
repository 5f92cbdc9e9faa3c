"""Rows of data files: JSON lines (plain or gzipped) and Parquet, one at a time.

Knows nothing about what a row means.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from lcirc_cli.errors import DocumentError

SUFFIXES = (".jsonl", ".ndjson", ".parquet")
_PARQUET_ROWS = 64  # at a time: a row may hold megabytes


def is_data_file(path: Path) -> bool:
    """Whether a file holds rows, by its name."""
    name = path.name.lower().removesuffix(".gz")
    return name.endswith(SUFFIXES) and not path.name.lower().endswith(".parquet.gz")


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a .jsonl, .ndjson (or .gz of them) or .parquet file, in order.

    Raises:
        DocumentError: it can't be read; for JSON lines the message names the line.
    """
    try:
        if path.suffix.lower() == ".parquet":
            yield from _parquet(path)
        else:
            yield from _json_lines(path)
    except OSError as error:
        raise DocumentError(f"can't read {path}: {error.strerror or error}") from error
    except (EOFError, zlib.error) as error:
        raise DocumentError(f"can't read {path}: {error}") from error


def _json_lines(path: Path) -> Iterator[dict[str, Any]]:
    with _open(path) as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:  # ValueError: also not UTF-8
                raise DocumentError(f"{path}, line {number}: not valid JSON ({error})") from error
            if not isinstance(row, dict):
                raise DocumentError(f"{path}, line {number}: expected a JSON object")
            yield row


def _open(path: Path) -> IO[bytes]:
    if path.suffix.lower() == ".gz":
        return gzip.open(path, "rb")  # type: ignore[return-value]
    return path.open("rb")


def _parquet(path: Path) -> Iterator[dict[str, Any]]:
    import pyarrow as arrow
    import pyarrow.parquet as parquet

    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=_PARQUET_ROWS):
                yield from batch.to_pylist()
    except arrow.ArrowException as error:
        raise DocumentError(f"can't read {path}: {error}") from error
