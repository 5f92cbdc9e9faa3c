"""Has documents of all formats but PDF read in a child process, which many of them share.

Whatever a document does to its parser ends there, in time and in memory that go by the size of its
file. Knows the messages of `whole_worker.py`, nothing about formats.
"""

from __future__ import annotations

import math
import os
import signal
from types import TracebackType
from typing import Any

from lcirc_cli.documents.child import ChildProcess, WorkerLostError
from lcirc_cli.documents.document import Document, Page
from lcirc_cli.documents.limits import ReadLimits
from lcirc_cli.errors import DocumentError

_OUT_OF_TIME = getattr(signal, "SIGXCPU", None)
# The kernel counts processor time, which other programs don't shorten. A clock stands behind it,
# alone where there is no such kernel.
_PATIENCE = 10.0 if os.name == "posix" else 1.0


class WholeReader:
    """Reads documents, one after another; a context manager that leaves no process behind.

    The child begins with the first document, and a new one after any that broke it.
    """

    def __init__(self) -> None:
        self._child: ChildProcess | None = None

    def __enter__(self) -> WholeReader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def read(self, data: bytes, *, format: str, name: str, limits: ReadLimits) -> Document:
        """Read a document; `format` "zip" leaves open which one that is packed so it is.

        Raises:
            DocumentError: damaged, without text, or over a limit.
        """
        mebibytes = len(data) / (1 << 20)
        seconds = limits.whole_seconds + limits.whole_seconds_per_mib * mebibytes
        memory = min(
            limits.memory_bytes, limits.whole_memory_bytes + limits.whole_memory_share * len(data)
        )
        request = {
            "format": format,
            "name": name,
            "characters": limits.characters,
            "cpu_seconds": math.ceil(seconds),
            "memory_bytes": memory,
        }
        if self._child is None:
            self._child = ChildProcess(
                "whole_worker", memory_bytes=limits.memory_bytes, cpu_seconds=None
            )
        answer: dict[str, Any] = {"last": True}  # until it comes: what ends this ends the child
        try:
            self._child.send(request, data)
            answer, text = self._child.receive(min(limits.seconds, _PATIENCE * seconds))
        except WorkerLostError as loss:
            reason = str(loss)
            if loss.signal == _OUT_OF_TIME:
                reason = f"took longer than {seconds:,.0f} s"
            raise _unreadable(name, reason) from None
        finally:
            if answer.get("last", False):
                self._end()
        if "refused" in answer:
            raise DocumentError(answer["refused"])
        if "error" in answer:
            raise _unreadable(name, answer["error"])
        return Document(
            name=name,
            text=text.decode("utf-8", "surrogatepass"),
            pages=tuple(Page(*page) for page in answer["pages"]),
            sha256=answer["sha256"],
            format=answer["format"],
            notes=tuple(answer["notes"]),
        )

    def _end(self) -> None:
        if self._child is not None:
            self._child.end()
            self._child = None


def _unreadable(name: str, reason: str) -> DocumentError:
    return DocumentError(f"{name}: can't be read ({reason}); try another copy")
