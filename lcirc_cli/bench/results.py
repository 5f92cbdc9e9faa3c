"""One JSON line a sample, written as soon as it is scored; what a run goes on from.

`samples.jsonl` may be cut anywhere by a kill: a last line without its end is taken off. Several
processes append to it under a lock.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from lcirc_cli.errors import DocumentError
from lcirc_cli.files import storage_error
from lcirc_cli.files.locks import locked

NOT_APPLICABLE = "not applicable: "  # begins the error of a pair that makes no sense

Key = tuple[str, str, str]  # task, system, sample


@dataclass(frozen=True)
class Row:
    """A sample's result.

    Attributes:
        question, references: what was asked, and the gold answers; of a text neither.
        prompt: all that was read, with `--keep-prompts`.
        values: the metric's values; of a failed sample the worst of each that is a score.
        missing: losses that a failed sample should have had: they have no worst value.
        error: what went wrong, "" where nothing did.
    """

    task: str
    system: str
    id: str
    metric: str
    document_id: str = ""
    question: str = ""
    references: Sequence[str] = ()
    values: Mapping[str, float] = field(default_factory=dict)
    missing: Sequence[str] = ()
    blank: bool = False
    format_failure: bool = False
    output: str = ""
    closed_book: str | None = None
    prompt_sha256: str = ""
    prompt: str = ""
    window: int = 0
    compressed: int = 0
    dropped: int = 0
    seconds: float = 0.0
    peak_mb: float = 0.0
    facets: Mapping[str, float | str] = field(default_factory=dict)
    error: str = ""

    @property
    def key(self) -> Key:
        return self.task, self.system, self.id

    @property
    def applicable(self) -> bool:
        """False where the system has nothing to do with the sample: no failure, and no score."""
        return not self.error.startswith(NOT_APPLICABLE)


class Rows:
    """The rows of a run's folder."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> dict[Key, Row]:
        """Every complete row; of one that occurs twice, the first.

        Raises:
            DocumentError: a line in the middle that is no row.
        """
        if not self._path.exists():
            return {}
        lines = self._path.read_bytes().split(b"\n")
        rows: dict[Key, Row] = {}
        for number, line in enumerate(lines[:-1], start=1):  # the last one has no end
            try:
                row = Row(**json.loads(line))
            except (ValueError, TypeError) as error:
                raise DocumentError(
                    f"{self._path}, line {number}: not a row of a run; use another --out"
                ) from error
            rows.setdefault(row.key, row)
        return rows

    def append(self, rows: Iterable[Row]) -> None:
        """Write rows so that they are on the disk when this returns.

        Raises:
            StorageError: no space, or no permission.
        """
        data = b"".join(_line(row) for row in rows)
        try:
            with locked(self._path), self._path.open("ab+") as file:
                _cut_torn_line(file)
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise storage_error(error, self._path) from error


def _line(row: Row) -> bytes:
    return json.dumps(asdict(row), ensure_ascii=True).encode() + b"\n"


def _cut_torn_line(file: Any) -> None:
    """Take off what stands after the last end of a line."""
    end = file.seek(0, os.SEEK_END)
    at = end
    while at > 0:
        step = min(at, 1 << 16)
        file.seek(at - step)
        newline = file.read(step).rfind(b"\n")
        if newline >= 0:
            at = at - step + newline + 1
            break
        at -= step
    if at < end:
        file.truncate(at)
    file.seek(0, os.SEEK_END)
