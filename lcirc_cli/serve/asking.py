"""Questions from the loop of a server to the engine's thread, and what is said back.

Whoever asks reads events; one who goes stops the generation at its next word.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from lcirc_cli.answering.answer import Answer
from lcirc_cli.answering.searching import Found
from lcirc_cli.answering.windows import Turn
from lcirc_cli.engine import Engine
from lcirc_cli.serve.library import Held, Library
from lcirc_cli.serve.worker import Task, Worker


@dataclass(frozen=True)
class Stage:
    """What is being done: steering with segments read and in all, reading with (0, 0)."""

    name: str
    done: int
    total: int


@dataclass(frozen=True)
class Piece:
    """A piece of a draft: what is answered is known at the end."""

    text: str


Event = Stage | Piece | Answer


class Running:
    """A question that waits or is answered; read its events once, and close it."""

    def __init__(self, chosen: Sequence[Held]) -> None:
        self.chosen = chosen
        self._loop = asyncio.get_running_loop()
        self._inbox: asyncio.Queue[Any] = asyncio.Queue()
        self.task: Task | None = None

    def put(self, event: object) -> None:
        """From the engine's thread."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody listens
            self._loop.call_soon_threadsafe(self._inbox.put_nowait, event)

    async def next(self) -> Any:
        """The next event; raises what the work has raised."""
        event = await self._inbox.get()
        if isinstance(event, BaseException):
            raise event
        return event

    async def events(self) -> AsyncIterator[Event]:
        """Up to the answer, which is the last."""
        while True:
            event = await self.next()
            yield event
            if isinstance(event, Answer):
                return

    def close(self) -> None:
        """Stop it, if it is not over."""
        if self.task is not None:
            self.task.stop.set()


@dataclass(frozen=True)
class Asking:
    """Gives questions to the engine.

    Attributes:
        options: of `Engine.ask`, for all questions; those of one win.
    """

    engine: Engine
    library: Library
    worker: Worker
    options: dict[str, Any]

    def ask(
        self,
        ids: Sequence[str],
        question: str,
        *,
        history: Sequence[Turn] = (),
        **options: Any,
    ) -> Running:
        """Begin to answer.

        Raises:
            Problem: no such memory, or too many questions wait.
        """
        chosen = self.library.choose(ids)
        running = Running(chosen)

        def work(task: Task) -> None:
            def said(piece: str) -> None:
                task.check()
                running.put(Piece(piece))

            def watch(stage: str, done: int, total: int) -> None:
                task.check()
                if stage != "waiting":
                    running.put(Stage(stage, done, total))

            answer = self.engine.ask(
                [held.memory for held in chosen],
                question,
                history=history,
                on_token=said,
                watch=watch,
                **{**self.options, **options},
            )
            running.put(answer)

        return self._begin(running, work)

    def search(self, ids: Sequence[str], question: str, *, limit: int) -> Running:
        """Begin to look for passages; the one event is a list of `Found`. Raises as `ask`."""
        running = Running(self.library.choose(ids))

        def work(task: Task) -> None:
            memories = [held.memory for held in running.chosen]
            found: list[Found] = self.engine.search(memories, question, limit=limit)
            running.put(found)

        return self._begin(running, work)

    def _begin(self, running: Running, work: Callable[[Task], None]) -> Running:
        running.task = self.worker.ask(Task(work, running.put))
        return running
