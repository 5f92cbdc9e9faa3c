"""Whether the parts of a memory agree with each other: counts, ranges, dtypes, finite numbers.

A hash only proves that a file is as it was written; these checks refuse one that was written
wrongly. What is opened is checked by its counts and shapes, what is read of it when it is read;
what is written, all of it. Knows nothing about files.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from lcirc_cli.memory.contents import MemoryContents
from lcirc_cli.memory.pages import check_pages
from lcirc_cli.memory.records import check_settings
from lcirc_cli.memory.rows import pieces
from lcirc_cli.memory.words import check_words

MAX_TOKEN_ID = 2**24 - 1  # three bytes in the file
_FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def check_contents(contents: MemoryContents) -> None:
    """Checks everything that `ask` relies on, which reads all of it.

    Raises:
        ValueError: something doesn't agree; one line that says what.
    """
    check_outline(contents)
    for document in contents.documents:
        own = slice(document.first_token, document.first_token + document.num_tokens)
        length = len(document.text)
        check_pages(document.pages, characters=length, name=document.name)
        check_starts(contents.token_starts[own].numpy(), characters=length, name=document.name)
        len(document.scans)  # reading them checks them
    check_ids(contents.token_ids[:])
    for name, rows in {"states": contents.states, **contents.features}.items():
        for piece in pieces(rows):
            check_finite(name, piece)
    if contents.words is not None:
        check_words(
            contents.words,
            characters=[len(document.text) for document in contents.documents],
            tokens=[document.num_tokens for document in contents.documents],
        )


def check_outline(contents: MemoryContents) -> None:
    """Checks what is known without reading texts, tokens, states and features: counts and shapes.

    Raises:
        ValueError: something doesn't agree; one line that says what.
    """
    _check_documents(contents)
    ids, starts = contents.token_ids, contents.token_starts
    if ids.dtype != torch.int32 or starts.dtype != torch.int64:
        raise ValueError("token ids must be int32 and token starts int64")
    if len(ids.shape) != 1 or tuple(starts.shape) != tuple(ids.shape):
        raise ValueError("token ids and token starts must be one row of the same length")
    _check_states(contents)
    counts = (len(ids), len(contents.segment_lengths))
    for name, rows in contents.features.items():
        if len(rows.shape) == 0 or rows.shape[0] not in counts:
            raise ValueError(f"feature {name} has neither a row a token nor a row a segment")


def check_ids(ids: Tensor) -> None:
    """Raises ValueError where token ids don't fit into three bytes."""
    if len(ids) and not 0 <= int(ids.min()) <= int(ids.max()) <= MAX_TOKEN_ID:
        raise ValueError("a token id is out of range")


def check_starts(starts: np.ndarray, *, characters: int, name: str) -> None:
    """Raises ValueError where a document's tokens begin outside its text, or out of order."""
    if len(starts) and (
        starts[0] < 0 or starts[-1] > characters or np.any(starts[1:] < starts[:-1])
    ):
        raise ValueError(f"the token starts of {name!r} don't fit its text")


def check_finite(name: str, tensor: Tensor) -> None:
    """Raises ValueError where a number is infinite or none at all."""
    if tensor.dtype not in _FLOATS or tensor.numel() == 0:
        return
    # One pass without a copy, some fifty times faster than isfinite().all(); NaN propagates.
    low, high = torch.aminmax(tensor)
    if not (torch.isfinite(low) and torch.isfinite(high)):
        raise ValueError(f"{name} hold NaN or infinite numbers")


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
    if token != len(contents.token_ids) or segment != len(contents.segment_lengths):
        raise ValueError("the documents don't add up to all tokens and segments")


def _check_states(contents: MemoryContents) -> None:
    states = contents.states
    if states.dtype not in (torch.bfloat16, torch.float32) or len(states.shape) != 2:
        raise ValueError("states must be two-dimensional, and bfloat16 or float32")
    settings = check_settings(contents.settings)
    latents, retained = settings["num_latents"], settings.get("retained_segments")
    segments = sum(
        min(document.num_segments, retained or document.num_segments)
        for document in contents.documents
    )
    if len(states) != segments * latents:
        raise ValueError("the states aren't those of the documents' segments")
