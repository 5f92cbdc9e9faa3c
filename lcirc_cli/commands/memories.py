"""A memory file on the command line, and the right line for what is given in place of one."""

from __future__ import annotations

import difflib
import os
import stat
from pathlib import Path

from lcirc_cli.documents.detect import EXTENSIONS, OTHER_PICTURES, READ_PICTURES, is_address
from lcirc_cli.errors import LcircError, MemoryFileError, UsageError
from lcirc_cli.files import exists, is_file, is_folder
from lcirc_cli.memory.container import begins_as_memory

SUFFIX = ".lcirc"
_NEAR = 0.6  # of names, as difflib counts


def memory_path(argument: str) -> Path:
    """The memory file that an argument names.

    Raises:
        MemoryFileError: there is no such file.
        UsageError: it is something else: a document, a folder, an address.
    """
    path = Path(argument)
    if not is_missing(path) and (argument.endswith(SUFFIX) or begins_as_memory(path)):
        return path
    raise wrong_memory(argument)


def is_memory(path: Path) -> bool:
    """Whether a path is that of a memory file, by its name or its first bytes."""
    return path.name.endswith(SUFFIX) or begins_as_memory(path)


def memory_beside(source: Path) -> Path:
    """NAME.lcirc; only the extension of a format that is read is cut off (not of notes.2024)."""
    known = source.suffix.lower() in {**EXTENSIONS, **READ_PICTURES} and is_file(source)
    return source.with_suffix(SUFFIX) if known else Path(f"{source}{SUFFIX}")


def wrong_memory(argument: str) -> LcircError:
    """What to say of an argument that is no memory file."""
    path = Path(argument)
    if is_address(argument):
        return UsageError(
            f"{argument} is an address, and lcirc fetches nothing: download the document, then: "
            "lcirc ingest FILE"
        )
    if argument.endswith(SUFFIX):
        if is_folder(path):
            return UsageError(f"{argument} is a folder, not a memory file")
        return _missing(argument)
    read = path.suffix.lower() in {**EXTENSIONS, **READ_PICTURES}
    made = path.with_suffix(SUFFIX) if read else None
    if exists(path):
        if made is not None and exists(made):
            return UsageError(f"{argument} is not a memory file; did you mean {made}?")
        if path.suffix.lower() in OTHER_PICTURES:
            return UsageError(
                f"{argument} is a picture, not a memory file; save it as PNG, then: "
                "lcirc ingest FILE.png"
            )
        what = "a folder, not a memory file" if is_folder(path) else "not a memory file"
        return UsageError(f"{argument} is {what}; ingest it first: lcirc ingest {argument}")
    return _missing(argument)


def _missing(argument: str) -> MemoryFileError:
    near = near_memory(argument)
    remedy = "make it with lcirc ingest" if near is None else f"did you mean {near}?"
    return MemoryFileError(f"there is no memory file {argument}; {remedy}")


def near_memory(argument: str) -> str | None:
    """The memory file in the same folder that was probably meant, as it would be typed."""
    path = Path(argument)
    if not path.name:
        return None
    try:
        names = os.listdir(path.parent)  # noqa: PTH208
    except (OSError, ValueError):
        return None
    found = [name.removesuffix(SUFFIX) for name in names if name.endswith(SUFFIX)]
    near = difflib.get_close_matches(path.name.removesuffix(SUFFIX), found, n=1, cutoff=_NEAR)
    return os.fspath(path.with_name(f"{near[0]}{SUFFIX}")) if near else None


def is_missing(path: Path) -> bool:
    """Whether there is no such file; one that may not be seen is there, and loading it says so."""
    try:
        return not stat.S_ISREG(path.stat().st_mode)
    except PermissionError:
        return False
    except (OSError, ValueError):  # a name that is too long, or one with a NUL
        return True
