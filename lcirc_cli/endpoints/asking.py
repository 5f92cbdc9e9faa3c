"""Between the pipeline and a model: replay, no request twice at once, a bound on how many at once.

What was answered is never asked again: replies are kept before they are used, so a killed run
repeats at most what was in flight. A reply that can't be read is asked for again, the same
request, up to a number of times; what comes back last is kept, whatever it is.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import TypeVar

from lcirc_cli.endpoints.chat import ChatModel, ChatRequest, Refused, Reply
from lcirc_cli.endpoints.replay import ReplayCache
from lcirc_cli.endpoints.replies import UnreadableReply

T = TypeVar("T")
Reader = Callable[[str], T]


class RefusedReply(UnreadableReply):
    """The server refused the request; the text says why."""


class Asker:
    """Answers requests from the cache or from the model."""

    def __init__(
        self, model: ChatModel, cache: ReplayCache, *, in_flight: int, attempts: int
    ) -> None:
        """
        Args:
            in_flight: the most requests at the same time.
            attempts: the most times that one request is asked for a readable reply.
        """
        self._model = model
        self._cache = cache
        self._slots = asyncio.Semaphore(in_flight)
        self._attempts = attempts if model.varies else 1
        self._running: dict[str, asyncio.Future[Reply]] = {}
        self.counts: Counter[str] = Counter()

    async def ask(self, request: ChatRequest, read: Reader[T]) -> T:
        """The reply to a request, read.

        Raises:
            UnreadableReply: no reply could be read; its `reply` attribute has the last one.
            RefusedReply: the model's server refused.
            EndpointError: the server can't be used.
        """
        reply = await self._reply(request, read)
        if reply.text.startswith(_REFUSED):
            raise RefusedReply(reply.text.removeprefix(_REFUSED))
        try:
            return read(reply.text)
        except UnreadableReply as error:
            error.reply = reply.text  # type: ignore[attr-defined]
            raise

    async def _reply(self, request: ChatRequest, read: Reader[T]) -> Reply:
        key = request.key(self._model.name)
        cached = self._cache.get(key)
        if cached is not None:
            self.counts["replayed"] += 1
            return cached
        if key in self._running:
            return await asyncio.shield(self._running[key])
        future = asyncio.get_running_loop().create_future()
        self._running[key] = future
        try:
            reply = await self._fetch(request, read)
            self._cache.put(key, reply)
            future.set_result(reply)
            return reply
        except asyncio.CancelledError:
            future.cancel()
            raise
        except BaseException as error:
            future.set_exception(error)
            future.exception()  # marked as seen: nobody else may be waiting
            raise
        finally:
            del self._running[key]

    async def _fetch(self, request: ChatRequest, read: Reader[T]) -> Reply:
        reply, same = Reply(""), 0
        async with self._slots:
            for _ in range(self._attempts):
                before = reply.text
                try:
                    reply = await self._model.complete(request)
                except Refused as refusal:
                    self.counts["refused"] += 1
                    return Reply(f"{_REFUSED}{refusal}")
                self.counts["requests"] += 1
                self.counts["prompt_tokens"] += reply.prompt_tokens
                self.counts["reply_tokens"] += reply.reply_tokens
                if not reply.complete or _readable(reply.text, read):
                    break  # one cut at the token limit would be cut again
                self.counts["unreadable"] += 1
                same = same + 1 if reply.text == before else 1
                if same == _SAME:
                    break
        return reply


# So many equal unreadable replies in a row are no accident: this server says always the same.
_SAME = 5
_REFUSED = "\x00refused: "  # no reply begins with NUL


def _readable(text: str, read: Reader[T]) -> bool:
    try:
        read(text)
    except UnreadableReply:
        return False
    return True
