"""What a memory holds: documents, tokens, latent states, features, and where each came from.

A memory from a file is read as it is used: texts and pages a document at a time, rows where they
are sliced. Knows nothing about files, models or tokenizers. torch and numpy are imported only where
rows are joined, so that `lcirc info` and every --help stay fast.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from os import PathLike
from typing import TYPE_CHECKING, Any

from lcirc_cli.documents.document import Page
from lcirc_cli.documents.ocr import Scan
from lcirc_cli.errors import UsageError
from lcirc_cli.memory.deferred import Deferred, changed

if TYPE_CHECKING:
    from lcirc_cli.memory.rows import Rows
    from lcirc_cli.memory.words import PassageWords


@dataclass(frozen=True, kw_only=True)
class StoredDocument:
    """A document's text and pages, and which tokens and segments of the memory are its own."""

    name: str
    sha256: str  # of the source's bytes
    format: str
    text: Deferred[str] = Deferred()
    pages: Deferred[tuple[Page, ...]] = Deferred()
    page_count: int | None
    empty_pages: tuple[int, ...]
    notes: tuple[str, ...]
    first_token: int  # global index, counted over the whole memory
    num_tokens: int
    first_segment: int  # global index
    num_segments: int
    asked: str = ""  # the pages that were asked for, "" for all
    ocr: str = ""  # as `Document.ocr`
    scans: Deferred[tuple[Scan, ...]] = Deferred(())


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
    token_ids: Rows  # int32 [N]
    token_starts: Rows  # int64 [N], first character of each token in its own document's text
    segment_lengths: list[int]  # tokens of each of the S segments; none spans two documents
    states: Rows  # bf16 or f32 [S*K, D], LCIRC latents, for injection
    features: Mapping[str, Rows]  # each [N, ...] or [S, ...]; opaque here
    settings: dict[str, Any]  # JSON values: segment length, latents, dtype of features ...
    fingerprints: Fingerprints
    words: Deferred[PassageWords | None] = Deferred(None)  # None: made when it is asked
    on_demand: bool = False  # features are computed where rows of them are read
    recipe: str = ""  # digest of all that makes such a memory of its sources; "" if unknown
    sha256: str = ""  # of the file that it was loaded from
    path: str = ""  # of that file
    lcirc_version: str = field(default="")  # that made the file


def as_memories(given: object) -> list[MemoryContents]:
    """One memory or several as a list.

    Raises:
        UsageError: something else, such as the path of a file.
    """
    several = given if isinstance(given, Sequence) and not isinstance(given, str) else [given]
    for each in several:
        if not isinstance(each, MemoryContents):
            what = f"{each!r} is a path" if isinstance(each, str | PathLike) else f"not {each!r}"
            raise UsageError(
                f"give a memory; {what}: load it with lcirc_cli.memory_file.load_memory(path)"
            )
    return list(several)


def append(contents: MemoryContents, more: MemoryContents) -> MemoryContents:
    """One memory with the documents of both.

    Raises:
        ValueError: they were made with different models, settings or features.
    """
    from lcirc_cli.memory.rows import joined
    from lcirc_cli.memory.words import join_words

    same_models = contents.fingerprints.hashes == more.fingerprints.hashes
    if not same_models or contents.settings != more.settings:
        raise ValueError("memories made with different models or settings can't be joined")
    if contents.features.keys() != more.features.keys():
        raise ValueError("memories with different features can't be joined")
    tokens, segments = len(contents.token_ids), len(contents.segment_lengths)
    shifted = tuple(
        changed(
            document,
            first_token=document.first_token + tokens,
            first_segment=document.first_segment + segments,
        )
        for document in more.documents
    )
    words = [each.words for each in (contents, more) if each.words is not None]
    return MemoryContents(
        documents=contents.documents + shifted,
        token_ids=joined([contents.token_ids, more.token_ids]),
        token_starts=joined([contents.token_starts, more.token_starts]),
        segment_lengths=[*contents.segment_lengths, *more.segment_lengths],
        states=joined([contents.states, more.states]),
        features={
            name: joined([rows, more.features[name]]) for name, rows in contents.features.items()
        },
        settings=contents.settings,
        fingerprints=contents.fingerprints,
        words=join_words(words) if len(words) == 2 else None,
        on_demand=contents.on_demand or more.on_demand,
    )


def select(contents: MemoryContents, numbers: Sequence[int]) -> MemoryContents:
    """A memory with these documents of another, in this order, as if made of them alone."""
    from lcirc_cli.memory.rows import chosen
    from lcirc_cli.memory.words import take_words

    latents = contents.settings["num_latents"]
    retained = contents.settings.get("retained_segments")
    kept = [min(d.num_segments, retained or d.num_segments) * latents for d in contents.documents]
    ends = [0, *accumulate(kept)]
    picked = [contents.documents[number] for number in numbers]
    tokens = [(d.first_token, d.first_token + d.num_tokens) for d in picked]
    segments = [(d.first_segment, d.first_segment + d.num_segments) for d in picked]
    at_token = [0, *accumulate(d.num_tokens for d in picked)]
    at_segment = [0, *accumulate(d.num_segments for d in picked)]
    words = contents.words
    return MemoryContents(
        documents=tuple(
            changed(document, first_token=token, first_segment=segment)
            for document, token, segment in zip(picked, at_token, at_segment, strict=False)
        ),
        token_ids=chosen(contents.token_ids, tokens),
        token_starts=chosen(contents.token_starts, tokens),
        segment_lengths=[n for place in segments for n in contents.segment_lengths[slice(*place)]],
        states=chosen(contents.states, [(ends[number], ends[number + 1]) for number in numbers]),
        features={
            # A row a segment only where that is not a row a token as well.
            name: chosen(rows, tokens if len(rows) == len(contents.token_ids) else segments)
            for name, rows in contents.features.items()
        },
        settings=contents.settings,
        fingerprints=contents.fingerprints,
        words=None if words is None else take_words(words, numbers),
        on_demand=contents.on_demand,
    )
