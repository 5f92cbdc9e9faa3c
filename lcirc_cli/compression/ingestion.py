"""Documents to memory contents: tokens, features and LCIRC states, one document at a time.

Everything here is independent of any question. Knows nothing about files.

Legend: N document tokens, S segments, K latents, D hidden size.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from os import PathLike
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lcirc_cli.backbones.tokens import encode
from lcirc_cli.compression.features import Progress, stored_features
from lcirc_cli.compression.kept import Kept
from lcirc_cli.compression.recurrence import run_pass
from lcirc_cli.compression.segments import Segments, group_segments, segment_lengths
from lcirc_cli.documents.document import Document
from lcirc_cli.errors import DocumentError, UsageError
from lcirc_cli.memory.contents import Fingerprints, MemoryContents, StoredDocument, append
from lcirc_cli.memory.rows import Rows
from lcirc_cli.memory.words import PassageWords
from lcirc_cli.model import LcircConfig, LcircForCausalLM

Words = Callable[[str, np.ndarray], PassageWords]


def settings_of(config: LcircConfig) -> dict[str, Any]:
    """What decides how a document is cut and saved, as the memory file keeps it."""
    return {
        "segment_length": config.segment_length,
        "num_latents": config.num_latents,
        "segment_inputs": config.segment_inputs,
        "feature_window": config.feature_window if config.segment_inputs else None,
        "feature_dtype": config.feature_dtype if config.segment_inputs else None,
        "retained_segments": config.retained_segments,
    }


def ingest(
    model: LcircForCausalLM,
    tokenizer: Any,
    documents: Sequence[Document],
    *,
    fingerprints: Fingerprints,
    onto: MemoryContents | None = None,
    words: Words | None = None,
    kept: Kept | None = None,
    progress: Progress | None = None,
) -> MemoryContents:
    """One memory with all documents, after those of `onto`; each is compressed on its own.

    Args:
        words: makes the words' index of a document from its text and its tokens' starts.
        kept: go on from what is kept there, and keep there what is computed.
        progress: called with the number of characters that were compressed.

    Raises:
        DocumentError: a document has no words.
        OutOfMemoryError: not even one feature window fits.
    """
    check_documents(documents)
    parts = [] if onto is None else [onto]
    for document in documents:
        one = None if kept is None else kept.memory(document)
        if one is not None:
            if progress is not None:
                progress(len(document.text))
            parts.append(one)
            continue
        one = _ingest_one(
            model, tokenizer, document, fingerprints=fingerprints, kept=kept, progress=progress
        )
        if words is not None:
            one = replace(one, words=words(document.text, one.token_starts[:].numpy()))
        parts.append(one if kept is None else kept.finish(document, one))
    return joined_memories(parts)


def check_documents(documents: Sequence[Document]) -> None:
    """Raises DocumentError where there is none, UsageError for anything else than documents."""
    if not documents:
        raise DocumentError("there is no document to ingest")
    if isinstance(documents, str | PathLike) or not all(isinstance(d, Document) for d in documents):
        raise UsageError(
            "give a list of documents; read one with lcirc_cli.documents.read_document(path)"
        )


def _ingest_one(
    model: LcircForCausalLM,
    tokenizer: Any,
    document: Document,
    *,
    fingerprints: Fingerprints,
    kept: Kept | None,
    progress: Progress | None,
) -> MemoryContents:
    config = model.adapter.config
    ids, starts = encoded(tokenizer, document)
    lengths = segment_lengths(len(ids), config)
    step = _by_characters(progress, len(document.text), len(ids))
    features = {}
    if config.segment_inputs:
        log = None if kept is None else kept.windows(document)
        features = stored_features(model, ids, kept=log, progress=step)
    segments = Segments(ids, features, group_segments(lengths))
    return memory_of(
        document,
        ids=ids,
        starts=starts,
        states=states_of(model, segments, progress=None if config.segment_inputs else step),
        features=features,
        config=config,
        fingerprints=fingerprints,
    )


def encoded(tokenizer: Any, document: Document) -> tuple[Tensor, Tensor]:
    """A document's token ids, int32 [N], and the first character of each, int64 [N].

    Raises:
        DocumentError: it has none.
    """
    ids, starts = (torch.from_numpy(array) for array in encode(tokenizer, document.text))
    if len(ids) == 0:
        raise DocumentError(f"{document.name}: holds no text")
    return ids, starts


def states_of(
    model: LcircForCausalLM, segments: Segments, *, progress: Progress | None = None
) -> Tensor:
    """The LCIRC states of a document, bfloat16 [S * K, D] on the CPU.

    Rounded here, so that a memory answers the same before it is saved and after.
    """
    result = run_pass(model, segments, progress=progress)
    return result.memory.states_BMD[0].to(torch.bfloat16).cpu()


def memory_of(
    document: Document,
    *,
    ids: Tensor,
    starts: Tensor,
    states: Rows,
    features: Mapping[str, Rows],
    config: LcircConfig,
    fingerprints: Fingerprints,
) -> MemoryContents:
    """The memory of one document, from its parts."""
    lengths = segment_lengths(len(ids), config)
    stored = StoredDocument(
        name=document.name,
        sha256=document.sha256,
        format=document.format,
        text=document.text,
        pages=document.pages,
        page_count=document.page_count,
        empty_pages=document.empty_pages,
        notes=document.notes,
        first_token=0,
        num_tokens=len(ids),
        first_segment=0,
        num_segments=len(lengths),
        asked=document.asked,
        ocr=document.ocr,
        scans=document.scans,
    )
    return MemoryContents(
        documents=(stored,),
        token_ids=ids,
        token_starts=starts,
        segment_lengths=lengths,
        states=states,
        features=features,
        settings=settings_of(config),
        fingerprints=fingerprints,
    )


def joined_memories(parts: list[MemoryContents]) -> MemoryContents:
    """One memory of all: neighbours by twos, so that none is copied once for each that follows."""
    while len(parts) > 1:
        pairs = [parts[at : at + 2] for at in range(0, len(parts), 2)]
        parts = [append(*pair) if len(pair) == 2 else pair[0] for pair in pairs]
    return parts[0]


def _by_characters(progress: Progress | None, characters: int, tokens: int) -> Progress | None:
    """Progress in characters of text, which are known before a document is tokenised."""
    if progress is None:
        return None
    return lambda done: progress(done * characters / tokens)
