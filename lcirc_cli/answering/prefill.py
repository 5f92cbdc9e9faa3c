"""Prompts that the language model has read once: what follows is scored or generated from there.

Knows nothing about memories: one that is to be read is attached by the caller, all the while.

Legend: B prompts, T tokens of the longest prompt, A tokens of the longest answer, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence
from transformers import DynamicCache

from lcirc_cli.answering.refusals import Refusals
from lcirc_cli.backbones.loading import Backbone
from lcirc_cli.prompts import REFUSAL

_WORTH_SHARING = 64  # tokens; below, one more call costs more than it saves


def answer_ids(backbone: Backbone, answer: str | None, *, space: str = " ") -> list[int]:
    """The answer (None = the refusal) as it follows a prompt, and the token that ends it."""
    text = REFUSAL if answer is None else answer
    tokenizer: Any = backbone.tokenizer
    ids = tokenizer(f"{space}{text}", add_special_tokens=False, verbose=False)["input_ids"]
    return [*ids, backbone.eos_ids[0]]


class Prefill:
    """Keys and values of a batch of prompts, and what the model would say next.

    Args:
        alike: read what all prompts begin with only once. Right where the model reads every row
            in the same way: without a memory, or with one row for all. Models with sliding windows
            read each prompt whole: padding between what is shared and what is not would move
            their windows.
    """

    @torch.no_grad()
    def __init__(
        self, backbone: Backbone, prompts: Sequence[Sequence[int]], *, alike: bool
    ) -> None:
        self._backbone = backbone
        self._lm: Any = backbone.lm
        self._cache = DynamicCache()  # keeps all positions, so that it can be cut back
        slides = bool(getattr(self._lm.config.get_text_config(), "sliding_window", None))
        shared = _shared(prompts) if alike and len(prompts) > 1 and not slides else 0
        embedding: Any = self._lm.get_input_embeddings()
        pad = int(backbone.tokenizer.pad_token_id)  # type: ignore[arg-type]
        ids_BT, mask_BT = _joined(prompts, shared, pad=pad)
        self._ids_BT: Tensor = ids_BT.to(embedding.weight.device)
        self._mask_BT: Tensor = mask_BT.to(embedding.weight.device)
        if shared:
            self._lm(
                input_ids=self._ids_BT[:1, :shared],
                past_key_values=self._cache,
                use_cache=True,
                logits_to_keep=1,
            )
            self._cache.batch_repeat_interleave(len(prompts))
        out = self._read(self._ids_BT[:, shared:], self._mask_BT, logits_to_keep=1)
        self._next_BV: Tensor = out[:, -1].float().log_softmax(dim=-1)

    @torch.no_grad()
    def log_probabilities(self, answers: Sequence[Sequence[int]]) -> list[Tensor]:
        """log p of each token [A_b] of one answer for each prompt."""
        rows = [torch.tensor(answer, device=self._ids_BT.device) for answer in answers]
        ids_BA = _padded(rows, "right")
        longest = ids_BA.shape[1]
        rows_BAV = self._next_BV[:, None]
        if longest > 1:
            mask_BA = _padded([torch.ones_like(row) for row in rows], "right")
            mask = torch.cat([self._mask_BT, mask_BA[:, :-1]], dim=1)
            out = self._read(ids_BA[:, :-1], mask).float().log_softmax(dim=-1)
            self._cache.crop(-(longest - 1))
            rows_BAV = torch.cat([rows_BAV, out], dim=1)
        chosen_BA = rows_BAV.gather(2, ids_BA[:, :, None])[:, :, 0]
        return [chosen_BA[row, : len(answer)] for row, answer in enumerate(answers)]

    def losses(self, golds: Sequence[str | None]) -> list[float | None]:
        """Mean nats a token of a text after each prompt; None where there is none."""
        found = self.log_probabilities([answer_ids(self._backbone, gold or "") for gold in golds])
        return [
            None if gold is None else float(-log_p_A.mean())
            for gold, log_p_A in zip(golds, found, strict=True)
        ]

    def refusals(self, *, foreign: bool = False) -> Refusals:
        """How likely the model is to begin its answer with the refusal, for each prompt.

        Its end is left out: what follows the refusal makes no answer of it.

        Args:
            foreign: the prompts are not our own: the answer may begin without a space, too.
        """
        spellings = [answer_ids(self._backbone, None)[:-1]]
        if foreign and (bare := answer_ids(self._backbone, None, space="")[:-1]) not in spellings:
            spellings.append(bare)
        read = [
            (ids, torch.stack(self.log_probabilities([ids] * len(self._ids_BT))))
            for ids in spellings
        ]
        return Refusals(read, begins_at=self.length)

    def inputs(self) -> dict[str, Any]:
        """What the LM's `generate` goes on from. It uses the cache up: nothing works after it."""
        self._cache.crop(-1)  # `generate` reads the last token itself
        return {
            "input_ids": self._ids_BT,
            "attention_mask": self._mask_BT,
            "past_key_values": self._cache,
        }

    @property
    def length(self) -> int:
        """T."""
        return self._ids_BT.shape[1]

    def _read(self, ids_BT: Tensor, mask_BT: Tensor, **options: Any) -> Tensor:
        """Logits after new tokens; the mask covers all that were read."""
        positions_BT = (mask_BT.cumsum(dim=1) - 1).clamp(min=0)
        out = self._lm(
            input_ids=ids_BT,
            attention_mask=mask_BT,
            position_ids=positions_BT[:, -ids_BT.shape[1] :],
            past_key_values=self._cache,
            use_cache=True,
            **options,
        )
        logits: Tensor = out.logits
        return logits


