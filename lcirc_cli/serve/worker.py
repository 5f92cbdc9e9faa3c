"""The one thread that has the engine: questions in the order in which they come, then documents.

An engine does one thing after another, whoever asks (see `Engine`). A document takes minutes; so
while one is compressed, questions are answered between two of its steps, in the same thread.
Knows nothing about what is done.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from lcirc_cli.serve.problems import Problem, Stopped


@dataclass(eq=False)
class Task:
    """Something to be done, which may be stopped before and while it is."""

    work: Callable[[Task], object]
    failed: Callable[[BaseException], object]
    stop: threading.Event = field(default_factory=threading.Event)

    def check(self) -> None:
        """Raises Stopped where it was stopped: called by the work, between two steps."""
        if self.stop.is_set():
            raise Stopped("stopped")

    def run(self) -> None:
        """Do it; whatever is raised goes to `failed`."""
        try:
            self.check()
            self.work(self)
        except BaseException as error:
            self.failed(error)


class Worker:
    """Runs tasks, one at a time.

    Args:
        limit: how many questions may wait.
    """

    def __init__(self, *, limit: int) -> None:
        self._limit = limit
        self._short: deque[Task] = deque()
        self._long: deque[Task] = deque()
        self._changed = threading.Condition()
        self._running: list[Task] = []
        self._closed = False
        self._thread = threading.Thread(target=self._serve, name="engine", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Questions that wait."""
        with self._changed:
            return len(self._short)

    def ask(self, task: Task) -> Task:
        """Add a question.

        Raises:
            Problem: 429, too many wait.
        """
        with self._changed:
            self._check_open()
            self._drop_stopped()
            if len(self._short) >= self._limit:
                raise Problem(
                    f"{len(self._short)} questions are waiting already; try again in a while",
                    status=429,
                    code="too_many_requests",
                )
            self._short.append(task)
            self._changed.notify()
        return task

    def compress(self, task: Task) -> Task:
        """Add a document, which gives way to questions."""
        with self._changed:
            self._check_open()
            self._long.append(task)
            self._changed.notify()
        return task

    def breathe(self) -> None:
        """Answer the questions that wait; called by a document's task between two steps."""
        while (task := self._next(short=True)) is not None:
            self._run(task)

    def close(self) -> None:
        """Stop everything, and wait until the thread has ended."""
        with self._changed:
            self._closed = True
            for task in (*self._short, *self._long, *self._running):
                task.stop.set()
            self._changed.notify()
        self._thread.join(timeout=60)

    def _check_open(self) -> None:
        if self._closed:
            raise Problem("the server is closing", status=503, code="closing")

    def _drop_stopped(self) -> None:
        gone = [task for task in self._short if task.stop.is_set()]
        for task in gone:
            self._short.remove(task)
            task.failed(Stopped("stopped"))

    def _next(self, *, short: bool) -> Task | None:
        with self._changed:
            if self._short:
                return self._short.popleft()
            return None if short or not self._long else self._long.popleft()

    def _run(self, task: Task) -> None:
        self._running.append(task)
        try:
            task.run()
        finally:
            self._running.remove(task)

    def _serve(self) -> None:
        while True:
            with self._changed:
                while not (self._short or self._long or self._closed):
                    self._changed.wait()
            task = self._next(short=False)
            if task is None:
                return
            self._run(task)
