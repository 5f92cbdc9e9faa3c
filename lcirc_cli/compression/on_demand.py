"""Documents as a memory before anything is computed: features are, where a question reads them.

What was computed stays in memory for the next question. With all of it computed it is the memory
that `ingest` makes, and saving it computes the rest. Knows nothing about files or questions.

Legend: N document tokens, S segments, K latents, D hidden size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import cached_property
from itertools import groupby
from typing import Any

import torch
from torch import Tensor

from lcirc_cli.compression.features import blank_features, stored_features
from lcirc_cli.compression.ingestion import (
    Words,
    check_documents,
    encoded,
    joined_memories,
    memory_of,
    states_of,
)
from lcirc_cli.compression.segments import CODES, Segments, group_segments, segment_lengths
from lcirc_cli.documents.document import Document
from lcirc_cli.memory.contents import Fingerprints, MemoryContents
from lcirc_cli.memory.rows import Rows
from lcirc_cli.model import LcircForCausalLM

Working = Callable[[], AbstractContextManager[None]]


def opened(
    model: LcircForCausalLM,
    tokenizer: Any,
    documents: Sequence[Document],
    *,
    fingerprints: Fingerprints,
    words: Words,
    working: Working,
) -> MemoryContents:
    """One memory with all documents, none of which is compressed yet.

    Args:
        words: makes the words' index of a document from its text and its tokens' starts.
        working: held while the model is used, whoever reads rows.

    Raises:
        DocumentError: a document has no words.
    """
    check_documents(documents)
    parts = []
    for document in documents:
        ids, starts = encoded(tokenizer, document)
        lengths = segment_lengths(len(ids), model.adapter.config)
        features: Mapping[str, Rows] = {}
        if model.adapter.config.segment_inputs:
            features = _Features(model, ids, working=working).rows
        segments = Segments(ids, features, group_segments(lengths))
        one = memory_of(
            document,
            ids=ids,
            starts=starts,
            states=_States(model, segments, working=working),
            features=features,
            config=model.adapter.config,
            fingerprints=fingerprints,
        )
        index = words(document.text, starts.numpy())
        parts.append(replace(one, words=index, on_demand=bool(features)))
    return joined_memories(parts)


class _Features:
    """A document's features, a window at a time."""

    def __init__(self, model: LcircForCausalLM, ids_N: Tensor, *, working: Working) -> None:
        self._model, self._ids_N, self._working = model, ids_N, working
        config = model.adapter.config
        self._saved = blank_features(len(ids_N), config)  # no room is taken until it is written
        self._missing = set(range(len(ids_N.split(config.feature_window))))
        whole = len(segment_lengths(config.feature_window, config))
        self._sizes = dict.fromkeys(self._saved, whole) | {CODES: config.feature_window}
        self.rows = {name: _FeatureRows(self, name) for name in self._saved}

    def blank(self, name: str) -> Tensor:
        """For its shape and dtype."""
        return self._saved[name]

    def read(self, name: str, first: int, last: int) -> Tensor:
        """Rows first..last of what is saved under a name, computed where they are missing."""
        size = self._sizes[name]  # rows of a window; only the last window has fewer
        wanted = self._missing.intersection(range(first // size, -(-last // size)))
        if wanted:
            with self._working():
                for run in _runs(sorted(wanted & self._missing)):
                    self._compute(run)
        return self._saved[name][first:last]

    def _compute(self, run: range) -> None:
        step = self._sizes[CODES]
        computed = stored_features(self._model, self._ids_N[run.start * step : run.stop * step])
        for name, part in computed.items():
            at = run.start * self._sizes[name]
            self._saved[name][at : at + len(part)] = part
        self._missing.difference_update(run)


class _FeatureRows:
    """One of a document's features, as rows."""

    def __init__(self, features: _Features, name: str) -> None:
        self._features, self._name = features, name
        blank = features.blank(name)
        self.shape, self.dtype = tuple(blank.shape), blank.dtype

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice) -> Tensor:
        first, last, _ = rows.indices(len(self))
        return self._features.read(self._name, first, max(first, last))


class _States:
    """A document's LCIRC states [S * K, D]: reading any computes the whole document."""

    dtype = torch.bfloat16

    def __init__(self, model: LcircForCausalLM, segments: Segments, *, working: Working) -> None:
        self._model, self._segments, self._working = model, segments, working
        config = model.adapter.config
        count = sum(group.count for group in segments.groups)
        kept = min(count, config.retained_segments or count)
        self.shape = (kept * config.num_latents, config.hidden_size)

    @cached_property
    def _computed(self) -> Tensor:
        with self._working():
            return states_of(self._model, self._segments)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice) -> Tensor:
        return self._computed[rows]


def _runs(numbers: Sequence[int]) -> Iterator[range]:
    """Neighbours together."""
    for _, each in groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0]):
        found = [number for _, number in each]
        yield range(found[0], found[-1] + 1)
