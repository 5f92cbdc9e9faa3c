"""`LcircForCausalLM`: a frozen decoder and an adapter as one model.

The decoder keeps its own `forward` and `generate`; this class compresses documents, attaches the
memory and calls them. Knows token ids, no text.

Legend: B batch, N document tokens, S segments, n tokens of a segment, T window tokens, D.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from .adapter import LcircAdapter
from .decoders import contextual, embed
from .features import StoredFeatures, normalise, restore, store
from .injection import Injector
from .layers import KeysValues
from .recurrence import Compressed, Memory, Segment, compress


class LcircForCausalLM(nn.Module):
    """A frozen LM whose layers can read a compressed memory.

    Raises:
        ValueError: adapter and LM don't fit (width or number of layers).
    """

    def __init__(self, lm: PreTrainedModel, adapter: LcircAdapter) -> None:
        super().__init__()
        width = lm.config.get_text_config().hidden_size
        if width != adapter.config.hidden_size:
            raise ValueError(f"the adapter is {adapter.config.hidden_size} wide, the model {width}")
        self.lm = lm.requires_grad_(False)
        self.adapter = adapter
        self.injector = Injector(lm, adapter)

    # -- what does not depend on the question -------------------------------------------------

    @torch.no_grad()
    def features(self, input_ids_BN: Tensor) -> Tensor:
        """x_i before positions for one window of tokens, [B, n, D]; right padding is harmless.

        Token embeddings with `segment_inputs` 0, else normalised hidden states after j layers.
        """
        j = self.adapter.config.segment_inputs
        if j == 0:
            return embed(self.lm, input_ids_BN)
        return normalise(contextual(self.lm, input_ids_BN, layer=j))

    def stored_features(self, input_ids_N: Tensor) -> list[StoredFeatures]:
        """A document's contextual features, window by window, rounded as they are saved."""
        config = self.adapter.config
        windows = input_ids_N.to(self.device).split(config.feature_window)
        return [store(self.features(w[None])[0], config.feature_dtype) for w in windows]

    def segments(
        self,
        documents: Sequence[Tensor],
        *,
        features: Sequence[Sequence[StoredFeatures]] | None = None,
    ) -> Iterator[Segment]:
        """The segments of a batch of documents of unequal length, padded and masked.

        Args:
            documents: token ids [N], one tensor a document.
            features: stored features, a list of windows a document; None computes them (and
                rounds them, so that both ways give the same inputs).
        """
        config, n = self.adapter.config, self.adapter.config.segment_length
        inputs = [
            self._window_inputs(ids, None if features is None else features[index])
            for index, ids in enumerate(documents)
        ]
        for start in range(0, max(len(ids) for ids in documents), n):
            rows = [
                next(stream, None) if start < len(ids) else None
                for stream, ids in zip(inputs, documents, strict=True)
            ]
            yield _pad(rows, config.hidden_size)

    def _window_inputs(
        self, ids_N: Tensor, stored: Sequence[StoredFeatures] | None
    ) -> Iterator[Tensor]:
        """Segment inputs [n, D] of one document, one feature window in memory at a time."""
        config = self.adapter.config
        weight = self.adapter.latents
        if config.segment_inputs == 0:
            for part in ids_N.split(config.segment_length):
                x = embed(self.lm, part.to(self.device)[None])[0]
                yield x.to(device=weight.device, dtype=weight.dtype)
            return
        windows = ids_N.split(config.feature_window)
        for index, window in enumerate(windows):
            if stored is None:
                block = store(self.features(window.to(self.device)[None])[0], config.feature_dtype)
            else:
                block = stored[index]
            values = restore(block, dtype=weight.dtype).to(weight.device, non_blocking=True)
            yield from values.split(config.segment_length)

    # -- what does ----------------------------------------------------------------------------

    def question_keys(self, question_ids_BT: Tensor, mask_BT: Tensor | None = None) -> KeysValues:
        """The question as the mixer reads it: embedded like the document, projected once."""
        weight = self.adapter.latents
        x = self.features(question_ids_BT.to(self.device))
        mask_BT = None if mask_BT is None else mask_BT.to(weight.device)
        return self.adapter.question_keys(x.to(device=weight.device, dtype=weight.dtype), mask_BT)

    def compress(
        self,
        segments: Iterator[Segment] | Sequence[Segment],
        *,
        question: KeysValues | None = None,
        carry_BKD: Tensor | None = None,
    ) -> Compressed:
        """Run the recurrence; LCIRC without a question, QD-LCIRC with one."""
        return compress(
            self.adapter,
            segments,
            question=question,
            carry_BKD=carry_BKD,
            retained=self.adapter.config.retained_segments,
        )

    @contextmanager
    def reading(self, memory: Memory | None = None, *, through: bool = True) -> Iterator[None]:
        """The LM reads through the adapter inside the block: its reader on, the memory injected.

        Args:
            memory: None injects nothing.
            through: False is the bare LM, whatever the adapter holds.
        """
        reader = self.adapter.reader if through else None
        with (
            nullcontext() if reader is None else reader.attached(self.lm),
            self.injector.attached(memory if through else None),
        ):
            yield

    def forward(
        self, input_ids: Tensor | None = None, *, memory: Memory | None = None, **kwargs: Any
    ) -> Any:
        """The LM's own forward through the adapter; all its arguments and outputs."""
        with self.reading(memory):
            return self.lm(input_ids=input_ids, **kwargs)

    @torch.no_grad()
    def generate(
        self, input_ids: Tensor | None = None, *, memory: Memory | None = None, **kwargs: Any
    ) -> Any:
        """The LM's own generate through the adapter; all its arguments and outputs."""
        lm: Any = self.lm  # mixes in GenerationMixin
        with self.reading(memory):
            return lm.generate(input_ids, **kwargs)

    @property
    def device(self) -> torch.device:
        """Where token ids go."""
        return self.lm.get_input_embeddings().weight.device  # type: ignore[union-attr,return-value]


def _pad(rows: list[Tensor | None], width: int) -> Segment:
    """Stack segment inputs [n_b, D] to [B, n, D]; a mask only where they differ."""
    lengths = [0 if row is None else len(row) for row in rows]
    longest = max(lengths)
    first = next(row for row in rows if row is not None)
    if all(length == longest for length in lengths):
        return Segment(torch.stack([row for row in rows if row is not None]))
    padded = first.new_zeros(len(rows), longest, width)
    for index, row in enumerate(rows):
        if row is not None:
            padded[index, : len(row)] = row
    position = torch.arange(longest, device=first.device)
    mask = position[None] < torch.tensor(lengths, device=first.device)[:, None]
    return Segment(padded, mask)
