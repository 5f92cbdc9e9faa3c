"""Greedy answers and answer losses for prompts of tokens, several at a time.

The benchmarks' own settings: greedy, one beam, no stop strings, what is generated is not
stripped. A prefix of embeddings (an autocompressor's summaries) may stand before each prompt.

Legend: B prompts, T tokens, P prefix vectors, D hidden size.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import LogitsProcessorList

from lcirc_cli.answering.prefill import Prefill, answer_ids
from lcirc_cli.backbones.loading import Backbone
from lcirc_cli.console import silent_transformers
from lcirc_cli.model import LcircForCausalLM, Memory
from lcirc_cli.prompts import load


@dataclass(frozen=True)
class Decoded:
    """What follows a prompt.

    Attributes:
        loss: mean nats a token of the gold answer, where there is one.
        refusal: the probability that the refusal follows, where it was asked for.
    """

    text: str
    loss: float | None = None
    refusal: float | None = None


class Decoder:
    """Generates with a backbone, or through a model's adapter with its memory, if there is one."""

    def __init__(self, backbone: Backbone, model: LcircForCausalLM | None = None) -> None:
        self._backbone, self._model = backbone, model
        self._lm: Any = backbone.lm

    @torch.no_grad()
    def answer(
        self,
        prompts: Sequence[Sequence[int]],
        golds: Sequence[str | None],
        *,
        max_new_tokens: int,
        memory: Memory | None = None,
        refusal: bool = False,
        foreign: bool = False,
        refuse_from: Sequence[float] | None = None,
    ) -> list[Decoded]:
        """The answer that follows each prompt and the loss of a gold one; each is read once.

        Args:
            golds: None where there is no answer to score.
            refusal: whether to ask how likely a refusal is.
            foreign: the prompts are a benchmark's, not our own.
            refuse_from: as in `lcirc_cli.answering.generation.Decoding`.
        """
        reading: AbstractContextManager[Any] = nullcontext()
        if self._model is not None:
            reading = self._model.reading(memory)
        alike = memory is None or memory.states_BMD.shape[0] == 1
        with silent_transformers(), reading:
            read = Prefill(self._backbone, prompts, alike=alike)
            losses: list[float | None] = [None] * len(prompts)
            if any(gold is not None for gold in golds):
                ids = [answer_ids(self._backbone, gold or "") for gold in golds]
                found = read.log_probabilities(ids)
                losses = [
                    None if gold is None else float(-log_p.mean())
                    for gold, log_p in zip(golds, found, strict=True)
                ]
            odds: list[float | None] = [None] * len(prompts)
            options = self._options(max_new_tokens)
            if refusal:
                refusals = read.refusals(foreign=foreign)
                odds = list(refusals.probabilities)
                if refuse_from is not None:
                    options["logits_processor"] = LogitsProcessorList([refusals])
            rows = self._lm.generate(**read.inputs(), **options)
        thresholds = [None] * len(prompts) if refuse_from is None else refuse_from
        texts = [
            load("refusal.txt")
            if p is not None and threshold is not None and p >= threshold
            else self._text(row[read.length :].tolist())
            for row, p, threshold in zip(rows, odds, thresholds, strict=True)
        ]
        return [Decoded(*each) for each in zip(texts, losses, odds, strict=True)]

    @torch.no_grad()
    def generate(
        self,
        prompts: Sequence[Sequence[int]],
        *,
        max_new_tokens: int,
        memory: Memory | None = None,
        prefix_PD: Tensor | None = None,
    ) -> list[str]:
        """The text that follows each prompt, special tokens left out."""
        inputs = self._inputs(prompts, prefix_PD)
        prompt_length = inputs["input_ids"].shape[1] if "input_ids" in inputs else 0
        target: Any = self._lm if self._model is None else self._model
        options = {} if target is self._lm else {"memory": memory}
        with silent_transformers():
            rows = target.generate(
                **inputs,
                **options,
                **self._options(max_new_tokens),
            )
        return [self._text(row[prompt_length:].tolist()) for row in rows]

    @torch.no_grad()
    def losses(
        self,
        prompts: Sequence[Sequence[int]],
        answers: Sequence[Sequence[int]],
        *,
        memory: Memory | None = None,
        prefix_PD: Tensor | None = None,
    ) -> list[float]:
        """Mean nats a token of each answer after its prompt."""
        joined = [[*p, *a] for p, a in zip(prompts, answers, strict=True)]
        inputs = self._inputs(joined, prefix_PD)
        target: Any = self._lm if self._model is None else self._model
        options = {} if target is self._lm else {"memory": memory}
        keep = max(map(len, answers)) + 1
        logits = target(**inputs, **options, logits_to_keep=keep, use_cache=False).logits.float()
        result = []
        for row, answer in enumerate(answers):
            # Padded on the left: the last position predicts nothing, the one before it the end.
            scores = logits[row, -len(answer) - 1 : -1].log_softmax(dim=-1)
            wanted = torch.tensor(answer, device=scores.device)[:, None]
            result.append(float(-scores.gather(1, wanted).mean()))
        return result

    def _options(self, max_new_tokens: int) -> dict[str, Any]:
        return {
            "do_sample": False,
            "num_beams": 1,
            "max_new_tokens": max_new_tokens,
            "eos_token_id": list(self._backbone.eos_ids),
            "pad_token_id": self._backbone.tokenizer.pad_token_id,
        }

    def _inputs(
        self, prompts: Sequence[Sequence[int]], prefix_PD: Tensor | None
    ) -> dict[str, Tensor]:
        longest = max(map(len, prompts))
        pad = int(self._backbone.tokenizer.pad_token_id)  # type: ignore[arg-type]
        ids_BT = torch.full((len(prompts), longest), pad)
        mask_BT = torch.zeros_like(ids_BT)
        for row, prompt in enumerate(prompts):
            ids_BT[row, longest - len(prompt) :] = torch.tensor(prompt)
            mask_BT[row, longest - len(prompt) :] = 1
        device = self._lm.get_input_embeddings().weight.device
        ids_BT, mask_BT = ids_BT.to(device), mask_BT.to(device)
        if prefix_PD is None:
            return {"input_ids": ids_BT, "attention_mask": mask_BT}
        return self._embedded(ids_BT, mask_BT, prefix_PD)

    def _embedded(self, ids_BT: Tensor, mask_BT: Tensor, prefix_PD: Tensor) -> dict[str, Tensor]:
        """Prefix, then prompt, row by row, the padding before both."""
        embed = self._lm.get_input_embeddings()
        P, rows, masks = len(prefix_PD), [], []
        for ids_T, mask_T in zip(ids_BT, mask_BT, strict=True):
            padding = int((mask_T == 0).sum())
            parts = [embed(ids_T[:padding]), prefix_PD.to(embed.weight), embed(ids_T[padding:])]
            rows.append(torch.cat(parts))
            masks.append(torch.cat([mask_T[:padding], mask_T.new_ones(P), mask_T[padding:]]))
        return {"inputs_embeds": torch.stack(rows), "attention_mask": torch.stack(masks)}

    def _text(self, tokens: list[int]) -> str:
        ends = self._backbone.eos_ids
        end = next((at for at, token in enumerate(tokens) if token in ends), len(tokens))
        return str(self._backbone.tokenizer.decode(tokens[:end], skip_special_tokens=True))
