"""How far a run is: each task tells in a small file, and the command shows the sum of them.

The files work alike for processes of this machine, Slurm jobs and Ray tasks. Losing one loses a
number on the screen, nothing else.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from lcirc_cli import console
from lcirc_cli.files import make_folder
from lcirc_cli.lqa.records import Judged

INTERVAL = 0.5  # seconds between two writes of a task, and between two looks at all files
EVERY = 30.0  # seconds between two lines where there is no terminal to draw on

Seen = tuple[Counter[str], Counter[str], float]


class Meter:
    """Counts of one task, written to its file now and then, and at the end."""

    def __init__(self, path: Path, requests: Counter[str], troubles: Counter[str]) -> None:
        """
        Args:
            requests: counts of the requests, kept up to date by the Asker.
            troubles: counts of what had to be asked again, kept up to date by the model.
        """
        self._path = path
        self._requests = requests
        self._troubles = troubles
        self._own: Counter[str] = Counter()
        self._written = 0.0

    def __enter__(self) -> Meter:
        make_folder(self._path.parent)
        self._write()
        return self

    def __exit__(self, *error: object) -> None:
        self._write()

    def add(self, judged: Sequence[Judged]) -> None:
        """One more document is done."""
        accepted = sum(entry.rejection is None for entry in judged)
        self._own["documents"] += 1
        self._own["accepted"] += accepted
        self._own["rejected"] += len(judged) - accepted
        self.update()

    def update(self) -> None:
        """Write the counts, where the last time is long enough ago."""
        if time.monotonic() - self._written > INTERVAL:
            self._write()

    def _write(self) -> None:
        self._written = time.monotonic()
        values = {**self._own, **self._requests, "troubles": self._troubles.total()}
        temporary = self._path.with_suffix(f".{os.getpid()}.tmp")
        with contextlib.suppress(OSError):
            temporary.write_text(json.dumps(values), "utf-8")
            temporary.replace(self._path)


def read_progress(folder: Path) -> Counter[str]:
    """The sum over all tasks."""
    total: Counter[str] = Counter()
    for path in folder.glob("*.json"):
        with contextlib.suppress(OSError, ValueError):
            total.update(json.loads(path.read_text("utf-8")))
    return total


@contextlib.contextmanager
def show_progress(folder: Path, documents: int) -> Iterator[None]:
    """Accepted, rejected, tokens a second and the time left: a bar, or lines where no terminal is.

    Args:
        folder: where the tasks tell.
        documents: how many there are in all.
    """
    if console.is_quiet() or sys.stderr is None:
        yield
        return
    show = _bar if sys.stderr.isatty() else _lines
    stop = threading.Event()
    thread = threading.Thread(target=show, args=(folder, documents, stop), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _seen(folder: Path, stop: threading.Event, every: float) -> Iterator[Seen]:
    """The counts now and as they were at the start, and the seconds since; last when all ended."""
    started, before, ended = time.monotonic(), read_progress(folder), False
    while not ended:
        ended = stop.wait(every)
        now = read_progress(folder)
        before &= now  # a task that begins again after a kill counts from nothing
        yield now, before, time.monotonic() - started


def _lines(folder: Path, documents: int, stop: threading.Event) -> None:
    for now, before, seconds in _seen(folder, stop, EVERY):
        if not stop.is_set():
            told = summary(now, before, seconds) + time_left(now, before, seconds, documents)
            console.note(f"{now['documents']:,}/{documents:,} documents: {told}")


def _bar(folder: Path, documents: int, stop: threading.Event) -> None:
    from rich import progress

    bar = progress.Progress(
        progress.TextColumn("making pairs", markup=False),
        progress.BarColumn(),
        progress.TextColumn("{task.completed:,.0f}/{task.total:,.0f} documents"),
        progress.TextColumn("{task.fields[told]}", markup=False),
        progress.TimeRemainingColumn(),
        console=console.stderr(),
        transient=True,
        redirect_stdout=console.stdout_is_terminal(),
    )
    with bar:
        task = bar.add_task("", total=documents, told="")
        for seen in _seen(folder, stop, INTERVAL):
            bar.update(task, completed=seen[0]["documents"], told=console.one_line(summary(*seen)))


def time_left(now: Counter[str], before: Counter[str], seconds: float, documents: int) -> str:
    """ ", about 12 min left" at the speed since `before`; nothing where there is no speed yet."""
    done = now["documents"] - before["documents"]
    if done <= 0 or seconds <= 0:
        return ""
    return console.time_left(seconds / done * max(0, documents - now["documents"]))


def summary(now: Counter[str], before: Counter[str], seconds: float) -> str:
    """The line beside the bar; rates are those since `before`."""
    tokens = now["reply_tokens"] + now["prompt_tokens"]
    tokens -= before["reply_tokens"] + before["prompt_tokens"]
    parts = [
        f"{now['accepted']:,} accepted",
        f"{now['rejected']:,} rejected",
        f"{tokens / max(seconds, 1e-3):,.0f} tokens/s",
    ]
    if now["troubles"]:
        parts.append(f"{now['troubles']:,} retries")
    return ", ".join(parts)
