"""`autocompressor`: summary vectors of each segment (`baselines.summaries`) before the window.

Weights are a folder of `lcirc train --method autocompressor`; without one the summary tokens are
as their training starts.

Legend: k summary tokens, P summary vectors, D hidden size.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lcirc_cli.answering.decoding import Decoder
from lcirc_cli.answering.prefill import answer_ids
from lcirc_cli.backbones.loading import Backbone
from lcirc_cli.backbones.tokens import encode
from lcirc_cli.baselines import folder as baseline
from lcirc_cli.baselines import lora, summaries

from ..sample import Output, Sample, TextSample
from .base import Batch, Limits, Measured, check_other
from .gold import gold_answer
from .prompting import Prompter
from .texts import other_ids, text_ids


class AutoCompressor:
    """Summaries of the whole document, then the window as in `ends`."""

    ranks = False

    def __init__(
        self, backbone: Backbone, folder: str | None, *, limits: Limits, shuffled: bool
    ) -> None:
        self._backbone, self._limits, self._shuffled = backbone, limits, shuffled
        self._lm: Any = backbone.lm
        card = baseline.MethodCard()
        if folder is not None:
            card = baseline.load_card(folder, backbone, method="autocompressor")
        self._segment = card.segment_tokens
        self._prompter = Prompter(backbone, form=card.prompt_form)
        self._decoder = Decoder(backbone)
        self._summary_kD, self._attach = _load(backbone, folder)
        self.trained = folder is not None
        self._kept: tuple[str, Tensor] = ("", self._summary_kD[:0])

    def run(self, batch: Batch) -> list[Measured]:
        with self._attach():
            if self._shuffled:
                check_other(batch)
            if batch.texts:
                return [self._scored(sample, batch.other) for sample in batch.texts]
            document = batch.samples[0].document
            if self._shuffled and document.strip():  # without a memory so is its control
                document = batch.other
            return self._answer(batch.samples, document)

    def _answer(self, samples: Sequence[Sample], document: str) -> list[Measured]:
        prefix = self._summaries_of(document)
        room = min(self._limits.window, self._backbone.max_positions - len(prefix))
        prepared = [self._prompter.fitted(s, limit=room - s.max_new_tokens) for s in samples]
        prompts = [one.ids for one in prepared]
        given = prefix if len(prefix) else None
        texts = self._decoder.generate(
            prompts, max_new_tokens=samples[0].max_new_tokens, prefix_PD=given
        )
        measured = []
        for sample, one, text in zip(samples, prepared, texts, strict=True):
            loss = None
            if (gold := gold_answer(sample)) is not None:
                ids = answer_ids(self._backbone, gold)
                (loss,) = self._decoder.losses([one.ids], [ids], prefix_PD=given)
            output = Output(
                self._prompter.trimmed(sample, text), self._closed_book(sample), answer_loss=loss
            )
            measured.append(
                Measured(output, one.sha256, len(one.ids), self._prompter.count(document))
            )
        return measured

    def _scored(self, sample: TextSample, other: str) -> Measured:
        ids = text_ids(self._backbone, sample)
        split = len(ids) - sample.scored_tokens
        before = other_ids(self._backbone, sample, other) if self._shuffled else ids[:split]
        prefix = self._summaries(before)
        read = ids[split - 1 :]
        given = prefix if len(prefix) else None
        (loss,) = self._decoder.losses([read[:1]], [read[1:]], prefix_PD=given)
        return Measured(Output(loss=loss), window=len(read), compressed=len(before))

    def _closed_book(self, sample: Sample) -> str | None:
        if sample.closed_book is None:
            return None
        prompt = self._prompter.closed_book(sample.closed_book)
        return self._decoder.generate([prompt.ids], max_new_tokens=sample.max_new_tokens)[0]

    def _summaries_of(self, text: str) -> Tensor:
        """Kept for the last document: all its questions share them."""
        if text != self._kept[0]:
            ids = encode(self._backbone.tokenizer, text)[0].tolist()
            self._kept = (text, self._summaries(ids))
        return self._kept[1]

    @torch.no_grad()
    def _summaries(self, ids: Sequence[int]) -> Tensor:
        """[S * k, D]; older summaries fall out where the positions would not suffice."""
        most = summaries.most_vectors(
            self._backbone.max_positions,
            window=self._limits.window,
            segment=self._segment,
            tokens=len(self._summary_kD),
        )
        return summaries.summarise(
            self._lm, ids, self._summary_kD, segment=self._segment, most=most
        )


def _load(
    backbone: Backbone, folder: str | None
) -> tuple[Tensor, Callable[[], AbstractContextManager[None]]]:
    if folder is None:
        embed: Any = backbone.lm.get_input_embeddings()
        return summaries.start(embed.weight, backbone.eos_ids[0]), nullcontext
    summary_kD = baseline.load_summary_tokens(folder, backbone)
    if not (Path(folder) / "adapter_config.json").is_file():
        return summary_kD, nullcontext
    return summary_kD, lora.attach(backbone.lm, folder)
