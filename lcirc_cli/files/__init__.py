"""Files that a person would miss: atomic writes, opening with care, hashes and the cache folder.

Knows nothing about what is in the files.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from lcirc_cli.errors import StorageError
from lcirc_cli.files.temporary import flush, made, sweep, temporary_of

# Windows has one of these, other systems the rest.
_READ = os.O_RDONLY
for _flag in ("O_CLOEXEC", "O_NONBLOCK", "O_BINARY"):
    _READ |= getattr(os, _flag, 0)

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
    errno.ELOOP: "it is a symbolic link that leads nowhere, or where none may be; remove it",
    errno.ENAMETOOLONG: "the name is too long; choose a shorter one",
}


def storage_error(error: OSError, path: Path) -> StorageError:
    """Turn an `OSError` met while writing `path` into one line that says what to do."""
    reason = _REASONS.get(error.errno or 0, error.strerror or str(error))
    return StorageError(f"can't write {path}: {reason}")


@contextlib.contextmanager
def atomic_path(path: Path, *, allowed: int = 0o777) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it replaces `path`, on failure it goes.

    The writer may open, close and reopen the yielded path. On leaving, the file is flushed to
    the disk before it takes the final name, and the folder after: after a crash there is
    either the old file or the new one under `path`, never a part of one. Leftovers of writers
    that were killed are removed by the next writer of the same path. A symbolic link stays, and
    what it leads to is replaced.

    Args:
        allowed: permissions that the file may have, at most; see `readers`. The temporary file
            never has more than the file will.

    Raises:
        StorageError: no space, no permission, or no such folder.
    """
    path = followed(path)
    temporary = temporary_of(path)
    try:
        sweep(path)
        mode = made(temporary, path, allowed)
        yield temporary
        temporary.chmod(mode)
        flush(temporary)
        os.replace(temporary, path)  # noqa: PTH105 - Path.replace hides that this is atomic
        flush(path.parent)
    except OSError as error:
        if not _concerns(error, path):
            raise
        raise storage_error(error, path) from error
    finally:
        # Also on KeyboardInterrupt; after os.replace there is nothing left under this name.
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def atomic_write(path: Path, data: bytes | Iterable[bytes], *, allowed: int = 0o777) -> None:
    """Write `data` (bytes, or chunks of bytes) to `path` so that no part of it is ever seen.

    Args:
        allowed: permissions that the file may have, at most.

    Raises:
        StorageError: no space, no permission, or no such folder; an old file stays as it was.
    """
    chunks = (data,) if isinstance(data, bytes | bytearray | memoryview) else data
    with atomic_path(path, allowed=allowed) as temporary, temporary.open("wb") as file:
        for chunk in chunks:
            file.write(chunk)


def followed(path: Path) -> Path:
    """The path itself, or where the symbolic link that it is leads to, be there a file or not."""
    path = Path(path)
    return Path(os.path.realpath(path)) if os.path.islink(path) else path  # noqa: PTH114


def readers(sources: Iterable[Path]) -> int:
    """Permissions for what is made of files: nobody may read it who may not read all of them."""
    allowed = 0o777
    for source in sources:
        try:
            mode = source.stat().st_mode
        except OSError:
            continue
        for others in (0o070, 0o007):
            if not mode & others & 0o444:
                allowed &= ~others
    return allowed


@contextlib.contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder beside `path`; on success it takes the name `path`.

    A folder already there is replaced. On failure nothing changes under `path`.

    Raises:
        StorageError: no space, no permission, or no such parent folder.
    """
    path = followed(path)
    temporary = temporary_of(path)
    old = temporary.with_suffix(".old.tmp")
    try:
        sweep(path)
        temporary.mkdir()
        yield temporary
        mode = temporary.stat().st_mode & 0o666
        for entry in temporary.rglob("*"):
            if entry.is_file():
                entry.chmod(mode)  # some libraries write with 0600 whatever the umask
            flush(entry)
        flush(temporary)
        with contextlib.suppress(FileNotFoundError):
            path.rename(old)  # a folder can't be replaced in one step while it has entries
        temporary.rename(path)
        flush(path.parent)
    except OSError as error:
        if not exists(path) and exists(old):
            old.rename(path)
        if not _concerns(error, path):
            raise
        raise storage_error(error, path) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


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


def open_file(path: Path) -> IO[bytes]:
    """A file opened for reading; a named pipe or a device is refused, not waited for.

    What a shell makes of <(...) is read: somebody writes to it already.

    Raises:
        OSError: it can't be opened, or is no file.
    """
    handle = os.open(path, _READ)
    try:
        mode = os.fstat(handle).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not (stat.S_ISREG(mode) or (stat.S_ISFIFO(mode) and _is_of_shell(path))):
            raise OSError(errno.EINVAL, "a pipe or a device, not a file", str(path))
        if hasattr(os, "set_blocking"):
            os.set_blocking(handle, True)
        return os.fdopen(handle, "rb")
    except BaseException:
        os.close(handle)
        raise


def _is_of_shell(path: Path) -> bool:
    return str(path).startswith(("/dev/fd/", "/proc/self/fd/", "/dev/stdin"))


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


def check_writable(path: Path) -> None:
    """See that `path` could be written now, by making a temporary file where it would stand.

    Of a path whose folder is missing the nearest folder above it counts.

    Raises:
        StorageError: it can't be.
    """
    path = followed(path)
    place = path
    while not exists(place.parent) and place != place.parent:
        place = place.parent
    temporary = temporary_of(place)
    try:
        os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        temporary.unlink()
    except OSError as error:
        raise storage_error(error, path) from error


def _concerns(error: OSError, path: Path) -> bool:
    """Whether an error met by a writer of `path` is about writing there, not about its sources."""
    if error.errno is None:
        return False
    return error.filename is None or str(error.filename).startswith(str(path.parent))
