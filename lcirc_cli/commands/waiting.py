"""A sign of life on a terminal until an answer's first words: a long prompt takes minutes to read.

Knows nothing about what is waited for.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock, Timer

from lcirc_cli import console

_AFTER = 1.5  # seconds in which nothing need be shown


@contextmanager
def waiting(description: str) -> Iterator[Callable[[], None]]:
    """Shows what is being done and for how long, from a moment on; nothing off a terminal.

    Yields:
        A function that ends it, to be called before anything else is printed.
    """
    if console.is_quiet() or sys.stderr is None or not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    told = console.stderr()
    if not told.is_interactive:  # a terminal that can't wipe a line
        yield lambda: None
        return
    bar = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        TimeElapsedColumn(),
        console=told,
        transient=True,
        redirect_stdout=console.stdout_is_terminal(),
    )
    lock, begun, over = Lock(), False, False

    def begin() -> None:
        nonlocal begun
        with lock:
            if not over:
                begun = True
                bar.add_task(description, total=None)
                bar.start()

    def end() -> None:
        nonlocal over
        with lock:
            if begun and not over:
                bar.stop()
            over = True
        timer.cancel()

    timer = Timer(_AFTER, begin)
    timer.daemon = True
    timer.start()
    try:
        yield end
    finally:
        end()
