"""`autocompressor`: summary vectors of each segment, made by the backbone itself.

After Chevalier et al., "Adapting Language Models to Compress Contexts" (EMNLP 2023): summary
tokens stand behind each segment, their last hidden states become soft prompts for all later
segments and for the window. Weights are a folder with `model.safetensors` (`summary_embeddings`
[k, D], and LoRA weights beside it where they were tuned); without one the summary tokens start
as the end-of-text embedding, which is how their training starts.

Legend: k summary tokens, n tokens of a segment, D hidden size.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lcirc_cli.backbones import Backbone
from lcirc_cli.errors import ModelError

from ..sample import Output, Sample, TextSample
from .base import Batch, Limits, Measured
from .decoding import Decoder
from .gold import gold_ids
from .prompting import Prompter
from .reading import text_ids

SUMMARY_TOKENS = 50
SEGMENT_TOKENS = 2048


class AutoCompressor:
    """Summaries of the whole document, then the window as in `ends`."""

    def __init__(
        self, backbone: Backbone, folder: str | None, *, limits: Limits, shuffled: bool
    ) -> None:
        self._backbone, self._limits, self._shuffled = backbone, limits, shuffled
        self._lm: Any = backbone.lm
        self._prompter, self._decoder = Prompter(backbone), Decoder(backbone)
        self._summary_kD, self._attach = _load(backbone, folder)
        self.trained = folder is not None
        self._kept: tuple[str, Tensor] = ("", self._summary_kD[:0])

    def run(self, batch: Batch) -> list[Measured]:
        with self._attach():
            if batch.texts:
                return [self._scored(sample, batch.other) for sample in batch.texts]
            document = batch.other if self._shuffled else batch.samples[0].document
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
            if sample.prompt is None and sample.answers:
                gold = gold_ids(self._backbone, sample.answers[0])
                (loss,) = self._decoder.losses([one.ids], [gold], prefix_PD=given)
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
        prefix = self._summaries_of(other) if self._shuffled else self._summaries(ids[:split])
        read = ids[split:]
        given = prefix if len(prefix) else None
        (loss,) = self._decoder.losses([read[:1]], [read[1:]], prefix_PD=given)
        return Measured(Output(loss=loss), window=len(read), compressed=split)

    def _closed_book(self, sample: Sample) -> str | None:
        if sample.closed_book is None:
            return None
        prompt = self._prompter.closed_book(sample.closed_book)
        return self._decoder.generate([prompt.ids], max_new_tokens=sample.max_new_tokens)[0]

    def _summaries_of(self, text: str) -> Tensor:
        """Kept for the last document: all its questions share them."""
        if text != self._kept[0]:
            tokenizer: Any = self._backbone.tokenizer
            ids = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
            self._kept = (text, self._summaries(ids))
        return self._kept[1]

    @torch.no_grad()
    def _summaries(self, ids: Sequence[int]) -> Tensor:
        """[S * k, D]; older summaries fall out where the positions would not suffice."""
        embed = self._lm.get_input_embeddings()
        k = len(self._summary_kD)
        summaries = self._summary_kD[:0]
        # A window's worth of positions stays free, so that the answer can be read at all.
        most = max(k, (self._backbone.max_positions - self._limits.window) // k * k)
        most = min(most, (self._backbone.max_positions - SEGMENT_TOKENS - k) // k * k)
        for start in range(0, len(ids), SEGMENT_TOKENS):
            part = torch.tensor(ids[start : start + SEGMENT_TOKENS], device=embed.weight.device)
            inputs = torch.cat([summaries[-most:], embed(part), self._summary_kD])
            hidden = self._lm.base_model(inputs_embeds=inputs[None], use_cache=False)
            summaries = torch.cat([summaries, hidden.last_hidden_state[0, -k:]])
        return summaries[-most:]


def _load(
    backbone: Backbone, folder: str | None
) -> tuple[Tensor, Callable[[], AbstractContextManager[None]]]:
    embed: Any = backbone.lm.get_input_embeddings()
    if folder is None:
        start = embed.weight[backbone.eos_ids[0]].detach()
        return start.expand(SUMMARY_TOKENS, -1).clone(), nullcontext
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    path = Path(folder) / "model.safetensors"
    try:
        summary = load_file(path)["summary_embeddings"]
    except (OSError, KeyError, SafetensorError) as error:
        raise ModelError(f"{folder} holds no autocompressor: {error}") from error
    if summary.dim() != 2 or summary.shape[1] != embed.weight.shape[1]:
        raise ModelError(f"the autocompressor in {folder} was made for another width")
    if not (Path(folder) / "adapter_config.json").is_file():
        return summary.to(embed.weight), nullcontext
    from .lora import attach

    return summary.to(embed.weight), attach(backbone.lm, folder)
