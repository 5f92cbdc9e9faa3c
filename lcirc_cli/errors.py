"""The exceptions that lcirc raises on purpose, and the exit code of each.

LcircError (1)
├── UsageError (2)          the command line or a setting is wrong
├── DocumentError (3)       a document can't be read
├── ModelError (4)          a model or an adapter is missing or doesn't match
├── MemoryFileError (5)     a memory file is corrupt or incompatible
├── OutOfMemoryError (6)    the machine's or the accelerator's memory ran out
├── EndpointError (7)       a remote endpoint failed
└── StorageError (8)        no space left, or a place that can't be written

Each message is one line that says what is wrong and what to do about it.
"""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager


class LcircError(Exception):
    """Base of everything that lcirc raises on purpose."""

    exit_code = 1


class UsageError(LcircError):
    """The command line or a setting is wrong."""

    exit_code = 2


class DocumentError(LcircError):
    """A document can't be read."""

    exit_code = 3


class ModelError(LcircError):
    """A model or an adapter is missing, or doesn't match what it is used with."""

    exit_code = 4


class MemoryFileError(LcircError):
    """A memory file is corrupt, or of another format."""

    exit_code = 5


class OutOfMemoryError(LcircError):
    """The machine's or the accelerator's memory ran out."""

    exit_code = 6


class EndpointError(LcircError):
    """A remote endpoint failed."""

    exit_code = 7


class StorageError(LcircError):
    """No space left, or a place that can't be written."""

    exit_code = 8


def first_line(error: BaseException) -> str:
    """The first line of what an exception says; its kind where it says nothing."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception of Python or of a library means that memory ran out."""
    if isinstance(error, MemoryError):
        return True
    torch = sys.modules.get("torch")  # not loaded: then it isn't torch's memory that ran out
    if torch is not None and isinstance(error, torch.OutOfMemoryError):
        return True
    if isinstance(error, OSError) and error.errno == errno.ENOMEM:
        return True
    # torch's CPU allocator raises a plain RuntimeError; libraries in Rust pass errno on as text.
    text = str(error)
    return "can't allocate memory" in text or "Cannot allocate memory" in text


@contextmanager
def memory_errors() -> Iterator[None]:
    """What torch and Python raise where memory runs out, as one exception of ours."""
    try:
        yield
    except (MemoryError, RuntimeError, OSError) as error:
        if not is_out_of_memory(error):
            raise
        raise OutOfMemoryError(
            "out of memory; close other programs, or use a smaller model, --dtype bfloat16 or "
            "--device cpu"
        ) from error
