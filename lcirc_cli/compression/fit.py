"""Whether a memory holds what the models that it names would have made of its documents.

Its fingerprints say so, but a file can say anything: with other widths, segments or features the
models would fail in the middle of a question. Knows nothing about files.

Legend: N document tokens, S segments, K latents, D hidden size.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch

from lcirc_cli.compression.ingestion import settings_of
from lcirc_cli.compression.segments import CODES, SCALES, segment_lengths
from lcirc_cli.errors import MemoryFileError
from lcirc_cli.memory.contents import MemoryContents
from lcirc_cli.model import LcircConfig


def check_fit(contents: MemoryContents, config: LcircConfig, *, vocabulary: int, name: str) -> None:
    """Checks everything of a memory that the models rely on.

    Args:
        vocabulary: how many token ids the language model has.
        name: of the memory, for the message.

    Raises:
        MemoryFileError: the first thing that they would have made otherwise.
    """
    for wrong in _differences(contents, config, vocabulary):
        raise MemoryFileError(
            f"{name}: not what the models that it names would have made: {wrong}; ingest the "
            "document again"
        )


def _differences(contents: MemoryContents, config: LcircConfig, vocabulary: int) -> Iterator[str]:
    ids, D = contents.token_ids, config.hidden_size
    for setting, value in settings_of(config).items():
        if contents.settings.get(setting) != value:
            yield f"its {setting} is {contents.settings.get(setting)}, not {value}"
    if not all(document.num_tokens for document in contents.documents) or not len(ids):
        yield "a document of it has no words"
    if not contents.features and len(ids):  # else nothing reads them
        highest = int(ids[:].max())
        if highest >= vocabulary:
            yield f"it has the token {highest:,}, and the model has {vocabulary:,}"
    for document in contents.documents:
        first, last = document.first_segment, document.first_segment + document.num_segments
        if contents.segment_lengths[first:last] != segment_lengths(document.num_tokens, config):
            yield f"{document.name!r} is cut into other segments"
    if contents.states.shape[-1] != D:
        yield f"its latents are {contents.states.shape[-1]:,} wide, not {D:,}"
    shapes = {name: (value.dtype, tuple(value.shape)) for name, value in contents.features.items()}
    if shapes != _features(len(ids), len(contents.segment_lengths), config):
        yield "its features have other names, shapes or dtypes"


def _features(
    num_tokens: int, num_segments: int, config: LcircConfig
) -> dict[str, tuple[torch.dtype, tuple[int, ...]]]:
    """dtype and shape of what is saved: codes [N, D], and for int8 scales [S, D]."""
    if not config.segment_inputs:
        return {}
    dtype, D = getattr(torch, config.feature_dtype), config.hidden_size
    made: dict[str, tuple[torch.dtype, tuple[int, ...]]] = {CODES: (dtype, (num_tokens, D))}
    if config.feature_dtype == "int8":
        made[SCALES] = (torch.float16, (num_segments, D))
    return made
