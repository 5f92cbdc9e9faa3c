"""Refusing by probability: whether "the document does not say" is the answer, and what else is.

Decoding word by word prefers the refusal far beyond its probability: it is always the same words,
while an answer's probability is divided among all ways to say it. So an adapter may set the
probability at which it refuses; below it, the model gives its best other answer.

Legend: B prompts, A tokens of the refusal, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import LogitsProcessor


class Refusals(LogitsProcessor):
    """The refusal's probability after each prompt; as a logits processor it removes the refusal.

    Scores [B, V] become log p(token | what was said, the answer is not the refusal): along the
    refusal's tokens each loses the probability that the rest of it follows.

    Args:
        spellings: each way to write it in tokens, with log p [B, A] of each token, given those
            before it.
        begins_at: tokens of a prompt.
    """

    def __init__(
        self, spellings: Sequence[tuple[Sequence[int], Tensor]], *, begins_at: int
    ) -> None:
        self._spellings = [
            # log p that the refusal goes on to its end from each of its tokens
            (torch.tensor(ids, device=log_p_BA.device), log_p_BA.flip(1).cumsum(dim=1).flip(1))
            for ids, log_p_BA in spellings
        ]
        self._begins_at = begins_at

    @property
    def probabilities(self) -> list[float]:
        """For each prompt, of the refusal word for word."""
        whole_B = torch.stack([rest_BA[:, 0].exp() for _, rest_BA in self._spellings]).sum(dim=0)
        return [float(p) for p in whole_B]

    def reach(self, thresholds: Sequence[float]) -> list[bool]:
        """For each prompt whether the refusal is likely enough to be the answer."""
        return [p >= least for p, least in zip(self.probabilities, thresholds, strict=True)]

    def __call__(self, input_ids: Tensor, scores: Any) -> Tensor:  # type: ignore[override]
        said_BA = input_ids[:, self._begins_at :]
        at = said_BA.shape[1]
        unfinished = [(ids, rest) for ids, rest in self._spellings if at < len(ids)]
        if not unfinished:
            return torch.as_tensor(scores)
        log_p_BV = scores.to(unfinished[0][1].dtype).log_softmax(dim=-1)
        for ids_A, rest_BA in unfinished:
            on_it_B = (said_BA == ids_A[:at]).all(dim=1)
            token = ids_A[at]
            p_B = (log_p_BV[:, token].exp() - rest_BA[:, at].exp()).clamp(min=0)
            without_B = torch.where(on_it_B, p_B.log(), log_p_BV[:, token])
            log_p_BV = log_p_BV.index_copy(1, token[None], without_B[:, None])
        return log_p_BV
