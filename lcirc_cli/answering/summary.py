"""A summary of whole documents by a model on a server: in pieces, and then of what was noted.

Every passage is sent once. Notes on each piece are merged until they fit in one request, whose
reply is the summary. Replies are kept in a file until it is done, so an interrupted one goes on.
Knows nothing about the command line.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lcirc_cli.answering.answer import Finish
from lcirc_cli.answering.checked import Checked
from lcirc_cli.answering.collection import Collection
from lcirc_cli.answering.pieces import Estimate, estimate, filled, selected
from lcirc_cli.answering.remote import READER_NEW_TOKENS, open_reader, read_streamed
from lcirc_cli.answering.shown import READER_TOKENS, Shown, as_text, numbered, place
from lcirc_cli.answering.waiting import run
from lcirc_cli.backbones.loading import Backbone
from lcirc_cli.backbones.tokens import encode
from lcirc_cli.documents.page_ranges import PageRanges
from lcirc_cli.endpoints.asking import Asker, RefusedReply
from lcirc_cli.endpoints.chat import ChatRequest
from lcirc_cli.endpoints.endpoint import EndpointModel
from lcirc_cli.endpoints.replay import ReplayCache
from lcirc_cli.endpoints.replies import UnreadableReply
from lcirc_cli.endpoints.settings import ReaderSettings
from lcirc_cli.errors import EndpointError
from lcirc_cli.evidence import Backing
from lcirc_cli.files import storage_error
from lcirc_cli.prompts import fill, load

NOTE_TOKENS = 600  # of the notes on a piece, at most
_ATTEMPTS = 3


@dataclass(frozen=True)
class Summary:
    """The text, with its passages named as pages, and what it rests on."""

    text: str
    finish: Finish
    pages: tuple[int, ...]  # of a document with pages: those that the text names
    passages: int  # that were read
    tokens: int  # document tokens that were read
    model: str
    url: str


class Summariser:
    """One summary, planned when it is made.

    Args:
        pages: of each document; None is all of it.
        section: that is read alone, by its heading.
        window_tokens: document tokens of a request.

    Raises:
        UsageError: no such pages, or no such section.
    """

    def __init__(
        self,
        collection: Collection,
        backbone: Backbone,
        reader: ReaderSettings,
        *,
        pages: PageRanges | None = None,
        section: str | None = None,
        window_tokens: int | None = None,
        max_new_tokens: int | None = None,
    ) -> None:
        self._index, self._reader = collection.index, reader
        self._tokenizer: Any = backbone.tokenizer
        self._budget = max(1, READER_TOKENS if window_tokens is None else window_tokens)
        self._max_new_tokens = max_new_tokens or READER_NEW_TOKENS
        self._shown = numbered(self._index, selected(self._index, pages, section))
        self._pieces = filled(self._shown, [one.tokens for one in self._shown], self._budget)

    @property
    def estimate(self) -> Estimate:
        return estimate(
            [one.tokens for one in self._shown],
            pieces=len(self._pieces),
            budget=self._budget,
            around=len(encode(self._tokenizer, load("summary_system.txt"))[0]),
            pages=len({at for at in map(self._page, self._shown) if at[1] is not None}),
        )

    def run(
        self,
        *,
        cache: Path | None = None,
        on_text: Callable[[str], object] | None = None,
        progress: Callable[[int], object] | None = None,
    ) -> Summary:
        """The summary.

        Args:
            cache: a file for replies, until the summary is done; one that an interrupted run left
                is gone on with.
            on_text: called with pieces of the summary as they come.
            progress: called with a number of pieces that have been read.

        Raises:
            EndpointError: the server can't be asked, or gives no answer.
            StorageError: the cache can't be written.
        """
        summary = run(self._run(cache, on_text, progress))
        if cache is not None:
            with suppress(FileNotFoundError):
                cache.unlink()
        return summary

    async def _run(
        self,
        cache: Path | None,
        on_text: Callable[[str], object] | None,
        progress: Callable[[int], object] | None,
    ) -> Summary:
        model = open_reader(self._reader)
        kept = _opened(cache)
        asker = Asker(model, kept, in_flight=self._reader.in_flight or 1, attempts=_ATTEMPTS)
        try:
            shown, ids = as_text(self._index, self._shown), {one.id for one in self._shown}
            if len(self._pieces) > 1:
                notes = await self._read_all(asker, progress)
                while len(groups := self._grouped(notes)) > 1:
                    notes = await _all(
                        self._noted(asker, "\n\n".join(n.text for n in group), _named(group))
                        for group in groups
                    )
                shown, ids = "\n\n".join(note.text for note in notes), _named(notes)
            return await self._whole(model, shown, ids, on_text)
        finally:
            await model.aclose()
            kept.close()

    async def _read_all(
        self, asker: Asker, progress: Callable[[int], object] | None
    ) -> list[_Note]:
        async def one(piece: Sequence[Shown]) -> _Note:
            note = await self._noted(
                asker, as_text(self._index, piece), {shown.id for shown in piece}
            )
            if progress is not None:
                progress(1)
            return note

        return await _all(one(piece) for piece in self._pieces)

    async def _noted(self, asker: Asker, shown: str, ids: Set[int]) -> _Note:
        request = self._request("summary_notes.txt", shown, max_tokens=NOTE_TOKENS)

        def read(text: str) -> _Note:
            checked = Checked(ids, lambda sentence, named: True)
            checked.add(text)
            checked.end()
            if not checked.has_begun:
                raise UnreadableReply("an empty reply")
            return _Note(checked.text, frozenset(checked.used))

        try:
            return await asker.ask(request, read)
        except RefusedReply as refusal:
            raise EndpointError(
                f"the model {self._reader.reader_model} refuses a piece of the document "
                f"({refusal}); a lower --window-tokens makes pieces shorter"
            ) from refusal
        except UnreadableReply as error:
            raise EndpointError(
                f"the model {self._reader.reader_model} says nothing about a piece of the "
                "document; repeat the command, which goes on where it stopped"
            ) from error

    async def _whole(
        self,
        model: EndpointModel,
        shown: str,
        ids: Set[int],
        on_text: Callable[[str], object] | None,
    ) -> Summary:
        known = {one.id: one for one in self._shown}
        backing = Backing(self._index)

        def backed(sentence: str, named: Set[int]) -> bool:
            return backing.holds(sentence, [known[id].passage for id in sorted(named or known)])

        checked = Checked(ids, backed, on_text, name=self._names)
        request = self._request("summary_whole.txt", shown, max_tokens=self._max_new_tokens)
        finish, _ = await read_streamed(model, request, checked)
        pages = {self._page(known[id])[1] for id in checked.used}
        return Summary(
            text=checked.text,
            finish=finish,
            pages=tuple(sorted(page for page in pages if page is not None)),
            passages=len(self._shown),
            tokens=sum(one.tokens for one in self._shown),
            model=model.name,
            url=str(self._reader.address),
        )

    def _request(self, template: str, shown: str, *, max_tokens: int) -> ChatRequest:
        return ChatRequest(
            purpose="summary",
            system=load("summary_system.txt"),
            user=fill(load(template), shown=shown),
            schema={},
            max_tokens=max_tokens,
            temperature=0.0,
            seed=0,
        )

    def _grouped(self, notes: Sequence[_Note]) -> list[list[_Note]]:
        sizes = [len(encode(self._tokenizer, note.text)[0]) for note in notes]
        if sum(sizes) <= self._budget:
            return [list(notes)]
        return filled(notes, sizes, self._budget, least=2)  # so that they become fewer

    def _names(self, ids: Sequence[int]) -> str:
        """Passages as a reader of the summary finds them: `[p. 3, p. 7]`."""
        several = len(self._index.texts) > 1
        told = []
        for id in ids:
            shown = self._shown[id - 1]
            page = self._page(shown)[1]
            whole = place(self._index, shown)
            told.append(whole if several or page is None else f"p. {page}")
        return f"[{', '.join(dict.fromkeys(told))}]"

    def _page(self, shown: Shown) -> tuple[int, int | None]:
        where = self._index.passages[shown.passage]
        page = self._index.texts[where.document].page_at(where.start)
        return where.document, page.number if page else None


@dataclass(frozen=True)
class _Note:
    """What a model noted about passages, and which of them it named."""

    text: str
    ids: frozenset[int]


def _named(notes: Sequence[_Note]) -> set[int]:
    return {id for note in notes for id in note.ids}


async def _all(work: Any) -> list[_Note]:
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()  # after an error the others must not ask on


def _opened(cache: Path | None) -> ReplayCache:
    """The replies kept so far; the owner's alone, for they say what the document says."""
    if cache is None:
        return ReplayCache(Path(":memory:"))
    try:
        os.close(os.open(cache, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600))
    except OSError as error:
        raise storage_error(error, cache) from error
    return ReplayCache(cache)
