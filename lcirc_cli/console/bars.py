"""How far a long job is: a bar on a terminal, elsewhere a line a minute, with the time left."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator

from lcirc_cli.console import printing

Advance = Callable[[float], None]

_AT_ONCE = 0.01  # of the time so far
EVERY = 60.0  # seconds between two lines of progress where there is no terminal to draw on


@contextlib.contextmanager
def progress(
    total: float | None, description: str, unit: str = "", *, lines: bool = True
) -> Iterator[Advance]:
    """A progress bar with the time left on a terminal; elsewhere a line a minute, with `lines`.

    Nothing with `--quiet`, nor from any but the first of torchrun's processes.

    Args:
        total: the amount of work; None where it isn't known.
        description: what is being done, e.g. "reading".
        unit: what is counted, e.g. "pages"; "bytes" is shown as MB.

    Yields:
        A function that adds to what is done.
    """
    description = printing.one_line(description)
    silent = printing.is_quiet() or sys.stderr is None or os.environ.get("RANK", "0") != "0"
    if silent or not sys.stderr.isatty():
        silent = silent or not lines
        yield (lambda amount: None) if silent else _Lines(total, description, unit).advance
        return
    from rich import progress as rich_progress

    amount = (
        rich_progress.DownloadColumn()
        if unit == "bytes"
        else rich_progress.TextColumn("{task.completed:,.0f}/{task.total:,.0f} " + unit)
        if total is not None
        else rich_progress.TextColumn("{task.completed:,.0f} " + unit)
    )
    bar = rich_progress.Progress(
        rich_progress.TextColumn("{task.description}", markup=False),
        rich_progress.BarColumn(),
        amount,
        rich_progress.TextColumn("{task.fields[left]}"),
        console=printing.stderr(),
        transient=True,
        # Else rich would send what is printed meanwhile to standard error, past a file or a pipe.
        redirect_stdout=printing.stdout_is_terminal(),
    )
    printing.status()
    pace = Pace(total)
    with bar:
        task = bar.add_task(description, total=total, left="")

        def advance(amount: float) -> None:
            pace.add(amount, time.monotonic())
            bar.update(task, advance=amount, left=pace.told())

        yield advance


@contextlib.contextmanager
def progress_of(
    measure: Callable[[], float], total: float, description: str, unit: str = "", *, every: float
) -> Iterator[None]:
    """`progress` of what others do, processes or tasks elsewhere, until the block is left.

    Args:
        measure: how much is done; asked every so many seconds. What becomes less is not told.
    """
    stop = threading.Event()
    with progress(total, description, unit) as advance:

        def follow() -> None:
            seen = 0.0
            while not stop.wait(every):
                if (now := measure()) > seen:
                    advance(now - seen)
                    seen = now

        thread = threading.Thread(target=follow, daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()


class Pace:
    """How much time is left, by the pace of the more recent half of what was done.

    Work comes in batches and at an uneven pace: what a resumed job has already is done at once,
    the first of many steps takes longest. Half of it is enough for a figure after a tenth.
    """

    def __init__(self, total: float | None) -> None:
        self._total, self._done = total, 0.0
        self._seen: list[tuple[float, float]] = [(time.monotonic(), 0.0)]

    def add(self, amount: float, now: float) -> None:
        """Some more is done."""
        self._done += amount
        then, begun = self._seen[-1][0], self._seen[0][0]
        if len(self._seen) > 1 and now - then <= _AT_ONCE * (now - begun):
            self._seen[-1] = (then, self._done)  # what comes out together was done before
        else:
            self._seen.append((now, self._done))

    def left(self) -> float | None:
        """Seconds that are left; None while nothing tells."""
        if self._total is None or len(self._seen) < 2:
            return None
        now, done = self._seen[-1]
        since = [each for each in self._seen[:-1] if each[1] >= done / 2] or self._seen[-2:-1]
        then, before = since[0]
        if done <= before or now <= then:
            return None
        return (now - then) / (done - before) * max(self._total - self._done, 0.0)

    def told(self) -> str:
        """`about 3 min left`, or nothing."""
        left = self.left()
        return "" if left is None else time_left(left).removeprefix(", ")


def counted(number: int, what: str) -> str:
    """`1 page`, `2 pages`: a number with the word for what is counted, in the right form."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def time_left(seconds: float) -> str:
    """What a line of progress ends with, as coarse as it is known: ", about 12 min left"."""
    return f", about {duration(seconds)} left"


def duration(seconds: float) -> str:
    """`40 s`, `12 min` or `2 h 5 min`."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


class _Lines:
    """Progress for a log: one line a minute. The time left goes by the pace since the last one."""

    def __init__(self, total: float | None, description: str, unit: str) -> None:
        self._total, self._description = total, description
        self._unit, self._size = ("MB", 1e6) if unit == "bytes" else (unit, 1.0)
        self._done = self._before = 0.0
        self._since = time.monotonic()

    def advance(self, amount: float) -> None:
        self._done += amount
        now = time.monotonic()
        if now - self._since < EVERY:
            return
        pace = (now - self._since) / max(self._done - self._before, 1e-9)
        self._since, self._before = now, self._done
        told = f"{self._description}: {self._done / self._size:,.0f}"
        if self._total is None:
            printing.note(f"{told} {self._unit}")
            return
        left = time_left(pace * max(self._total - self._done, 0.0))
        printing.note(f"{told}/{self._total / self._size:,.0f} {self._unit}{left}")
