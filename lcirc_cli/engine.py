"""`Engine`: documents to memories, memories and a question to an answer.

The Python API, and what every command uses. It joins the parts (ingestion, collection, answering)
and knows nothing about files or the command line.

    engine = Engine.load()
    memory = engine.ingest([read_document("book.pdf")])
    print(engine.ask(memory, "What does chapter 3 conclude?").answer)
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from threading import RLock
from typing import TYPE_CHECKING, Any

from lcirc_cli.adapters.loading import LoadedAdapter, load_adapter
from lcirc_cli.answering.answer import Answer, ask_settings
from lcirc_cli.answering.answerer import Answerer, Watch
from lcirc_cli.answering.collection import Collection
from lcirc_cli.answering.searching import Found, search
from lcirc_cli.answering.windows import Turn
from lcirc_cli.backbones.loading import Backbone, load_backbone
from lcirc_cli.compression.features import Progress
from lcirc_cli.compression.fit import check_fit
from lcirc_cli.compression.ingestion import ingest, settings_of
from lcirc_cli.compression.kept import Kept
from lcirc_cli.compression.on_demand import opened
from lcirc_cli.documents.document import Document
from lcirc_cli.endpoints.settings import ReaderSettings
from lcirc_cli.errors import ModelError, UsageError, memory_errors
from lcirc_cli.evidence import current_words, words_of_text
from lcirc_cli.memory.contents import Fingerprints, MemoryContents, as_memories
from lcirc_cli.memory.file import check_fingerprints
from lcirc_cli.model import LcircForCausalLM

if TYPE_CHECKING:
    from lcirc_cli.answering.remote import RemoteAnswerer
    from lcirc_cli.answering.summary import Summariser

KEY_BYTES = 256 << 20  # keys and values of segments kept between questions
BATCH = 4  # questions answered at once by `ask_many`

Memories = MemoryContents | Sequence[MemoryContents]


class Engine:
    """A backbone and an adapter, ready to ingest documents and to answer questions.

    Several threads may use one engine: it does their work one after another. What `ingest` calls
    between two steps (`progress`) may ask in the same thread.

    Args:
        reader: a model on a server that writes the answers instead of the backbone.
        load_s: how long both took to load, for the answers' timings.
        key_bytes: keys and values of segments kept between questions to the same memories.

    Raises:
        ModelError: adapter and backbone don't fit.
    """

    def __init__(
        self,
        backbone: Backbone,
        adapter: LoadedAdapter,
        *,
        reader: ReaderSettings | None = None,
        load_s: float = 0.0,
        key_bytes: int = KEY_BYTES,
    ) -> None:
        self.backbone, self.adapter, self.reader = backbone, adapter, reader
        self.load_s, self.key_bytes = load_s, key_bytes
        self._opened: Collection | None = None
        self._lock = RLock()  # asking changes the model: hooks, the memory that is injected
        try:
            self.model = LcircForCausalLM(backbone.lm, adapter.adapter)
        except ValueError as error:
            raise ModelError(
                f"the adapter {adapter.name} doesn't fit the model {backbone.name}: {error}"
            ) from error

    @classmethod
    def load(
        cls,
        model: str = "smollm2",
        adapter: str | None = None,
        *,
        device: str = "auto",
        dtype: str = "auto",
        attention: str = "auto",
        offline: bool = False,
        reader: ReaderSettings | None = None,
    ) -> Engine:
        """Load a backbone and its adapter, fetching the backbone first where it is missing.

        Args:
            model: smollm2, a Hub id, a model folder or a .gguf file.
            adapter: an adapter's folder or Hub id; None takes the one that ships for the
                backbone, or an untrained one with closed gates.
            device, dtype, attention, offline: see `backbones.loading.load_backbone`.
            reader: a model on a server that is sent the best passages, and writes the answers.

        Raises:
            ModelError: one of them is missing, damaged or made for another.
            UsageError: a device, dtype or attention that this machine doesn't have, or a reader
                that can't be asked.
        """
        if reader is not None:
            reader.validate(offline=offline)
        start = time.perf_counter()
        backbone = load_backbone(
            model, device=device, dtype=dtype, attention=attention, offline=offline
        )
        loaded = load_adapter(adapter, backbone, attention=attention, offline=offline)
        return cls(backbone, loaded, reader=reader, load_s=time.perf_counter() - start)

    @property
    def fingerprints(self) -> Fingerprints:
        """Which models a memory of this engine was made with."""
        lm, adapter = self.backbone, self.adapter
        made = (lm.name, lm.fingerprint, lm.tokenizer_fingerprint)
        return Fingerprints(*made, adapter.name, adapter.memory_fingerprint)

    @property
    def memory_settings(self) -> dict[str, Any]:
        """The settings that a memory of this engine has; only memories of the same are joined."""
        return settings_of(self.adapter.config)

    def check(self, memory: MemoryContents, *, name: str = "the memory file") -> None:
        """Whether a memory can be asked, or continued, with these models.

        Raises:
            ModelError: it was made with another model, tokenizer or adapter.
            MemoryFileError: it holds what they would not have made.
        """
        check_fingerprints(memory, self.fingerprints, name=name)
        size = self.backbone.lm.get_input_embeddings().num_embeddings  # type: ignore[union-attr]
        check_fit(memory, self.adapter.config, vocabulary=int(size), name=name)  # type: ignore[arg-type]

    def ingest(
        self,
        documents: Sequence[Document],
        *,
        append_to: MemoryContents | None = None,
        kept: Kept | None = None,
        progress: Progress | None = None,
    ) -> MemoryContents:
        """Compress documents into one memory, once for all questions.

        Args:
            append_to: continue this memory; its documents come first in the result.
            kept: what an earlier try has computed, and where this one keeps what it computes.
            progress: called with the number of characters that were compressed.

        Raises:
            DocumentError: no document, or one without words.
            ModelError, MemoryFileError: `append_to` is not of these models; see `check`.
            OutOfMemoryError: even a small part is too much for the machine or its device.
        """
        if append_to is not None:
            self.check(append_to)
            append_to = replace(append_to, words=current_words(append_to))
        with self._working():
            return ingest(
                self.model,
                self.backbone.tokenizer,
                documents,
                fingerprints=self.fingerprints,
                onto=append_to,
                words=words_of_text,
                kept=kept,
                progress=progress,
            )

    def open(self, documents: Sequence[Document]) -> MemoryContents:
        """A memory of documents that computes what a question needs when it is asked, and keeps it.

        With all segments (`segments=0`) it answers as that of `ingest`; what is raised is the same.
        """
        with self._working():
            return opened(
                self.model,
                self.backbone.tokenizer,
                documents,
                fingerprints=self.fingerprints,
                words=words_of_text,
                working=self._working,
            )

    def ask(
        self,
        memories: Memories,
        question: str,
        *,
        history: Sequence[Turn] = (),
        on_token: Callable[[str], object] | None = None,
        watch: Watch | None = None,
        **options: Any,
    ) -> Answer:
        """Answer a question from one or several memories.

        Args:
            history: earlier questions with their answers, oldest first.
            on_token: called with pieces of what the model says. What is answered is known at the
                end: where the adapter knows how sure it is, it may be a refusal.
            watch: told what is being done, see `Answerer`.
            options: fields of `AskSettings`: method, window, max_new_tokens, citations, ...

        Raises:
            UsageError: an option or the question can't be used.
            ModelError: a memory was made with another model or adapter.
            MemoryFileError: a memory holds what they would not have made.
            OutOfMemoryError, EndpointError: memory ran out, or the reader gives no answer.
        """
        with self._working():
            answerer = self._reading(self.answerer(memories, watch=watch, **options))
            return answerer.answer([question], history=history, on_token=on_token)[0]

    def ask_many(
        self,
        memories: Memories,
        questions: Sequence[str],
        *,
        batch: int = BATCH,
        watch: Watch | None = None,
        **options: Any,
    ) -> Iterator[Answer]:
        """Answer questions in order, `batch` at a time: segments are read once for all of these.

        The options and what is raised are those of `ask`. A question that can't be asked is refused
        before the first is answered. A reader on a server is asked as many as it may have in
        flight, if that is more.
        """
        if self.reader is not None:
            batch = max(batch, self.reader.in_flight or 0)
        else:
            with self._working():
                self.answerer(memories, **options).check(questions)
        for at in range(0, len(questions), batch):
            with self._working():
                answerer = self._reading(self.answerer(memories, watch=watch, **options))
                answers = answerer.answer(questions[at : at + batch])
            yield from answers

    def search(self, memories: Memories, question: str, *, limit: int = 5) -> list[Found]:
        """The best passages for a question, each with a quote; what is raised is that of `ask`."""
        with self._working():
            return search(self.answerer(memories), question, limit=limit)

    def _reading(self, answerer: Answerer) -> Answerer | RemoteAnswerer:
        """Who gives the answers: the backbone, or a model on a server."""
        if self.reader is None:
            return answerer
        from lcirc_cli.answering.remote import RemoteAnswerer  # its client is for those who ask it

        return RemoteAnswerer(answerer, self.reader)

    def summariser(self, memories: Memories, **options: Any) -> Summariser:
        """A summary by the reader on a server, planned and not yet begun: `.estimate`, `.run()`.

        The options are those of `Summariser`. Raises as `ask`, or UsageError: there is no reader,
        or there are no such pages or section.
        """
        from lcirc_cli.answering.summary import Summariser

        if self.reader is None:
            raise UsageError("a summary needs a model on a server: Engine.load(reader=...)")
        return Summariser(self.answerer(memories).collection, self.backbone, self.reader, **options)

    @contextmanager
    def _working(self) -> Iterator[None]:
        """One thread at a time, with errors of memory as ours."""
        with self._lock, memory_errors():
            yield

    def answerer(
        self, memories: Memories, *, watch: Watch | None = None, **options: Any
    ) -> Answerer:
        """The steps behind `ask`, each alone; kept in part while the same memories are asked."""
        settings, memories = ask_settings(options), as_memories(memories)
        settings = settings.settled(self.adapter.config.ask_method, remote=bool(self.reader))
        if self._opened is None or not self._opened.holds(memories):
            if not memories:
                raise UsageError("there is no memory to ask; make one with `lcirc ingest`")
            for memory in memories:
                self.check(memory)
            self._opened = Collection(memories, key_bytes=self.key_bytes)
        return Answerer(
            backbone=self.backbone,
            adapter=self.adapter,
            model=self.model,
            collection=self._opened,
            settings=settings,
            load_s=self.load_s,
            watch=watch,
        )
