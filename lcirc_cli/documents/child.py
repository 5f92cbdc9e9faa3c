"""Starts the child process in which documents are read, talks with it and makes sure that it ends.

Knows `protocol.py`, nothing about documents.
"""

from __future__ import annotations

import contextlib
import os
import queue
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType

from lcirc_cli.documents import protocol
from lcirc_cli.documents.protocol import Message

_WORKER = Path(__file__).with_name("worker.py")
_SECRETS = ("LCIRC_PASSWORD", "LCIRC_TOKEN")  # a document has no use for them
_ANSWERS_AHEAD = 64  # messages that may wait for the parent


class WorkerLostError(Exception):
    """The child hung or died; the message says which, in a few words.

    Attributes:
        signal: that ended the child; 0 if none did.
    """

    def __init__(self, reason: str, signal: int = 0) -> None:
        super().__init__(reason)
        self.signal = signal


class ChildProcess:
    """A child process under limits; a context manager that leaves no process behind.

    Args:
        serve: the module of this folder whose `serve` answers the messages.
        memory_bytes: of its address space, at most.
        cpu_seconds: of processor time in all, at most; None: `serve` sees to that.
    """

    def __init__(self, serve: str, *, memory_bytes: int, cpu_seconds: int | None) -> None:
        # -P keeps the worker's own folder, with its html.py, off the import path.
        command = [sys.executable, "-P", os.fspath(_WORKER)]
        environment = {k: v for k, v in os.environ.items() if k not in _SECRETS}
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        self._answers: queue.Queue[tuple[Message, bytes] | None] = queue.Queue(_ANSWERS_AHEAD)
        self._reader = threading.Thread(target=self._collect, daemon=True)
        self._reader.start()
        self._memory_bytes = memory_bytes
        limits = {"memory_bytes": memory_bytes, "cpu_seconds": cpu_seconds}
        self.send({"serve": serve, **limits})

    def __enter__(self) -> ChildProcess:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end()

    def end(self) -> None:
        """Kill the child, whatever it is busy with."""
        self._process.kill()
        while self._reader.is_alive():  # it may be waiting for room in the queue
            with contextlib.suppress(queue.Empty):
                self._answers.get(timeout=0.01)
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                pipe.close()  # type: ignore[union-attr]

    def send(self, message: Message, data: bytes = b"") -> None:
        """Send a message, and bytes after it; a child that has died is noticed by `receive`."""
        pipe = self._process.stdin
        assert pipe is not None  # opened as a pipe
        with contextlib.suppress(OSError):
            protocol.send(pipe, message, data)

    def receive(self, seconds: float) -> tuple[Message, bytes]:
        """The child's next message, and the bytes that came with it.

        Raises:
            WorkerLostError: none came within `seconds`, or the child is dead.
        """
        try:
            answer = self._answers.get(timeout=max(0.0, seconds))
        except queue.Empty:
            raise WorkerLostError(f"took longer than {seconds:,.0f} s") from None
        if answer is None:
            raise self._loss()
        return answer

    def _collect(self) -> None:
        """Move the child's answers into the queue; None means its end."""
        pipe = self._process.stdout
        assert pipe is not None  # opened as a pipe
        try:
            while (answer := protocol.receive(pipe)) is not None:
                self._answers.put(answer)
        except Exception:  # no message: the child is no longer itself
            self._process.kill()
        self._answers.put(None)

    def _loss(self) -> WorkerLostError:
        status = self._process.wait()
        if status == protocol.OUT_OF_MEMORY:
            size = f"{self._memory_bytes / (1 << 30):.1f} GiB"
            return WorkerLostError(f"needed more than {size} of memory")
        if status < 0:
            return WorkerLostError(f"its reader was stopped by signal {-status}", -status)
        return WorkerLostError(f"its reader ended with status {status}")
