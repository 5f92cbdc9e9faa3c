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
    """Hold an advisory lock on `path` against other writers.

    It is the file `path` + ".lock", which is there only while somebody holds it or waits for it.

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
    deadline = None if timeout is None else time.monotonic() + timeout
    held = None
    try:
        while held is None:
            try:
                handle = os.open(lock, flags, 0o666)
            except OSError as error:
                raise storage_error(error, lock) from error
            try:
                _acquire(handle, path, deadline)
                # Whoever held it before has removed the file that this one waited for.
                if _is_still(handle, lock):
                    held = handle
            finally:
                if held is None:
                    _leave(handle, lock)
        yield
    finally:
        with contextlib.suppress(OSError):
            if held is not None:
                lock.unlink()  # while it is held: nobody else can hold this file
            else:  # an interrupt may have come between making the file and knowing its number
                _leave(os.open(lock, flags & ~os.O_CREAT), lock)
        if held is not None:
            os.close(held)


def sweep_lock(path: Path) -> None:
    """Remove the lock file that a killed holder left beside `path`, if nobody holds it now."""
    if os.path.lexists(f"{followed(path)}.lock"):
        with contextlib.suppress(LcircError), locked(path, timeout=0):
            pass


def _is_still(handle: int, lock: Path) -> bool:
    """Whether an open file is the one that a new process would open and lock."""
    try:
        there, ours = lock.stat(), os.fstat(handle)
    except OSError:
        return False
    return (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)


def _leave(handle: int, lock: Path) -> None:
    """Close a lock file that isn't waited for any more, and remove it where nobody holds it."""
    with contextlib.suppress(OSError):
        if fcntl is not None:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if _is_still(handle, lock):
            lock.unlink()
    os.close(handle)


def _acquire(handle: int, path: Path, deadline: float | None) -> None:
    if fcntl is None:  # pragma: no cover - Windows
        return
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
