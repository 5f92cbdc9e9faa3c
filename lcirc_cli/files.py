"""Files that a person would miss: atomic writes, advisory locks, hashes and the cache folder.

Knows nothing about what is in the files. POSIX is assumed for the locks (`fcntl`); where that
module is missing (Windows), `locked` does without and two writers at once are not kept apart.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import platform
import secrets
import shutil
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from lcirc_cli import console
from lcirc_cli.errors import LcircError, StorageError

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows
    fcntl = None  # type: ignore[assignment]

_REASONS = {
    errno.ENOSPC: "no space left on the device; free some and try again",
    errno.EDQUOT: "the disk quota is used up; free some space and try again",
    errno.EFBIG: "larger than this system's limit; raise it (ulimit -f) or choose another place",
    errno.EACCES: "no permission to write there; choose another place",
    errno.EPERM: "no permission to write there; choose another place",
    errno.EROFS: "the file system is read-only; choose another place",
    errno.ENOENT: "the folder doesn't exist; create it or choose another place",
    errno.ENOTDIR: "a part of the path is a file, not a folder; choose another place",
    errno.EISDIR: "there is a folder of that name; choose another name",
    errno.ENAMETOOLONG: "the name is too long; choose a shorter one",
}


def storage_error(error: OSError, path: Path) -> StorageError:
    """Turn an `OSError` met while writing `path` into one line that says what to do."""
    reason = _REASONS.get(error.errno or 0, error.strerror or str(error))
    return StorageError(f"can't write {path}: {reason}")


@contextlib.contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it replaces `path`, on failure it goes.

    The writer may open, close and reopen the yielded path. On leaving, the file is flushed to
    the disk before it takes the final name, and the folder after: after a crash there is
    either the old file or the new one under `path`, never a part of one. Leftovers of writers
    that were killed are removed by the next writer of the same path.

    Raises:
        StorageError: no space, no permission, or no such folder.
    """
    path = Path(path)
    temporary = _temporary(path)
    try:
        _sweep(path)
        mode = _mode_for(path, temporary)
        yield temporary
        temporary.chmod(mode)
        _flush(temporary)
        os.replace(temporary, path)  # noqa: PTH105 - Path.replace hides that this is atomic
        _flush(path.parent)
    except OSError as error:
        if not _concerns(error, path):
            raise
        raise storage_error(error, path) from error
    finally:
        # Also on KeyboardInterrupt; after os.replace there is nothing left under this name.
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def atomic_write(path: Path, data: bytes | Iterable[bytes]) -> None:
    """Write `data` (bytes, or chunks of bytes) to `path` so that no part of it is ever seen.

    Raises:
        StorageError: no space, no permission, or no such folder; an old file stays as it was.
    """
    chunks = (data,) if isinstance(data, bytes | bytearray | memoryview) else data
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        for chunk in chunks:
            file.write(chunk)


@contextlib.contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder beside `path`; on success it takes the name `path`.

    A folder already there is replaced. On failure nothing changes under `path`.

    Raises:
        StorageError: no space, no permission, or no such parent folder.
    """
    path = Path(path)
    temporary = _temporary(path)
    old = temporary.with_suffix(".old.tmp")
    try:
        _sweep(path)
        temporary.mkdir()
        yield temporary
        mode = temporary.stat().st_mode & 0o666
        for entry in temporary.rglob("*"):
            if entry.is_file():
                entry.chmod(mode)  # some libraries write with 0600 whatever the umask
            _flush(entry)
        _flush(temporary)
        with contextlib.suppress(FileNotFoundError):
            path.rename(old)  # a folder can't be replaced in one step while it has entries
        temporary.rename(path)
        _flush(path.parent)
    except OSError as error:
        if not exists(path) and exists(old):
            old.rename(path)
        if not _concerns(error, path):
            raise
        raise storage_error(error, path) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


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
    lock = Path(f"{path}.lock")
    try:
        handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
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


# pathlib's own raise below a closed folder and for a name that is too long (until Python 3.14).
def is_file(path: Path) -> bool:
    """Whether there is a file that we may see; never raises."""
    return os.path.isfile(path)  # noqa: PTH113


def is_folder(path: Path) -> bool:
    """Whether there is a folder that we may see; never raises."""
    return os.path.isdir(path)  # noqa: PTH112


def exists(path: Path) -> bool:
    """Whether there is anything that we may see; never raises."""
    return os.path.exists(path)  # noqa: PTH110


def sha256_file(path: Path) -> str:
    """The SHA-256 of a file's content, as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def cache_dir() -> Path:
    """Where downloads are kept: `LCIRC_CACHE`, or lcirc in `XDG_CACHE_HOME`, or ~/.cache/lcirc."""
    own = os.environ.get("LCIRC_CACHE")
    if own:
        return Path(own).expanduser().absolute()
    base = os.environ.get("XDG_CACHE_HOME")
    # The XDG specification says that a relative path there is to be ignored.
    root = Path(base) if base and Path(base).is_absolute() else Path.home() / ".cache"
    return root / "lcirc"


def make_folder(path: Path) -> Path:
    """Create a folder and its parents where missing.

    Raises:
        StorageError: it can't be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(error, path) from error
    return path


def _concerns(error: OSError, path: Path) -> bool:
    """Whether an error met by a writer of `path` is about writing there, not about its sources."""
    if error.errno is None:
        return False
    return error.filename is None or str(error.filename).startswith(str(path.parent))


def _temporary(path: Path) -> Path:
    return path.parent / f"{_prefix(path)}{os.getpid()}-{secrets.token_hex(4)}.tmp"


def _prefix(path: Path) -> str:
    # With the host in it: on a shared folder, another machine's process is never taken for dead.
    host = "".join(c for c in platform.node() if c.isascii() and (c.isalnum() or c == "-"))[:32]
    # Systems limit names by bytes, mostly 255, of which a letter may take four.
    name = os.fsencode(path.name)[:160].decode(sys.getfilesystemencoding(), "ignore")
    return f".{name}.{host}."


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _mode_for(path: Path, temporary: Path) -> int:
    """The permissions for a file: those of the file it replaces, else what the umask gives."""
    temporary.touch()
    try:
        return path.stat().st_mode & 0o7777
    except FileNotFoundError:
        return temporary.stat().st_mode & 0o7777


def _sweep(path: Path) -> None:
    """Remove temporary files that killed writers of `path` left behind."""
    prefix = _prefix(path)
    for entry in path.parent.iterdir():
        if not (entry.name.startswith(prefix) and entry.name.endswith(".tmp")):
            continue
        pid = entry.name[len(prefix) : -len(".tmp")].split("-")[0]
        if pid.isdecimal() and not _alive(int(pid)):
            with contextlib.suppress(OSError):
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True
