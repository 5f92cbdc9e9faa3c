"""Waiting for a server: in a thread of its own loop, told now and then that it goes on."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
_EVERY = 0.25  # seconds


async def watched(work: asyncio.Future[T], watch: Callable[[str, int, int], object] | None) -> T:
    """What the work gives. `watch` is told that it goes on, and ends the wait by raising."""
    while watch is not None and not (await asyncio.wait({work}, timeout=_EVERY))[0]:
        watch("waiting", 0, 0)
    return await work


def run(work: Coroutine[Any, Any, T]) -> T:
    """The result of asynchronous work, also where a loop runs already (in a notebook)."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    done: list[T] = []
    failed: list[BaseException] = []

    def inside() -> None:
        try:
            done.append(asyncio.run(work))
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=inside)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return done[0]
