"""When answers end: with their line, and at what time."""

from __future__ import annotations

import time
from typing import Any

import torch
from torch import Tensor
from transformers import StoppingCriteria

from lcirc_cli.backbones.loading import Backbone


class Ends(StoppingCriteria):
    """Ends answers of one line, and notes when the first token was there and each answer ended."""

    def __init__(self, backbone: Backbone, prompt_length: int, *, one_line: bool) -> None:
        self._backbone, self.one_line = backbone, one_line
        self.prompt_length = prompt_length
        self.first_at = 0.0
        self._eos_ids = frozenset(backbone.eos_ids)
        self._ended_at: dict[int, float] = {}

    def at(self, row: int) -> float:
        """When the answer of a row had ended; now for one that a limit cut."""
        return self._ended_at.get(row, time.perf_counter())

    def __call__(self, input_ids: Tensor, scores: Any, **kwargs: Any) -> Tensor:  # type: ignore[override]
        if not self.first_at:
            self.first_at = time.perf_counter()
        said = [row[self.prompt_length :] for row in input_ids]
        done = [self.one_line and has_line(self._backbone, row) for row in said]
        last = input_ids[:, -1].tolist()
        for row, token in enumerate(last):
            if done[row] or token in self._eos_ids:
                self._ended_at.setdefault(row, time.perf_counter())
        return torch.tensor(done, device=input_ids.device)


def has_line(backbone: Backbone, tokens: Any) -> bool:
    """Whether these tokens of an answer hold a whole line."""
    return "\n" in str(backbone.tokenizer.decode(tokens)).lstrip()
