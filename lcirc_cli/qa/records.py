"""Reading a benchmark's data files: JSON lines, plain or gzipped, checked line by line.

A line that can't be read, or lacks what the task needs, stops the run before it starts, with
the file and the line: half a benchmark is not that benchmark.
"""

from __future__ import annotations

import gzip
import io
import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lcirc_cli.errors import DocumentError


@dataclass(frozen=True)
class Record:
    """One line of a data file, with where it came from."""

    data: Mapping[str, Any]
    file: Path
    line: int

    def error(self, problem: str) -> DocumentError:
        """A `DocumentError` that names the file and the line."""
        return DocumentError(f"{self.file}, line {self.line}: {problem}")

    def text(self, field: str) -> str:
        """A string field; it may be empty.

        Raises:
            DocumentError: missing, not a string, or one that no tokenizer can read.
        """
        value = self._value(field)
        if not isinstance(value, str):
            raise self.error(f'"{field}" must be a text, not {_kind(value)}')
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


def read_records(path: Path) -> Iterator[Record]:
    """The objects of a .jsonl or .jsonl.gz file, one a line; blank lines are passed over.

    Raises:
        DocumentError: no such file, not UTF-8, broken gzip, or a line that isn't an object.
    """
    number = 0
    try:
        with _open(path) as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield Record(_object(line, path, number), path, number)
    except UnicodeDecodeError as error:
        raise DocumentError(f"{path}, line {number + 1}: not UTF-8; save it as UTF-8") from error
    except (OSError, EOFError, zlib.error) as error:
        raise DocumentError(f"can't read {path}: {error}") from error


def _open(path: Path) -> io.TextIOBase:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8")  # type: ignore[return-value]
    return path.open(encoding="utf-8")


def _object(line: str, path: Path, number: int) -> Mapping[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DocumentError(f"{path}, line {number}: not valid JSON ({error})") from error
    if not isinstance(value, dict):
        raise DocumentError(f"{path}, line {number}: expected an object, found {_kind(value)}")
    return value


def _kind(value: object) -> str:
    names = {type(None): "null", list: "a list", dict: "an object", str: "a text"}
    return names.get(type(value), f"a {type(value).__name__}")
