"""What a memory holds: documents, tokens, latent states, features, and where each came from.

Knows nothing about files, models or tokenizers. torch is imported only where tensors are joined,
so that `lcirc info` stays fast.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from lcirc_cli.documents.document import Document, Page

if TYPE_CHECKING:
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
    asked: str = ""  # the pages that were asked for, "" for all


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
    recipe: str = ""  # digest of all that makes such a memory of its sources; "" if unknown
    sha256: str = ""  # of the file that it was loaded from
    path: str = ""  # of that file
    lcirc_version: str = field(default="")  # that made the file


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
