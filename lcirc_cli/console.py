"""What lcirc says besides its answers: notes, warnings and progress, all on standard error.

Standard output belongs to answers alone. Knows nothing about models or documents. `rich` is
imported on first use: it costs a tenth of a second that `--help` doesn't have.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

Advance = Callable[[float], None]

EVERY = 60.0  # seconds between two lines of progress where there is no terminal to draw on

_quiet = False
_debug = False


def set_quiet(quiet: bool) -> None:
    """Silence notes and progress; warnings and errors are still shown."""
    global _quiet
    _quiet = quiet


def is_quiet() -> bool:
    return _quiet


def set_debug(debug: bool) -> None:
    """Show a traceback where a command fails."""
    global _debug
    _debug = debug


def is_debug() -> bool:
    return _debug


def stderr() -> Console:
    """A rich console on the present standard error (looked up each time, so tests can swap it)."""
    from rich.console import Console

    return Console(file=sys.stderr, highlight=False, soft_wrap=True)


def note(message: str) -> None:
    """One line about what is being done; silent with `--quiet`."""
    if not _quiet:
        _line(f"lcirc: {message}")


def warn(message: str) -> None:
    """One line about something that the person should know of; shown even with `--quiet`."""
    _line(f"lcirc: warning: {message}")


def error(message: str) -> None:
    """The one line that ends a failed command."""
    _line(f"lcirc: {message}")


def one_line(text: str) -> str:
    """`text` without line breaks, terminal escapes and what isn't UTF-8: names may hold any."""
    text = text.encode("utf-8", "replace").decode("utf-8")
    return "".join(c if c.isprintable() else " " for c in text)


def open_streams() -> None:
    """Make standard output and error fit to write to, however lcirc was started.

    One that is closed (`>&-`) leads nowhere: its number would be given to the next file that is
    opened, and None has no flush. Letters that standard output's encoding lacks come out as `?`,
    for an answer should not end in a traceback over a name.
    """
    if None in (sys.stdin, sys.stdout, sys.stderr):
        while (handle := os.open(os.devnull, os.O_RDWR)) <= 2:
            pass
        os.close(handle)
        for name in ("stdout", "stderr"):
            if getattr(sys, name) is None:
                nowhere = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
                setattr(sys, name, nowhere)
    if getattr(sys.stdout, "errors", "") == "strict" and hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")


def stdout_is_terminal() -> bool:
    return sys.stdout is not None and sys.stdout.isatty()


def _line(text: str) -> None:
    if sys.stderr is None:  # closed by who started us; print() would take standard output instead
        return
    # A message may quote a file name or a page with surrogates, line breaks or escapes in it.
    clean = one_line(text)
    with contextlib.suppress(OSError, ValueError):  # closed since, or nobody reads it
        encoding = getattr(sys.stderr, "encoding", None) or "utf-8"
        print(clean.encode(encoding, "replace").decode(encoding), file=sys.stderr, flush=True)


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
    silent = _quiet or sys.stderr is None or os.environ.get("RANK", "0") != "0"
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
        rich_progress.TimeRemainingColumn(),
        console=stderr(),
        transient=True,
        # Else rich would send what is printed meanwhile to standard error, past a file or a pipe.
        redirect_stdout=stdout_is_terminal(),
    )
    with bar:
        task = bar.add_task(description, total=total)
        yield lambda done: bar.advance(task, done)


def time_left(seconds: float) -> str:
    """What a line of progress ends with, as coarse as it is known: ", about 12 min left"."""
    if seconds < 60:
        return f", about {seconds:.0f} s left"
    minutes = round(seconds / 60)
    told = f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
    return f", about {told} left"


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
            note(f"{told} {self._unit}")
            return
        left = time_left(pace * max(self._total - self._done, 0.0))
        note(f"{told}/{self._total / self._size:,.0f} {self._unit}{left}")


@contextlib.contextmanager
def silent_transformers() -> Iterator[None]:
    """No progress bars or load reports from transformers: lcirc says what matters itself."""
    from transformers.utils import logging

    bars, level = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        # The bar of a GGUF conversion is drawn past that switch.
        with contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
