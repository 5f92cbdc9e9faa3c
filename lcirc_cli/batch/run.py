"""A run over many documents: what is missing is dealt out to tasks, and what came of it added up.

A memory that is there is the mark of its document, whoever has made it; the marks of tasks live as
long as a run, so that one that was killed goes on.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lcirc_cli import console
from lcirc_cli.batch.steps import Compressing, Item, MakeMemories, ReadDocuments
from lcirc_cli.documents.watching import version_of
from lcirc_cli.executors import ExecutorSettings
from lcirc_cli.executors.stage import Stage, run_stage
from lcirc_cli.files import make_folder
from lcirc_cli.files.locks import locked

PRELOAD = ("lcirc_cli.batch.steps",)
_WORK = ".work"  # no document's memory: what is hidden is not read
_TASKS = 16  # for each worker: long and short ones even out, and a model is loaded now and then
_LOOK = 2.0  # seconds


@dataclass(frozen=True)
class Made:
    """What a run did.

    Attributes:
        failed: name, and a line that begins with it and says why.
    """

    made: int
    failed: tuple[tuple[str, str], ...]

    @property
    def reasons(self) -> Counter[str]:
        """How many failed for which reason, without what to do about it."""
        return Counter(
            line.removeprefix(f"{name}: ").split(";")[0].strip() for name, line in self.failed
        )


def make_memories(
    items: Sequence[Item], out: Path, models: Compressing, executor: ExecutorSettings
) -> Made:
    """Make a memory of each document.

    Raises:
        UsageError: the executor can't be used here.
        ModelError: no model, or no adapter of it.
        LcircError: a task did not finish; the same call goes on.
    """
    work = make_folder(out / _WORK)
    with locked(work / "run"):
        folder = make_folder(work / _name(items, models))
        results = make_folder(folder / "results")
        tasks = min(len(items), _TASKS * executor.workers)
        steps = [ReadDocuments(items, ocr=models.settings.ocr), MakeMemories(models, results)]
        with console.progress_of(
            lambda: sum(1 for _ in _lines(results)),
            len(items),
            "making memories",
            "documents",
            every=_LOOK,
        ):
            run_stage(Stage("memories", steps, tasks), folder / "logs", executor)
        lines = [json.loads(line) for line in _lines(results)]
        for each in work.iterdir():  # those of killed runs, too: what they made is there
            if each.is_dir():
                shutil.rmtree(each, ignore_errors=True)
    with contextlib.suppress(OSError):  # another run may have begun
        work.rmdir()
    failed = sorted((each["name"], each["failed"]) for each in lines if each["failed"])
    return Made(len(lines) - len(failed), tuple(failed))


def _name(items: Sequence[Item], models: Compressing) -> str:
    """What tells a run from one with other documents, or other versions of them, or models."""
    of = [(str(item.target), item.source.path and version_of(item.source.path)) for item in items]
    text = json.dumps([of, models.recipe, str(models.settings)])
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _lines(results: Path) -> Iterator[str]:
    for path in sorted(results.glob("*.jsonl")):
        yield from path.read_text("utf-8").splitlines()
