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
from transformers import (
    LogitsProcessorList,
    StoppingCriteria,
    StoppingCriteriaList,
    TextStreamer,
)

from lcirc_cli.answering.prefill import Prefill, answer_ids
from lcirc_cli.backbones.loading import Backbone
from lcirc_cli.console import silent_transformers
from lcirc_cli.model import LcircForCausalLM, Memory
from lcirc_cli.prompts import load


@dataclass(frozen=True)
class Decoding:
    """How an answer is generated."""

    max_new_tokens: int
    temperature: float = 0.0  # 0 = greedy
    seed: int = 0  # of the sampling
    one_line: bool = False  # the answer ends with its line
    # For each prompt the probability from which a refusal is the answer (below, it is none); None
    # leaves that to decoding.
    refuse_from: Sequence[float] | None = None


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
    through: bool = True,
    on_text: Callable[[str], object] | None = None,
) -> list[Generated]:
    """Generate an answer for each prompt, all at once.

    Args:
        memory: one row for all prompts, or a row each; None injects nothing.
        through: False asks the bare language model, without the adapter's reader.
        decoding: whether to refuse is asked before anything is generated.
        on_text: called with pieces of the answer as they appear; for a single prompt.
    """
    options: dict[str, Any] = {"do_sample": decoding.temperature > 0}
    if decoding.temperature > 0:
        options |= {"temperature": decoding.temperature, "top_k": 0, "top_p": 1.0}
    devices = [model.device] if model.device.type == "cuda" else []
    reading = model.reading(memory, through=through)
    with silent_transformers(), torch.random.fork_rng(devices=devices), reading:
        torch.manual_seed(decoding.seed)
        read = Prefill(backbone, prompts, alike=memory is None or memory.states_BMD.shape[0] == 1)
        refused = [False] * len(prompts)
        if decoding.refuse_from is not None:
            refusals = read.refusals()
            refused = [
                probability >= threshold
                for probability, threshold in zip(
                    refusals.probabilities, decoding.refuse_from, strict=True
                )
            ]
            options["logits_processor"] = LogitsProcessorList([refusals])
        ends = _Ends(backbone, read.length, one_line=decoding.one_line)
        if all(refused):
            ends.first_at = time.perf_counter()
            rows: Any = [[]] * len(prompts)
            if on_text is not None:
                on_text(load("refusal.txt"))
        else:
            if on_text is not None:
                pieces = _Pieces(backbone.tokenizer, on_text, one_line=decoding.one_line)
                options["streamer"] = pieces
            rows = _continued(backbone, read, decoding, ends, options)
    return [
        _refusal(backbone, ends.first_at)
        if no
        else _generated(backbone, row, ends.first_at, decoding.one_line)
        for row, no in zip(rows, refused, strict=True)
    ]


def _continued(
    backbone: Backbone, read: Prefill, decoding: Decoding, ends: _Ends, options: dict[str, Any]
) -> list[list[int]]:
    """The tokens that the model says after each prompt."""
    lm: Any = backbone.lm
    rows = lm.generate(
        **read.inputs(),
        **options,
        max_new_tokens=decoding.max_new_tokens,
        eos_token_id=list(backbone.eos_ids),
        pad_token_id=backbone.tokenizer.pad_token_id,
        stopping_criteria=StoppingCriteriaList([ends]),
    )
    return [row[read.length :].tolist() for row in rows]


def _refusal(backbone: Backbone, at: float) -> Generated:
    return Generated(load("refusal.txt"), len(answer_ids(backbone, None)) - 1, at)


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
