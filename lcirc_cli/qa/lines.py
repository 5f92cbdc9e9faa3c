"""JSON lines in gzip files, written whole or not at all, the same bytes for the same rows.

Knows nothing about what the rows mean.
"""

from __future__ import annotations

import contextlib
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from lcirc_cli.files import atomic_path


class LineWriter:
    """Appends rows to one gzip member; two writers of the same rows write the same bytes."""

    def __init__(self, raw: IO[bytes]) -> None:
        # No time stamp and no file name: neither belongs to the content.
        self._file = gzip.GzipFile(fileobj=raw, mode="wb", mtime=0, filename="", compresslevel=6)
        self.rows = 0
        self.bytes = 0  # before compression

    def write(self, row: dict[str, Any]) -> None:
        """Add one row."""
        text = json.dumps(row, ensure_ascii=False, separators=(", ", ": ")) + "\n"
        # Half a surrogate pair can't be UTF-8, and JSON has its own way to write it.
        try:
            data = text.encode("utf-8")
        except UnicodeEncodeError:
            data = (json.dumps(row, separators=(", ", ": ")) + "\n").encode("ascii")
        self._file.write(data)
        self.rows += 1
        self.bytes += len(data)

    def close(self) -> None:
        """End the member; the file under it stays open."""
        self._file.close()


@contextlib.contextmanager
def line_writer(path: Path) -> Iterator[LineWriter]:
    """A writer whose file appears under `path` when all went well, and not otherwise.

    Raises:
        StorageError: no space, or not writable.
    """
    with atomic_path(path) as temporary, temporary.open("wb") as raw:
        writer = LineWriter(raw)
        try:
            yield writer
        finally:
            writer.close()


def read_lines(path: Path, *, first: int = 0, count: int | None = None) -> Iterator[dict[str, Any]]:
    """The rows of a file, or `count` of them from row `first` on."""
    with gzip.open(path, "rb") as file:
        for number, line in enumerate(file):
            if count is not None and number >= first + count:
                return
            if number >= first:
                yield json.loads(line)
