"""What a memory holds: documents, tokens, latent states, features, and where each came from.

Knows nothing about files, models or tokenizers. torch is imported only where tensors are joined,
so that `lcirc info` stays fast.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from lcirc_cli.documents.document import Document, Page

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor


@dataclass(frozen=True)
class StoredDocument:
    """A document's text and pages, and which tokens and segments of the memory are its own."""

    name: str
    sha256: str  # of the source's bytes
    format: str
    text: str
    pages: tuple[Page, ...]
    page_count: int | None
    empty_pages: tuple[int, ...]
    notes: tuple[str, ...]
    first_token: int  # global index, counted over the whole memory
    num_tokens: int
    first_segment: int  # global index
    num_segments: int

    def page_at(self, character: int) -> Page | None:
        """The page that holds a character of `text`; None where the format has no pages."""
        if not self.pages:
            return None
        starts = [page.start for page in self.pages]
        return self.pages[max(0, bisect_right(starts, character) - 1)]


@dataclass(frozen=True)
class Fingerprints:
    """Which backbone, tokenizer and adapter made a memory: names for people, hashes for checks."""

    backbone_name: str
    backbone: str
    tokenizer: str
    adapter_name: str
    adapter: str

    @property
    def hashes(self) -> tuple[str, str, str]:
        """What decides whether two are the same: one folder can be spelled in several ways."""
        return self.backbone, self.tokenizer, self.adapter


@dataclass(frozen=True, eq=False)
class MemoryContents:
    """Everything that `ask` needs. N tokens, S segments, K latents a segment, D hidden size."""

    documents: tuple[StoredDocument, ...]
    token_ids: Tensor  # int32 [N]
    token_starts: Tensor  # int64 [N], first character of each token in its own document's text
    segment_lengths: list[int]  # tokens of each of the S segments; none spans two documents
    states: Tensor  # bf16 or f32 [S*K, D], LCIRC latents, for injection
    features: dict[str, Tensor]  # each [N, ...] or [S, ...]; opaque here
    settings: dict[str, Any]  # JSON values: segment length, latents, dtype of features ...
    fingerprints: Fingerprints
    sha256: str = ""  # of the file that it was loaded from
    lcirc_version: str = field(default="")  # that made the file

    @cached_property
    def _first_tokens(self) -> list[int]:
        return [document.first_token for document in self.documents]

    @cached_property
    def _starts(self) -> np.ndarray:
        return self.token_starts.numpy()

    def document_of_token(self, token: int) -> int:
        """Index of the document that holds a token (global index).

        Raises:
            IndexError: there is no such token.
        """
        if not 0 <= token < len(self.token_ids):
            raise IndexError(token)
        return bisect_right(self._first_tokens, token) - 1

    def page_of(self, document: int, character: int) -> Page | None:
        """The page that holds a character of a document; None where it has no pages."""
        return self.documents[document].page_at(character)

    def page_of_token(self, token: int) -> Page | None:
        """The page that holds the first character of a token (global index)."""
        return self.page_of(self.document_of_token(token), int(self._starts[token]))

    def token_range_of_chars(self, document: int, start: int, end: int) -> tuple[int, int]:
        """Global indices (first, one past the last) of the tokens that hold characters of a range.

        Where a character was split over several tokens, all of them count.
        """
        stored = self.documents[document]
        first, last = stored.first_token, stored.first_token + stored.num_tokens
        starts = self._starts[first:last]
        stop = int(starts.searchsorted(end, side="left"))
        at = int(starts.searchsorted(start, side="right")) - 1
        begin = int(starts.searchsorted(starts[at], side="left")) if at >= 0 else 0
        return first + min(begin, stop), first + stop


def unread(
    text: str, token_ids: Tensor, token_starts: Tensor, *, name: str = "document"
) -> MemoryContents:
    """A text's tokens as a memory without states: enough to rank and to show its passages."""
    import torch

    document = StoredDocument(
        name=name,
        sha256="",
        format="text",
        text=text,
        pages=(Page(None, None, 0, len(text)),),
        page_count=None,
        empty_pages=(),
        notes=(),
        first_token=0,
        num_tokens=len(token_ids),
        first_segment=0,
        num_segments=0,
    )
    return MemoryContents(
        documents=(document,),
        token_ids=token_ids,
        token_starts=token_starts,
        segment_lengths=[],
        states=torch.empty(0, 0),
        features={},
        settings={},
        fingerprints=Fingerprints("", "", "", "", ""),
    )


def append(contents: MemoryContents, more: MemoryContents) -> MemoryContents:
    """One memory with the documents of both.

    Raises:
        ValueError: they were made with different models, settings or features.
    """
    import torch

    same_models = contents.fingerprints.hashes == more.fingerprints.hashes
    if not same_models or contents.settings != more.settings:
        raise ValueError("memories made with different models or settings can't be joined")
    if contents.features.keys() != more.features.keys():
        raise ValueError("memories with different features can't be joined")
    tokens, segments = len(contents.token_ids), len(contents.segment_lengths)
    shifted = tuple(
        replace(
            document,
            first_token=document.first_token + tokens,
            first_segment=document.first_segment + segments,
        )
        for document in more.documents
    )
    return MemoryContents(
        documents=contents.documents + shifted,
        token_ids=torch.cat([contents.token_ids, more.token_ids]),
        token_starts=torch.cat([contents.token_starts, more.token_starts]),
        segment_lengths=[*contents.segment_lengths, *more.segment_lengths],
        states=torch.cat([contents.states, more.states]),
        features={
            name: torch.cat([tensor, more.features[name]])
            for name, tensor in contents.features.items()
        },
        settings=contents.settings,
        fingerprints=contents.fingerprints,
    )


def same_source(
    contents: MemoryContents,
    documents: Sequence[Document],
    *,
    settings: dict[str, Any],
    fingerprints: Fingerprints,
) -> bool:
    """Whether ingesting `documents` again would give what `contents` already holds.

    The texts and pages are compared too, not only the sources' hashes: another page range, or a
    reader that has become better, gives another memory.
    """
    if contents.fingerprints.hashes != fingerprints.hashes or contents.settings != settings:
        return False
    if len(contents.documents) != len(documents):
        return False
    return all(
        (stored.sha256, stored.name, stored.format, stored.pages, stored.text)
        == (document.sha256, document.name, document.format, document.pages, document.text)
        for stored, document in zip(contents.documents, documents, strict=True)
    )
