"""The step that makes the pairs: many documents at once, handed on in their order.

A window of documents is worked on, and the next one is taken in when any of them is done. Those
that are done wait for the first one; a few windows of them at most, so that one slow document
stops nobody, and memory stays the same however many documents there are.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path

from lcirc_cli.endpoints.asking import Asker
from lcirc_cli.endpoints.chat import ChatModel
from lcirc_cli.endpoints.replay import ReplayCache
from lcirc_cli.executors.trove import Document, PipelineStep
from lcirc_cli.lqa.models.opening import ModelChoice
from lcirc_cli.lqa.pairs.interview import make_pairs
from lcirc_cli.lqa.pairs.progress import INTERVAL, Meter
from lcirc_cli.lqa.records import Judged, SourceDocument
from lcirc_cli.lqa.settings import EngineSettings, PairSettings

_WINDOWS = 8  # so many windows of documents wait for a slow one at most


class MakePairs(PipelineStep):  # type: ignore[misc]
    """Adds to each document its pairs with their verdicts, as `judged` in its metadata."""

    type = "lcirc"
    name = "make pairs"

    def __init__(
        self,
        pairs: PairSettings,
        engine: EngineSettings,
        choice: ModelChoice,
        *,
        replies: Path,
        progress: Path,
    ) -> None:
        """
        Args:
            replies: folder of the reply caches, one a shard.
            progress: folder where each task tells how far it is.
        """
        super().__init__()
        self._pairs = pairs
        self._engine = engine
        self._choice = choice
        self._replies = replies
        self._progress = progress

    def run(
        self, data: Iterator[Document], rank: int = 0, world_size: int = 1
    ) -> Iterator[Document]:
        """Every document goes on, in the order in which it came."""
        in_flight = -(-self._engine.in_flight // min(self._engine.workers, world_size))
        with (
            closing(ReplayCache(self._replies / f"{rank:05d}.sqlite")) as cache,
            asyncio.Runner() as runner,
        ):
            model = self._choice.open(self._engine)
            asker = Asker(model, cache, in_flight=in_flight, attempts=self._pairs.attempts)
            progress = self._progress / f"{rank:05d}.json"
            with Meter(progress, asker.counts, model.troubles) as meter:
                done = self._work(data, asker, meter, window=self._window(in_flight))
                try:
                    while (document := runner.run(_next(done))) is not None:
                        yield document
                finally:
                    runner.run(_close(done, model))

    def _window(self, in_flight: int) -> int:
        """Documents at once: enough that requests never wait for documents."""
        return max(4, 2 * -(-in_flight // self._pairs.pairs_per_document))

    async def _work(
        self, data: Iterator[Document], asker: Asker, meter: Meter, *, window: int
    ) -> AsyncIterator[Document]:
        waiting: deque[tuple[Document, asyncio.Task[list[Judged]]]] = deque()
        try:
            while True:
                working = [task for _, task in waiting if not task.done()]
                room = min(window - len(working), _WINDOWS * window - len(waiting))
                for document in islice(data, max(0, room)):
                    source = SourceDocument.from_trove(document)
                    working.append(asyncio.create_task(make_pairs(source, asker, self._pairs)))
                    waiting.append((document, working[-1]))
                if not waiting:
                    return
                if not waiting[0][1].done():
                    # A document can take minutes: what was asked is told meanwhile.
                    await asyncio.wait(
                        working, timeout=2 * INTERVAL, return_when=asyncio.FIRST_COMPLETED
                    )
                    meter.update()
                    continue
                document, task = waiting.popleft()
                document.metadata["judged"] = task.result()
                meter.add(document.metadata["judged"])
                yield document
        finally:
            for _, task in waiting:
                task.cancel()
            await asyncio.gather(*(task for _, task in waiting), return_exceptions=True)


async def _next(documents: AsyncIterator[Document]) -> Document | None:
    return await anext(documents, None)


async def _close(documents: AsyncIterator[Document], model: ChatModel) -> None:
    await documents.aclose()  # type: ignore[attr-defined]
    await model.aclose()
