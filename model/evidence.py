"""One score a passage from the scores of its tokens (design, 3.3).

Legend: B questions, R pairs of head and latent, N document tokens, P passages.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def passage_scores(scores_BRN: Tensor, passages: Sequence[tuple[int, int]]) -> Tensor:
    """How well each passage answers each question, [B, P]: higher is better.

    Log-sum-exp over a passage's tokens for each pair of head and latent, then the mean over the
    pairs. Each pair looks for something of the question, mostly one of its words; the mean asks
    for all of them, where a log-sum-exp over the pairs too would be content with any, and rank
    by the commonest word (scripts/latent_recall.py measures both).

    Args:
        passages: token ranges [start, end), none empty.
    """
    columns = [
        scores_BRN[:, :, start:end].logsumexp(dim=-1).mean(dim=-1) for start, end in passages
    ]
    return torch.stack(columns, dim=1)
