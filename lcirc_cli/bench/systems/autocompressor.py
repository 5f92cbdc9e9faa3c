"""`autocompressor`: summary vectors of each segment (`baselines.summaries`) before the window.

Weights are a folder of `lcirc train --method autocompressor`; without one the summary tokens are
as their training starts.

Legend: k summary tokens, P summary vectors, D hidden size.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lcirc_cli.answering.generation import generate
from lcirc_cli.answering.prefill import answer_ids
from lcirc_cli.backbones.loading import Backbone
from lcirc_cli.backbones.tokens import encode
from lcirc_cli.baselines import folder as baseline
from lcirc_cli.baselines import lora, summaries

from ..sample import Output, Sample, TextSample
from .base import Limits, Measured
from .reading import Prompted
from .spec import SystemSpec
from .texts import other_ids, text_ids
from .workbench import Workbench


class AutoCompressor(Prompted):
    """Summaries of the whole document, then the window as in `ends`."""

    def __init__(self, spec: SystemSpec, bench: Workbench, limits: Limits) -> None:
        backbone, folder = bench.backbone, spec.adapter
        card = baseline.MethodCard()
        if folder is not None:
            card = baseline.load_card(folder, backbone, method="autocompressor")
        super().__init__(spec, bench, limits, form=card.prompt_form)
        self._segment = card.segment_tokens
        self._summary_kD, self._changed = _load(backbone, folder)
        self._kept: tuple[str, Tensor] = ("", self._summary_kD[:0])

    def _answered(self, samples: Sequence[Sample], other: str) -> list[Measured]:
        document = samples[0].document
        if self._spec.shuffled and document.strip():  # without a memory so is its control
            document = other
        prefix = self._summaries_of(document)
        room = min(self._limits.window, self._backbone.max_positions - len(prefix))
        prepared = [self._prompter.fitted(s, limit=room - s.max_new_tokens) for s in samples]
        given = prefix if len(prefix) else None
        prompts, decoding = [one.ids for one in prepared], self._decoding(samples[0])
        generated = generate(self._backbone, prompts, decoding=decoding, prefix_PD=given)
        compressed = self._prompter.count(document)
        measured = []
        for sample, one, said in zip(samples, prepared, generated, strict=True):
            loss = None
            if sample.gold is not None:
                ids = answer_ids(self._backbone, sample.gold)
                loss = self._loss(one.ids, ids, prefix_PD=given)
            answer = self._measured(sample, one, replace(said, loss=loss))
            measured.append(replace(answer, compressed=compressed, dropped=0))
        return measured

    def _scored(self, sample: TextSample, other: str) -> Measured:
        ids = text_ids(self._backbone, sample)
        split = len(ids) - sample.scored_tokens
        before = other_ids(self._backbone, sample, other) if self._spec.shuffled else ids[:split]
        prefix = self._summaries(before)
        read = ids[split - 1 :]
        loss = self._loss(read[:1], read[1:], prefix_PD=prefix if len(prefix) else None)
        return Measured(Output(loss=loss), window=len(read), compressed=len(before))

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
            self._backbone.lm, ids, self._summary_kD, segment=self._segment, most=most
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
