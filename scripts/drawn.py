"""What the scripts that compare two ways of answering share: questions drawn, and rows of results.

Questions are drawn as `lcirc bench run qa:DIR --limit N --seed S` draws them, but only from those
that have an answer: a loss needs one. A row is a JSON line with the set, the question's id and the
answer's loss in nats a token; compare_rows.py reads two files of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lcirc_cli.bench.plan import Planned, plan
from lcirc_cli.bench.sample import Sample
from lcirc_cli.bench.tasks.options import TaskOptions
from lcirc_cli.bench.tasks.qa import DocumentQuestions, open_task


@dataclass(frozen=True)
class Answerable:
    """The questions of a set that have an answer."""

    whole: DocumentQuestions

    @property
    def name(self) -> str:
        return self.whole.name

    @property
    def metric(self) -> str:
        return self.whole.metric

    @property
    def note(self) -> str:
        return "questions without an answer are left out"

    def samples(self) -> Iterator[Sample]:
        return (sample for sample in self.whole.samples() if sample.answers)


def draw(folder: Path, *, limit: int | None, seed: int, join: int = 1) -> Planned:
    """`limit` questions of a set that have an answer, about `join` documents each."""
    task = open_task(str(folder), TaskOptions(seed=seed, join=join))
    return plan(Answerable(task), limit=limit, seed=seed)


class RowWriter:
    """Appends rows to a file that must be new, each at once, so that a killed run leaves its part.

    Raises:
        FileExistsError: the file is there already.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.open("x").close()
        self._path = path

    def write(self, name: str, identity: str, **values: Any) -> None:
        row = {"set": name, "id": identity, **values}
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def read_rows(path: Path) -> dict[tuple[str, str], dict[str, Any]]:
    """Rows by set and question."""
    with path.open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    return {(row["set"], row["id"]): row for row in rows}
