"""Rows of data files, one at a time: JSON lines (plain or gzipped) and Parquet; and writing them.

All rows are read here, by the same rules. A byte order mark at the start and blank lines are passed
over. A line that can't be read, or lacks what is needed, stops the reader with the file and the
line: half a data set is not that data set. Knows nothing about what a row means.
"""

from __future__ import annotations

import codecs
import contextlib
import gzip
import json
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from lcirc_cli.errors import DocumentError, first_line
from lcirc_cli.files import atomic_path, open_file
from lcirc_cli.files.schema import kind, parse
from lcirc_cli.qa.parquet import parquet_rows

SUFFIXES = (".jsonl", ".ndjson", ".parquet")
MOST_LINE = 256 << 20  # bytes: a book has one or two million


@dataclass(frozen=True)
class Record:
    """One row, with where it came from."""

    data: dict[str, Any]
    place: str  # "FILE, line N"
    line: int

    def error(self, problem: str) -> DocumentError:
        """A `DocumentError` that names the file and the line."""
        return DocumentError(f"{self.place}: {problem}")

    def text(self, field: str) -> str:
        """A string field; it may be empty.

        Raises:
            DocumentError: missing, not a string, or one that no tokenizer can read.
        """
        value = self._value(field)
        if not isinstance(value, str):
            raise self.error(f'"{field}" must be a text, not {kind(value)}')
        return self._whole(field, value)

    def texts(self, field: str) -> tuple[str, ...]:
        """A list of strings.

        Raises:
            DocumentError: missing, or not a list of strings.
        """
        value = self._value(field)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.error(f'"{field}" must be a list of texts')
        return tuple(self._whole(field, item) for item in value)

    def _whole(self, field: str, text: str) -> str:
        r"""JSON can hold half a character: \ud83d without what belongs to it."""
        try:
            text.encode()
        except UnicodeEncodeError as error:
            half = text[error.start].encode("ascii", "backslashreplace").decode()
            raise self.error(f'"{field}" holds half a character ({half}); mend it') from error
        return text

    def _value(self, field: str) -> Any:
        if field not in self.data:
            raise self.error(f'the field "{field}" is missing')
        return self.data[field]


def is_data_file(path: Path) -> bool:
    """Whether a file holds rows, by its name."""
    name = path.name.lower().removesuffix(".gz")
    return name.endswith(SUFFIXES) and not path.name.lower().endswith(".parquet.gz")


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a file as they are; see `read_records`."""
    return (record.data for record in read_records(path))


def read_records(path: Path) -> Iterator[Record]:
    """The rows of a .jsonl, .ndjson (or .gz of them) or .parquet file, in order.

    Raises:
        DocumentError: no such file, a damaged one, not UTF-8, or a line that is no object.
    """
    if path.suffix.lower() == ".parquet":
        for number, row in enumerate(parquet_rows(path), start=1):
            yield Record(row, f"{path}, row {number}", number)
        return
    for number, value in json_values(file_lines(path), str(path)):
        record = Record(value, f"{path}, line {number}", number)
        if not isinstance(value, dict):
            raise record.error(f"expected a JSON object, found {kind(value)}; write one a line")
        yield record


def json_values(lines: Iterable[bytes], name: str) -> Iterator[tuple[int, Any]]:
    """(line number, value) of each line that isn't blank.

    Args:
        name: what errors call the lines' file.

    Raises:
        DocumentError: a line is not UTF-8, or not JSON.
    """
    for number, line in enumerate(lines, start=1):
        if number == 1:
            line = line.removeprefix(codecs.BOM_UTF8)
        if not line.strip():
            continue
        try:
            value = parse(line.decode("utf-8"), "the row", finite=False)
        except UnicodeDecodeError as error:
            raise DocumentError(f"{name}, line {number}: not UTF-8; save it as UTF-8") from error
        except ValueError as error:
            raise DocumentError(
                f"{name}, line {number}: {first_line(error)}; mend the line"
            ) from error
        yield number, value


def file_lines(path: Path) -> Iterator[bytes]:
    """The lines of a file, taken out of gzip where its name ends in .gz.

    Raises:
        DocumentError: it can't be read, or its gzip data are damaged or cut.
    """
    number = 1
    try:
        with _open(path) as file:
            while line := file.readline(MOST_LINE + 1):
                if len(line) > MOST_LINE:
                    raise DocumentError(
                        f"{path}, line {number}: longer than {MOST_LINE >> 20} MiB; write one "
                        "object a line"
                    )
                yield line
                number += 1
    except (OSError, EOFError, zlib.error) as error:
        if isinstance(error, OSError) and error.strerror:
            raise DocumentError(f"can't read {path}: {error.strerror}") from error
        raise DocumentError(
            f"{path}, line {number}: damaged ({first_line(error)}); get the file again"
        ) from error


def whole_text(path: Path, *, errors: str = "strict") -> str:
    """The text of a file that is one text, taken out of gzip where its name ends in .gz.

    Args:
        errors: what becomes of bytes that are no UTF-8, as `bytes.decode` has it.

    Raises:
        DocumentError: it can't be read, is longer than `MOST_LINE` bytes, or not UTF-8.
    """
    data = bytearray()
    for line in file_lines(path):
        data += line
        if len(data) > MOST_LINE:
            raise DocumentError(
                f"{path}: more than {MOST_LINE >> 20} MiB in one piece; write it as JSON lines"
            )
    try:
        return data.removeprefix(codecs.BOM_UTF8).decode("utf-8", errors)
    except UnicodeDecodeError as error:
        raise DocumentError(f"{path}: not UTF-8; save it as UTF-8") from error


def _open(path: Path) -> IO[bytes]:
    file = open_file(path)
    # gzip's file reads from another, and would leave that one open.
    return _Unpacked(file) if path.suffix.lower() == ".gz" else file  # type: ignore[return-value]


class _Unpacked(gzip.GzipFile):
    """What is in a gzip file, which is closed together with it."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(fileobj=file, mode="rb")
        self._below = file

    def close(self) -> None:
        super().close()
        self._below.close()


class LineWriter:
    """Appends rows to one gzip member; two writers of the same rows write the same bytes."""

    def __init__(self, raw: IO[bytes]) -> None:
        # No time stamp and no file name: neither belongs to the content.
        self._file = gzip.GzipFile(fileobj=raw, mode="wb", mtime=0, filename="", compresslevel=6)
        self.rows = 0

    def write(self, row: dict[str, Any]) -> None:
        """Add one row."""
        text = json.dumps(row, ensure_ascii=False) + "\n"
        # Half a surrogate pair can't be UTF-8, and JSON has its own way to write it.
        try:
            data = text.encode("utf-8")
        except UnicodeEncodeError:
            data = (json.dumps(row) + "\n").encode("ascii")
        self._file.write(data)
        self.rows += 1

    def close(self) -> None:
        """End the member; the file under it stays open."""
        self._file.close()


@contextlib.contextmanager
def line_writer(path: Path) -> Iterator[LineWriter]:
    """A writer whose file appears under `path` when all went well, and not otherwise.

    Raises:
        StorageError: no space, or not writable.
    """
    with (
        atomic_path(path) as temporary,
        temporary.open("wb") as raw,
        contextlib.closing(LineWriter(raw)) as writer,
    ):
        yield writer