class Prefixed:
    """Prompts with the same embeddings before each, which nothing has read yet."""

    length = 0  # tokens: `generate` gives back only what follows embeddings

    def __init__(
        self, backbone: Backbone, prompts: Sequence[Sequence[int]], prefix_PD: Tensor
    ) -> None:
        embed: Any = backbone.lm.get_input_embeddings()
        prefix_PD = prefix_PD.to(embed.weight)
        self._rows_TD = [
            torch.cat([prefix_PD, embed(torch.tensor(prompt, device=prefix_PD.device))])
            for prompt in prompts
        ]

    def inputs(self) -> dict[str, Tensor]:
        """What the LM's `generate` and forward take; the padding stands before the prefix."""
        device = self._rows_TD[0].device
        ones = [torch.ones(len(row), dtype=torch.long, device=device) for row in self._rows_TD]
        return {
            "inputs_embeds": _padded(self._rows_TD, "left"),
            "attention_mask": _padded(ones, "left"),
        }


def _shared(prompts: Sequence[Sequence[int]]) -> int:
    """Tokens that all prompts begin with, each keeping one of its own; 0 if not worth it."""
    shared = 0
    for tokens in zip(*(prompt[:-1] for prompt in prompts), strict=False):
        if len(set(tokens)) > 1:
            break
        shared += 1
    return shared if shared >= _WORTH_SHARING else 0


def _joined(prompts: Sequence[Sequence[int]], shared: int, *, pad: int) -> tuple[Tensor, Tensor]:
    """Ids and mask [B, T]: what is shared, padding, and the rest of each prompt."""
    rests = [torch.tensor(prompt[shared:]) for prompt in prompts]
    begin = torch.tensor(prompts[0][:shared], dtype=torch.long).expand(len(prompts), -1)
    ids_BT = torch.cat([begin, _padded(rests, "left", pad)], dim=1)
    mask_BR = _padded([torch.ones_like(rest) for rest in rests], "left")
    return ids_BT, F.pad(mask_BR, (shared, 0), value=1)


def _padded(rows: Sequence[Tensor], side: str, value: int = 0) -> Tensor:
    """Rows of different lengths as one tensor [B, T, ...], filled up on one side."""
    return pad_sequence([*rows], batch_first=True, padding_value=value, padding_side=side)
