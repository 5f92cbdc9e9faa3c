"""Locks against other writers of the same file or folder.

POSIX is assumed (`fcntl`); where that module is missing (Windows), `locked` does without and two
writers at once are not kept apart.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

from lcirc_cli import console
from lcirc_cli.errors import LcircError
from lcirc_cli.files import followed, storage_error

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows
    fcntl = None  # type: ignore[assignment]


@contextlib.contextmanager
def locked(path: Path, *, timeout: float | None = None) -> Iterator[None]:
    """Hold an advisory lock on `path` (kept in the file `path` + ".lock") against other writers.

    Args:
        path: what the lock protects; it need not exist.
        timeout: seconds to wait for another holder; None waits for as long as it takes.

    Raises:
        LcircError: another process still holds the lock after `timeout`.
        StorageError: the lock file can't be made.
    """
    lock = Path(f"{followed(path)}.lock")
    # Where a stranger has put a link of that name, a lock would make a file of his choice.
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0)
    try:
        handle = os.open(lock, flags, 0o666)
    except OSError as error:
        raise storage_error(error, lock) from error
    try:
        _acquire(handle, path, timeout)
        yield
    finally:
        # The lock file stays: unlinking it would let a third process lock a new inode while
        # a second one still waits for the old one.
        os.close(handle)


def _acquire(handle: int, path: Path, timeout: float | None) -> None:
    if fcntl is None:  # pragma: no cover - Windows
        return
    deadline = None if timeout is None else time.monotonic() + timeout
    told = False
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if deadline is not None and time.monotonic() >= deadline:
                raise LcircError(
                    f"another process is writing {path}; wait until it is done and try again"
                ) from None
        if not told:
            console.note(f"waiting: another process is writing {path}")
            told = True
        time.sleep(0.1)
