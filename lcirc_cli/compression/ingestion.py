"""Documents to memory contents: tokens, features and LCIRC states, one document at a time.

Everything here is independent of any question. Knows nothing about files.

Legend: N document tokens, S segments, K latents, D hidden size.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from os import PathLike
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lcirc_cli.backbones.tokens import encode
from lcirc_cli.compression.kept import Kept, Windows
from lcirc_cli.compression.recurrence import run_pass
from lcirc_cli.compression.segments import CODES, SCALES, Segments, group_segments, segment_lengths
from lcirc_cli.documents.document import Document
from lcirc_cli.errors import DocumentError, OutOfMemoryError, UsageError
from lcirc_cli.memory.contents import Fingerprints, MemoryContents, StoredDocument, append
from lcirc_cli.memory.words import PassageWords
from lcirc_cli.model import LcircConfig, LcircForCausalLM
from lcirc_cli.model.features import StoredFeatures, store

Progress = Callable[[float], object]
Words = Callable[[str, np.ndarray], PassageWords]


def windows_at_once(device: torch.device) -> int:
    """Feature windows that the LM reads together; halved where memory runs out."""
    return 16 if device.type == "cuda" else 1


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
    if not documents:
        raise DocumentError("there is no document to ingest")
    if isinstance(documents, str | PathLike) or not all(isinstance(d, Document) for d in documents):
        raise UsageError(
            "give a list of documents; read one with lcirc_cli.documents.read_document(path)"
        )
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
    return _joined(parts)


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
    ids, starts = (torch.from_numpy(array) for array in encode(tokenizer, document.text))
    if len(ids) == 0:
        raise DocumentError(f"{document.name}: holds no text")
    lengths = segment_lengths(len(ids), config)
    step = _by_characters(progress, len(document.text), len(ids))
    features = {}
    if config.segment_inputs:
        log = None if kept is None else kept.windows(document)
        features = stored_features(model, ids, kept=log, progress=step)
    segments = Segments(ids, features, group_segments(lengths))
    result = run_pass(model, segments, progress=None if config.segment_inputs else step)
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
    )
    return MemoryContents(
        documents=(stored,),
        token_ids=ids,
        token_starts=starts,
        segment_lengths=lengths,
        # Rounded here, so that a memory answers the same before it is saved and after.
        states=result.memory.states_BMD[0].to(torch.bfloat16).cpu(),
        features=features,
        settings=settings_of(config),
        fingerprints=fingerprints,
    )


@torch.no_grad()
def stored_features(
    model: LcircForCausalLM,
    ids_N: Tensor,
    *,
    kept: Windows | None = None,
    progress: Progress | None = None,
) -> dict[str, Tensor]:
    """A document's contextual features as they are saved: codes [N, D], and scales [S, D].

    A window's scales are repeated for each of its segments, so that a segment can be read alone.

    Args:
        kept: windows of this document that need not be computed, and where those that are go.

    Raises:
        OutOfMemoryError: not even one window fits.
    """
    config, device = model.adapter.config, model.device
    windows = ids_N.split(config.feature_window)
    D, S = config.hidden_size, len(segment_lengths(len(ids_N), config))
    saved = {CODES: torch.empty(len(ids_N), D, dtype=getattr(torch, config.feature_dtype))}
    if config.feature_dtype == "int8":
        saved[SCALES] = torch.empty(S, D, dtype=torch.float16)
    batch, at = windows_at_once(device), 0
    token = segment = 0

    def place(row: StoredFeatures) -> None:
        nonlocal token, segment
        size = len(row.codes_ND)
        count = len(segment_lengths(size, config))
        saved[CODES][token : token + size] = row.codes_ND
        if row.scale_D is not None:
            saved[SCALES][segment : segment + count] = row.scale_D
        token, segment = token + size, segment + count
        if progress is not None:
            progress(size)

    for record in () if kept is None else kept.read():
        row = unpacked(record, config, size=len(windows[at])) if at < len(windows) else None
        if row is None:  # of another form: begin anew
            assert kept is not None
            kept.clear()
            at = token = segment = 0
            break
        place(row)
        at += 1
    while at < len(windows):
        rows = [row for row in windows[at : at + batch] if len(row) == len(windows[at])]
        try:
            features = model.features(torch.stack(rows).to(device))
        except torch.OutOfMemoryError as error:
            if len(rows) == 1:
                raise OutOfMemoryError(
                    f"the device has no room for {len(rows[0]):,} tokens at once; close other "
                    "programs that use it, or use --device cpu"
                ) from error
            batch = len(rows) // 2
            torch.cuda.empty_cache()
            continue
        for each in features:
            one = store(each, config.feature_dtype)
            if kept is not None:
                kept.add(packed(one))
            place(one)
        at += len(rows)
    return saved


def packed(row: StoredFeatures) -> bytes:
    """A window's features as bytes: the codes, then the scales."""
    tensors = [row.codes_ND, *([] if row.scale_D is None else [row.scale_D])]
    return b"".join(t.cpu().contiguous().view(torch.uint8).numpy().tobytes() for t in tensors)


def unpacked(record: bytes, config: LcircConfig, *, size: int) -> StoredFeatures | None:
    """What `packed` packed of a window of `size` tokens; None for anything else."""
    dtype, D = getattr(torch, config.feature_dtype), config.hidden_size
    scaled = config.feature_dtype == "int8"
    middle = size * D * dtype.itemsize
    if len(record) != middle + scaled * D * 2:
        return None
    data = bytearray(record)
    codes = torch.frombuffer(data, dtype=dtype, count=size * D).view(size, D)
    if not scaled:
        return StoredFeatures(codes, None)
    scale = torch.frombuffer(data, dtype=torch.float16, offset=middle)
    return StoredFeatures(codes, scale) if bool(scale.isfinite().all()) else None


def _joined(parts: list[MemoryContents]) -> MemoryContents:
    """Neighbours by twos: one after another would copy the first document once for each."""
    while len(parts) > 1:
        pairs = [parts[at : at + 2] for at in range(0, len(parts), 2)]
        parts = [append(*pair) if len(pair) == 2 else pair[0] for pair in pairs]
    return parts[0]


def _by_characters(progress: Progress | None, characters: int, tokens: int) -> Progress | None:
    """Progress in characters of text, which are known before a document is tokenised."""
    if progress is None:
        return None
    return lambda done: progress(done * characters / tokens)
