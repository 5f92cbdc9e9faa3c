"""Engines and memories that systems share, so that a document is read once and not once a system.

One backbone in memory; adapters and the last few documents' memories are kept. What a memory took
to make is charged to every system that uses it (`MemoryReader`).
"""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import TYPE_CHECKING

from lcirc_cli.backbones.tokens import encode
from lcirc_cli.documents.document import Document, Page
from lcirc_cli.engine import Engine
from lcirc_cli.evidence import PassageIndex, Text
from lcirc_cli.memory.contents import MemoryContents

from ..sample import text_digest

if TYPE_CHECKING:
    from lcirc_cli.backbones.loading import Backbone

_KEPT = 4  # memories; a shuffled control needs its own document's and another's


class Workbench:
    """Gives systems an engine for an adapter, and the memory of a document.

    Args:
        offline: never use the network for what a system needs; what is missing is an error.
    """

    def __init__(self, engine: Engine, *, offline: bool = False) -> None:
        self._first, self.offline = engine, offline
        self._engines: dict[str | None, Engine] = {None: engine}
        self._memories: OrderedDict[tuple[str, str], tuple[MemoryContents, float]] = OrderedDict()
        self._index: tuple[str, PassageIndex] | None = None

    @property
    def backbone(self) -> Backbone:
        return self._first.backbone

    def engine(self, adapter: str | None) -> Engine:
        """The engine with that adapter (None: the one of the command line).

        Raises:
            ModelError: no such adapter, or one for another backbone.
        """
        if adapter not in self._engines:
            from lcirc_cli.adapters.loading import load_adapter

            loaded = load_adapter(adapter, self.backbone, offline=self.offline)
            self._engines[adapter] = Engine(self.backbone, loaded)
        return self._engines[adapter]

    def memory(self, engine: Engine, text: str) -> tuple[MemoryContents | None, float, bool]:
        """A document's memory, the seconds that making it took, and whether that was just now.

        A document without words has none.

        Raises:
            OutOfMemoryError: even a small part is too much.
        """
        if not text.strip():
            return None, 0.0, False
        digest = text_digest(text)
        key = (engine.adapter.memory_fingerprint, digest)
        made = key not in self._memories
        if made:
            document = Document("document", text, (Page(None, None, 0, len(text)),), digest, "text")
            begun = time.perf_counter()
            contents = engine.ingest([document])
            self._memories[key] = contents, time.perf_counter() - begun
            if len(self._memories) > _KEPT:
                self._memories.popitem(last=False)
        self._memories.move_to_end(key)
        return *self._memories[key], made

    def index(self, text: str) -> PassageIndex:
        """The passages of a document, without any model; kept for the last document."""
        digest = text_digest(text)
        if self._index is None or self._index[0] != digest:
            starts = encode(self.backbone.tokenizer, text)[1]
            self._index = digest, PassageIndex([Text("document", text, starts)])
        return self._index[1]


class MemoryReader:
    """One system's memories, and the seconds that it was spared because others use them too.

    It keeps what the workbench would keep if this system were alone.
    """

    def __init__(self, bench: Workbench, engine: Engine) -> None:
        self._bench, self._engine = bench, engine
        self._own: OrderedDict[str, None] = OrderedDict()

    def memory(self, text: str) -> tuple[MemoryContents | None, float]:
        """A document's memory, and the seconds that another system took for it instead.

        Raises:
            OutOfMemoryError: even a small part is too much.
        """
        contents, seconds, made = self._bench.memory(self._engine, text)
        digest = text_digest(text)
        known = digest in self._own
        self._own[digest] = None
        self._own.move_to_end(digest)
        if len(self._own) > _KEPT:
            self._own.popitem(last=False)
        return contents, 0.0 if made or known else seconds
