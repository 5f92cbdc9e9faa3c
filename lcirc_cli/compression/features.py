"""A document's contextual features as they are saved, computed window by window.

Legend: N document tokens, S segments, D hidden size.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from lcirc_cli.compression.kept import Windows
from lcirc_cli.compression.segments import CODES, SCALES, segment_lengths
from lcirc_cli.errors import OutOfMemoryError
from lcirc_cli.model import LcircConfig, LcircForCausalLM
from lcirc_cli.model.features import StoredFeatures, store

Progress = Callable[[float], object]


def windows_at_once(device: torch.device) -> int:
    """Feature windows that the LM reads together; halved where memory runs out."""
    return 16 if device.type == "cuda" else 1


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
    saved = blank_features(len(ids_N), config)
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


def blank_features(num_tokens: int, config: LcircConfig) -> dict[str, Tensor]:
    """Room for a document's features: codes [N, D], and scales [S, D] for int8; not filled."""
    D, S = config.hidden_size, len(segment_lengths(num_tokens, config))
    made = {CODES: torch.empty(num_tokens, D, dtype=getattr(torch, config.feature_dtype))}
    if config.feature_dtype == "int8":
        made[SCALES] = torch.empty(S, D, dtype=torch.float16)
    return made


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
