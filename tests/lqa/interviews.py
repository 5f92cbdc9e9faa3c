"""Pairs that a scripted model makes of invented documents."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

from lcirc_cli.endpoints.asking import Asker
from lcirc_cli.endpoints.chat import ChatRequest, Reply
from lcirc_cli.endpoints.replay import ReplayCache
from lcirc_cli.lqa.pairs.interview import make_pairs
from lcirc_cli.lqa.records import Judged, SourceDocument
from lcirc_cli.lqa.settings import PairSettings

from .corpus import document
from .scripted import reply_to

SETTINGS = PairSettings(generator="scripted", pairs_per_document=10)


class Scripted:
    """The scripted model as a `ChatModel`; `spoil` may change or replace a reply."""

    name = "scripted"
    varies = True

    def __init__(self, spoil: Callable[[ChatRequest, Reply], Reply] | None = None) -> None:
        self.troubles: Counter[str] = Counter()
        self.asked: Counter[str] = Counter()
        self.most = self._now = 0
        self._spoil = spoil

    async def aclose(self) -> None:
        pass

    async def complete(self, request: ChatRequest) -> Reply:
        self.asked[request.key(self.name)] += 1
        self._now += 1
        self.most = max(self.most, self._now)
        try:
            await asyncio.sleep(0)
            reply = Reply(reply_to(request.user), prompt_tokens=10, reply_tokens=5)
            return self._spoil(request, reply) if self._spoil else reply
        finally:
            self._now -= 1


def source(number: int, *, sentences: int = 120) -> SourceDocument:
    return SourceDocument(
        f"doc-{number}", f"Chronicle {number}", document(number, sentences=sentences), language="en"
    )


def pairs_of(number: int, model: Any, cache: ReplayCache, **more: Any) -> list[Judged]:
    asker = Asker(model, cache, in_flight=more.pop("in_flight", 8), attempts=SETTINGS.attempts)
    return asyncio.run(make_pairs(source(number, **more), asker, SETTINGS))
