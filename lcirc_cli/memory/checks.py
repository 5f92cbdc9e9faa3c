"""Whether the parts of a memory agree with each other: counts, ranges, dtypes, finite numbers.

A hash only proves that a file is as it was written; these checks refuse one that was written
wrongly. Knows nothing about files.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from lcirc_cli.memory.contents import MemoryContents, StoredDocument
from lcirc_cli.memory.records import check_settings

MAX_TOKEN_ID = 2**24 - 1  # three bytes in the file
_FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def check_contents(contents: MemoryContents) -> None:
    """Checks everything that `ask` relies on.

    Raises:
        ValueError: something doesn't agree; one line that says what.
    """
    _check_documents(contents)
    _check_tokens(contents)
    _check_states(contents)
    rows = (len(contents.token_ids), len(contents.segment_lengths))
    for name, tensor in contents.features.items():
        if tensor.dim() == 0 or tensor.shape[0] not in rows:
            raise ValueError(f"feature {name} has neither a row a token nor a row a segment")
        _check_finite(f"feature {name}", tensor)


def _check_documents(contents: MemoryContents) -> None:
    token = segment = 0
    for document in contents.documents:
        if (document.first_token, document.first_segment) != (token, segment):
            raise ValueError(f"the tokens or segments of {document.name!r} are out of place")
        token += document.num_tokens
        segment += document.num_segments
        lengths = contents.segment_lengths[document.first_segment : segment]
        if sum(lengths) != document.num_tokens or any(length <= 0 for length in lengths):
            raise ValueError(f"the segments of {document.name!r} don't add up to its tokens")
        _check_pages(document)
    if token != len(contents.token_ids) or segment != len(contents.segment_lengths):
        raise ValueError("the documents don't add up to all tokens and segments")


def _check_pages(document: StoredDocument) -> None:
    position = 0
    for page in document.pages:
        if not position <= page.start <= page.end <= len(document.text):
            raise ValueError(f"the pages of {document.name!r} don't fit its text")
        if page.number is not None and page.number < 1:
            raise ValueError(f"{document.name!r} has a page number under 1")
        position = page.end


def _check_tokens(contents: MemoryContents) -> None:
    ids, starts = contents.token_ids, contents.token_starts
    if ids.dtype != torch.int32 or starts.dtype != torch.int64:
        raise ValueError("token ids must be int32 and token starts int64")
    if ids.dim() != 1 or starts.shape != ids.shape:
        raise ValueError("token ids and token starts must be one row of the same length")
    if len(ids) and not 0 <= int(ids.min()) <= int(ids.max()) <= MAX_TOKEN_ID:
        raise ValueError("a token id is out of range")
    array = starts.numpy()
    for document in contents.documents:
        own = array[document.first_token : document.first_token + document.num_tokens]
        if len(own) and (own[0] < 0 or own[-1] > len(document.text) or np.any(own[1:] < own[:-1])):
            raise ValueError(f"the token starts of {document.name!r} don't fit its text")


def _check_states(contents: MemoryContents) -> None:
    states = contents.states
    if states.dtype not in (torch.bfloat16, torch.float32) or states.dim() != 2:
        raise ValueError("states must be two-dimensional, and bfloat16 or float32")
    settings = check_settings(contents.settings)
    latents, retained = settings["num_latents"], settings.get("retained_segments")
    segments = sum(
        min(document.num_segments, retained or document.num_segments)
        for document in contents.documents
    )
    if len(states) != segments * latents:
        raise ValueError("the states aren't those of the documents' segments")
    _check_finite("states", states)


def _check_finite(name: str, tensor: Tensor) -> None:
    if tensor.dtype not in _FLOATS or tensor.numel() == 0:
        return
    # One pass without a copy, some fifty times faster than isfinite().all(); NaN propagates.
    low, high = torch.aminmax(tensor)
    if not (torch.isfinite(low) and torch.isfinite(high)):
        raise ValueError(f"{name} hold NaN or infinite numbers")
