"""Temporary files beside what they will replace: their names, permissions and leftovers."""

from __future__ import annotations

import contextlib
import os
import platform
import secrets
import shutil
import sys
from pathlib import Path


def temporary_of(path: Path) -> Path:
    """A new name beside a path for what will take its place."""
    return path.parent / f"{_prefix(path)}{os.getpid()}-{secrets.token_hex(4)}.tmp"


def _prefix(path: Path) -> str:
    # With the host in it: on a shared folder, another machine's process is never taken for dead.
    host = "".join(c for c in platform.node() if c.isascii() and (c.isalnum() or c == "-"))[:32]
    # Systems limit names by bytes, mostly 255, of which a letter may take four.
    name = os.fsencode(path.name)[:160].decode(sys.getfilesystemencoding(), "ignore")
    return f".{name}.{host}."


def flush(path: Path) -> None:
    """See that a file or a folder is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def made(temporary: Path, path: Path, allowed: int) -> int:
    """Make the temporary file; the permissions that the final one gets.

    Those of the file that it replaces, else what the umask gives, and never more than `allowed`.
    """
    try:
        kept = path.stat().st_mode & allowed & 0o7777
    except FileNotFoundError:
        kept = None
    asked = 0o600 | (0o666 & allowed if kept is None else kept & 0o666)
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, asked)
    try:
        return os.fstat(handle).st_mode & 0o7777 if kept is None else kept
    finally:
        os.close(handle)


def sweep(path: Path) -> None:
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
