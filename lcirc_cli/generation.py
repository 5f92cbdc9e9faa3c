"""Answers from prompts: the language model's own generate, with the memory injected.

Greedy by default; stops at the end of a turn, or at the end of the line for models without turns.
Knows nothing about documents.

Legend: B questions.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import StoppingCriteria, StoppingCriteriaList, TextStreamer

from lcirc_cli.backbones import Backbone
from lcirc_cli.default_model import silent_transformers
from lcirc_cli.model import LcircForCausalLM, Memory


@dataclass(frozen=True)
class Decoding:
    """How an answer is generated."""

    max_new_tokens: int
    temperature: float = 0.0  # 0 = greedy
    seed: int = 0  # of the sampling
    one_line: bool = False  # the answer ends with its line


@dataclass(frozen=True)
class Generated:
    """One answer."""

    text: str
    num_tokens: int  # generated, without the one that ends the answer
    first_token_at: float  # time.perf_counter() when the first token was there


def generate(
    model: LcircForCausalLM,
    backbone: Backbone,
    prompts: Sequence[list[int]],
    *,
    memory: Memory | None,
    decoding: Decoding,
    on_text: Callable[[str], object] | None = None,
) -> list[Generated]:
    """Generate an answer for each prompt, all at once.

    Args:
        memory: one row for all prompts, or a row each; None injects nothing.
        on_text: called with pieces of the answer as they appear; for a single prompt.
    """
    ids_BT, mask_BT = _padded(backbone, prompts)
    ends = _Ends(backbone, ids_BT.shape[1], one_line=decoding.one_line)
    options: dict[str, Any] = {"do_sample": decoding.temperature > 0}
    if decoding.temperature > 0:
        options |= {"temperature": decoding.temperature, "top_k": 0, "top_p": 1.0}
    if on_text is not None:
        options["streamer"] = _Pieces(backbone.tokenizer, on_text, one_line=decoding.one_line)
    devices = [model.device] if model.device.type == "cuda" else []
    with silent_transformers(), torch.random.fork_rng(devices=devices):
        torch.manual_seed(decoding.seed)
        rows = model.generate(
            ids_BT.to(model.device),
            memory=memory,
            attention_mask=mask_BT.to(model.device),
            max_new_tokens=decoding.max_new_tokens,
            eos_token_id=list(backbone.eos_ids),
            pad_token_id=backbone.tokenizer.pad_token_id,
            stopping_criteria=StoppingCriteriaList([ends]),
            **options,
        )
    return [
        _generated(backbone, row[ids_BT.shape[1] :].tolist(), ends.first_at, decoding.one_line)
        for row in rows
    ]


def _padded(backbone: Backbone, prompts: Sequence[list[int]]) -> tuple[Tensor, Tensor]:
    """Prompts side by side, padded on the left."""
    longest = max(len(prompt) for prompt in prompts)
    ids_BT = torch.full((len(prompts), longest), int(backbone.tokenizer.pad_token_id))  # type: ignore[arg-type]
    mask_BT = torch.zeros_like(ids_BT)
    for row, prompt in enumerate(prompts):
        ids_BT[row, longest - len(prompt) :] = torch.tensor(prompt)
        mask_BT[row, longest - len(prompt) :] = 1
    return ids_BT, mask_BT


def _generated(backbone: Backbone, tokens: list[int], first_at: float, one_line: bool) -> Generated:
    end = next((at for at, token in enumerate(tokens) if token in backbone.eos_ids), len(tokens))
    text = backbone.tokenizer.decode(tokens[:end], skip_special_tokens=True)
    return Generated(_clean(str(text), one_line=one_line), end, first_at)


def _clean(text: str, *, one_line: bool) -> str:
    text = text.strip()
    return text.split("\n", 1)[0].rstrip() if one_line else text


class _Ends(StoppingCriteria):
    """Ends answers of one line, and notes when the first token was there."""

    def __init__(self, backbone: Backbone, prompt_length: int, *, one_line: bool) -> None:
        self.tokenizer, self.prompt_length, self.one_line = (
            backbone.tokenizer,
            prompt_length,
            one_line,
        )
        self.first_at = 0.0

    def __call__(self, input_ids: Tensor, scores: Any, **kwargs: Any) -> Tensor:  # type: ignore[override]
        if not self.first_at:
            self.first_at = time.perf_counter()
        done = [self.one_line and self._has_line(row) for row in input_ids]
        return torch.tensor(done, device=input_ids.device)

    def _has_line(self, row: Tensor) -> bool:
        return "\n" in str(self.tokenizer.decode(row[self.prompt_length :])).lstrip()


class _Pieces(TextStreamer):
    """Hands over the answer piece by piece; together the pieces are the answer."""

    def __init__(self, tokenizer: Any, on_text: Callable[[str], object], *, one_line: bool) -> None:
        super().__init__(tokenizer, skip_prompt=True, skip_special_tokens=True)
        self.on_text, self.one_line = on_text, one_line
        self.raw = self.given = ""

    def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
        self.raw += text
        whole = _clean(self.raw, one_line=self.one_line)
        if piece := whole[len(self.given) :]:
            self.given = whole
            self.on_text(piece)
