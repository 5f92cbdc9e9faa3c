"""A memory's documents as the segments that the compressor reads, a few at a time.

Where a document is cut, and how what was saved of a segment becomes the compressor's input. On
CUDA the next segments travel to the device while these are read. Knows nothing about questions.

Legend: G segments of a group, n tokens of each, D hidden size.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from lcirc_cli.memory.rows import Rows
from lcirc_cli.model import LcircConfig, LcircForCausalLM
from lcirc_cli.model.decoders import embed
from lcirc_cli.model.features import StoredFeatures, restore

GROUP_TOKENS = 2_048  # read at once: enough to keep the cores busy, little enough to stay flat

CODES, SCALES = "codes", "scales"  # names of the saved features


@dataclass(frozen=True)
class Group:
    """Segments side by side in one document, all of one length."""

    document: int  # counted over the memory, as are the segment and the token
    first_segment: int
    first_token: int
    count: int
    length: int  # tokens of each


def segment_lengths(num_tokens: int, config: LcircConfig) -> list[int]:
    """Tokens of each segment of a document; only the last of a feature window may be shorter."""
    window = config.feature_window if config.segment_inputs else max(1, num_tokens)
    lengths: list[int] = []
    for begin in range(0, num_tokens, window):
        size = min(window, num_tokens - begin)
        full, rest = divmod(size, config.segment_length)
        lengths += [config.segment_length] * full + [rest] * (rest > 0)
    return lengths


def group_segments(
    lengths: Sequence[int], *, document: int = 0, first_segment: int = 0, first_token: int = 0
) -> list[Group]:
    """One document's segments in groups of at most GROUP_TOKENS (or of one segment)."""
    groups: list[Group] = []
    for index, length in enumerate(lengths):
        last = groups[-1] if groups else None
        if last and last.length == length and (last.count + 1) * length <= GROUP_TOKENS:
            groups[-1] = replace(last, count=last.count + 1)
        else:
            groups.append(Group(document, first_segment + index, first_token, 1, length))
        first_token += length
    return groups


@dataclass(frozen=True)
class Segments:
    """The tokens and saved features of documents, and how they fall into groups."""

    token_ids: Rows  # int32 [N]
    features: Mapping[str, Rows]  # codes [N, D], and for int8 scales [S, D]; empty: embeddings
    groups: Sequence[Group]

    def chosen(self, numbers: Collection[int]) -> Segments:
        """These segments alone, by their numbers; all of them are the same groups as before.

        Of some each is a group of its own, so that what is kept of it (`KeyStore`) serves every
        question that reads it.
        """
        if len(numbers) == sum(group.count for group in self.groups):
            return self
        wanted = frozenset(numbers)
        alone = [
            Group(
                group.document,
                group.first_segment + at,
                group.first_token + at * group.length,
                1,
                group.length,
            )
            for group in self.groups
            for at in range(group.count)
            if group.first_segment + at in wanted
        ]
        return replace(self, groups=alone)

    def inputs(
        self, model: LcircForCausalLM, wanted: Sequence[Group]
    ) -> Iterator[tuple[Group, Tensor]]:
        """Each wanted group with what the compressor reads of it, [G, n, D] on its device."""
        saved = ((group, self._saved(group)) for group in wanted)
        for group, parts in _prefetched(saved, model.device):
            yield group, _inputs(model, parts)

    def _saved(self, group: Group) -> tuple[Tensor, ...]:
        G, n = group.count, group.length
        tokens = slice(group.first_token, group.first_token + G * n)
        if not self.features:
            return (self.token_ids[tokens].view(G, n),)
        codes = self.features[CODES][tokens]
        parts = [codes.view(G, n, codes.shape[-1])]
        if SCALES in self.features:
            own = slice(group.first_segment, group.first_segment + G)
            parts.append(self.features[SCALES][own][:, None])
        return tuple(parts)


def _inputs(model: LcircForCausalLM, parts: tuple[Tensor, ...]) -> Tensor:
    dtype = model.adapter.latents.dtype
    if parts[0].dim() == 2:
        return embed(model.lm, parts[0]).to(dtype)
    scales = parts[1] if len(parts) == 2 else None
    return restore(StoredFeatures(parts[0], scales), dtype=dtype)


def _prefetched(
    stream: Iterator[tuple[Group, tuple[Tensor, ...]]], device: torch.device
) -> Iterator[tuple[Group, tuple[Tensor, ...]]]:
    """On CUDA, copy one group ahead from pinned memory on a stream of its own."""
    if device.type != "cuda":
        yield from stream
        return
    side = torch.cuda.Stream(device)
    ahead = None
    for group, parts in stream:
        with torch.cuda.stream(side):
            moved = tuple(part.pin_memory().to(device, non_blocking=True) for part in parts)
        if ahead is not None:
            yield ahead
        torch.cuda.current_stream(device).wait_stream(side)
        for part in moved:
            part.record_stream(torch.cuda.current_stream(device))
        ahead = (group, moved)
    if ahead is not None:
        yield ahead
