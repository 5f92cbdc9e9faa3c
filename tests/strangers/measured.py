"""What a command takes: processor time and memory, its own and that of its child processes."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, TypeVar

from lcirc_cli.cost.peak import peak_bytes, restart_peak

SECONDS, MEGABYTES = 5, 400  # for anything that a stranger gives
FUZZ_SECONDS, FUZZ_MEGABYTES = 10, 1000  # for what is drawn at random
_EVERY = 0.02  # seconds
T = TypeVar("T")


class Cost(NamedTuple):
    """Seconds with those of children that have ended; megabytes beyond what was held before,
    or of the largest child where that is more."""

    seconds: float
    megabytes: float

    @property
    def is_too_much(self) -> bool:
        return self.seconds >= SECONDS or self.megabytes >= MEGABYTES


class _Children(threading.Thread):
    """Looks at the children of this process again and again (Linux)."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._over, self._own = threading.Event(), Path("/proc/self/cmdline")
        self.peak = 0

    def run(self) -> None:
        while not self._over.wait(_EVERY):
            for file in Path("/proc/self/task").glob("*/children"):
                with suppress(OSError):
                    for child in file.read_text().split():
                        self._look(Path("/proc", child))

    def _look(self, child: Path) -> None:
        with suppress(OSError, IndexError):  # it has just ended
            if (child / "cmdline").read_bytes() == self._own.read_bytes():
                return  # it is not another program yet, and has this one's memory
            held = (child / "status").read_text().partition("VmHWM:")[2].split()[0]
            self.peak = max(self.peak, int(held) * 1024)

    def end(self) -> None:
        self._over.set()
        self.join()


def measured(run: Callable[[], T]) -> tuple[T, Cost]:
    """What `run` gives, and what it took."""
    children, before = _Children(), restart_peak(collect=False)
    children.start()
    start = sum(os.times()[:4])
    try:
        done = run()
    finally:
        children.end()
    seconds = sum(os.times()[:4]) - start
    return done, Cost(round(seconds, 1), round(max(peak_bytes() - before, children.peak) / 1e6))
