"""`LcircForCausalLM`: a frozen decoder and an adapter as one model.

The decoder keeps its own `forward` and `generate`; this class makes what the adapter reads of
documents and questions, attaches the memory and calls the decoder. Knows token ids, no text.

Legend: B batch, n tokens of a document's window, T window tokens, D hidden size.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from .adapter import LcircAdapter
from .decoders import hidden_states_before
from .features import normalise
from .injection import Injector
from .layers import KeysValues
from .recurrence import FULL, Backpropagation, Compressed, Memory, Segment, compress


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
        hidden = hidden_states_before(self.lm, input_ids_BN, layer=j)
        return normalise(hidden) if j else hidden

    # -- what does ----------------------------------------------------------------------------

    def question_keys(self, question_ids_BT: Tensor, mask_BT: Tensor | None = None) -> KeysValues:
        """The question as the mixer reads it: embedded like the document, projected once."""
        weight = self.adapter.latents
        x = self.features(question_ids_BT.to(self.device))
        mask_BT = None if mask_BT is None else mask_BT.to(weight.device)
        return self.adapter.question_keys(x.to(device=weight.device, dtype=weight.dtype), mask_BT)

    def compress(
        self,
        segments: Sequence[Segment],
        *,
        question: KeysValues | None = None,
        plan: Backpropagation = FULL,
        evidence: bool = False,
    ) -> Compressed:
        """Run the recurrence, see `recurrence.compress`; QD-LCIRC with a question."""
        return compress(
            self.adapter,
            segments,
            question=question,
            retained=self.adapter.config.retained_segments,
            plan=plan,
            evidence=evidence,
        )

    @contextmanager
    def reading(self, memory: Memory | None = None, *, through: bool = True) -> Iterator[None]:
        """The LM reads through the adapter inside the block: its reader on, the memory injected.

        Where the two were trained apart (`LcircConfig.reader_beside_memory`), the reader is off
        beside a memory.

        Args:
            memory: None injects nothing.
            through: False is the bare LM, whatever the adapter holds.
        """
        both = memory is None or self.adapter.config.reader_beside_memory
        reader = self.adapter.reader if through and both else None
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
