"""Starts the child process that reads a PDF, talks with it and makes sure that it ends.

Knows the protocol of `pdf_worker.py`, nothing about documents.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from lcirc_cli.documents.limits import ReadLimits

_WORKER = Path(__file__).with_name("pdf_worker.py")
_OUT_OF_MEMORY = 70  # as in pdf_worker.py, which can't be imported for it
_ANSWERS_AHEAD = 64  # pages that may wait for the parent


class WorkerLostError(Exception):
    """The child hung or died; the message says which, in a few words."""


class PdfProcess:
    """One child process for one PDF; a context manager that leaves no process behind."""

    def __init__(
        self,
        source: Path | bytes,
        *,
        limits: ReadLimits,
        readers: Sequence[str] = ("pdfium", "pypdf"),
    ) -> None:
        # -P keeps the worker's own folder, with its html.py, off the import path.
        command = [sys.executable, "-P", os.fspath(_WORKER)]
        environment = {k: v for k, v in os.environ.items() if k != "LCIRC_PASSWORD"}
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        self._answers: queue.Queue[bytes] = queue.Queue(_ANSWERS_AHEAD)
        self._reader = threading.Thread(target=self._collect, daemon=True)
        self._reader.start()
        self._memory_bytes = limits.memory_bytes
        data = source if isinstance(source, bytes) else b""
        request = {
            "path": os.fspath(source) if isinstance(source, Path) else None,
            "size": len(data),
            "memory_bytes": limits.memory_bytes,
            "cpu_seconds": math.ceil(limits.seconds) + 1,
            "readers": list(readers),
        }
        self.send(request, data)

    def __enter__(self) -> PdfProcess:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        while self._reader.is_alive():  # it may be waiting for room in the queue
            with contextlib.suppress(queue.Empty):
                self._answers.get(timeout=0.01)
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                pipe.close()  # type: ignore[union-attr]

    def send(self, message: dict[str, Any], data: bytes = b"") -> None:
        """Send a message, and bytes after it; a child that has died is noticed by `receive`."""
        pipe = self._process.stdin
        assert pipe is not None  # opened as a pipe
        with contextlib.suppress(OSError):
            pipe.write(json.dumps(message).encode("ascii") + b"\n")
            pipe.write(data)
            pipe.flush()

    def receive(self, seconds: float) -> dict[str, Any]:
        """The child's next message.

        Raises:
            WorkerLostError: none came within `seconds`, or the child is dead.
        """
        try:
            line = self._answers.get(timeout=max(0.0, seconds))
        except queue.Empty:
            raise WorkerLostError(f"took longer than {seconds:,.0f} s") from None
        if not line.endswith(b"\n"):
            raise WorkerLostError(self._cause_of_death())
        message: dict[str, Any] = json.loads(line)
        return message

    def _collect(self) -> None:
        """Move the child's lines into the queue; an unfinished or empty one means its end."""
        pipe = self._process.stdout
        assert pipe is not None  # opened as a pipe
        line = b"\n"
        while line.endswith(b"\n"):
            line = pipe.readline()
            self._answers.put(line)

    def _cause_of_death(self) -> str:
        status = self._process.wait()
        if status == _OUT_OF_MEMORY:
            return f"needed more than {self._memory_bytes / (1 << 30):.1f} GiB of memory"
        if status < 0:
            return f"its reader was stopped by signal {-status}"
        return f"its reader ended with status {status}"
