"""How likely each generated token was, and how open the first, as the language model saw it.

Legend: B prompts, V vocabulary.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers import LogitsProcessor


class TokenOdds(LogitsProcessor):
    """Notes log p of each token before other processors change the scores; changes none."""

    def __init__(self) -> None:
        self._last_BV: Tensor | None = None
        self._chosen: list[Tensor] = []
        self._entropy_B: Tensor | None = None

    def __call__(self, input_ids: Tensor, scores: Any) -> Tensor:  # type: ignore[override]
        self._note(input_ids)
        self._last_BV = scores.float().log_softmax(dim=-1)
        if self._entropy_B is None:
            self._entropy_B = torch.special.entr(self._last_BV.exp()).sum(dim=-1)
        return torch.as_tensor(scores)

    @property
    def entropy(self) -> list[float]:
        """How open the first token was for each row, in nats."""
        assert self._entropy_B is not None
        return self._entropy_B.tolist()

    def of(self, rows: Tensor) -> list[list[float]]:
        """log p of every generated token of each row, in nats; `rows` are what generate gave."""
        self._note(rows)
        return torch.stack(self._chosen, dim=1).tolist()

    def _note(self, input_ids: Tensor) -> None:
        if self._last_BV is not None:
            self._chosen.append(self._last_BV.gather(1, input_ids[:, -1:])[:, 0])
