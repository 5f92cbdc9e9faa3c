"""What goes wrong, as a status of HTTP, a code and one line without any path of this machine."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from lcirc_cli import console
from lcirc_cli.errors import (
    DocumentError,
    EndpointError,
    LcircError,
    MemoryFileError,
    ModelError,
    OutOfMemoryError,
    StorageError,
    UsageError,
    first_line,
    is_out_of_memory,
)


class Problem(LcircError):
    """A request that gets another answer than the one that it asked for.

    Attributes:
        status: of HTTP.
        code: a word for programs.
        param: the field that is wrong, if it is one.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        code: str = "bad_request",
        param: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.param = status, code, param


class Stopped(LcircError):
    """Whoever asked has gone, or has taken it back."""


@dataclass(frozen=True)
class Told:
    """What a client is told."""

    message: str
    status: int
    code: str
    param: str | None = None


_STATUS: tuple[tuple[type[LcircError], int, str], ...] = (
    (UsageError, 400, "bad_request"),
    (DocumentError, 422, "unreadable_document"),
    (OutOfMemoryError, 503, "out_of_memory"),
    (EndpointError, 502, "reader_failed"),
    (StorageError, 507, "no_space"),
    (MemoryFileError, 500, "damaged_memory"),
    (ModelError, 500, "other_model"),
)


def told(error: BaseException, paths: Iterable[str] = ()) -> Told:
    """What to say of an exception; one that should not have been is told on the server's side.

    Args:
        paths: of this machine, which must not be in what is said.
    """
    if isinstance(error, Problem):
        return Told(str(error), error.status, error.code, error.param)
    if isinstance(error, LcircError):
        message = without(str(error), paths)
        for kind, status, code in _STATUS:
            if isinstance(error, kind):
                return Told(message, status, code)
        return Told(message, 500, "failed")
    if is_out_of_memory(error):
        return Told("out of memory; try again later", 503, "out_of_memory")
    console.warn(f"unexpected {type(error).__name__}: {first_line(error)}")
    if console.is_debug():
        console.trace(error)
    return Told("something failed inside; the server's log says what", 500, "internal_error")


def without(message: str, paths: Iterable[str]) -> str:
    """A message in which paths are their last names."""
    for path in sorted((each for each in paths if each), key=len, reverse=True):
        message = message.replace(path, path.rstrip("/").rsplit("/", 1)[-1])
    return message
