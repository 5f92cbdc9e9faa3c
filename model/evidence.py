"""Where a document answers a question, and what follows from it (design, 3.3).

The logits between what the question looks for and each token give a score a passage, which ranks
passages as evidence, and the odds of each token, which divide a segment among its latents and
tell the injection which latents to trust.

Legend: B questions, R pairs of head and latent, N tokens, P passages, K latents.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

# The mean over pairs differs little between passages. With this factor a softmax over them is
# about as sure as it is right; the contrastive objective learns under it.
SHARPNESS = 3.0
NEIGHBOURHOOD = 64  # tokens around one that say whether it is evidence: a few sentences
FOCUS = 0.75  # of a segment's latents follow the evidence, the rest its length
NOWHERE = -1e4  # log-odds of what doesn't exist; finite, so that a row of it makes no NaN


@dataclass(frozen=True)
class Focus:
    """How a question divides a segment among the latents.

    share_BKN: how far token t is latent j's to read, 1 for the token of which it owns most.
    prior_BK: log-odds, up to a constant that all segments share, that the answer is in what
        latent j owns; float32.
    """

    share_BKN: Tensor
    prior_BK: Tensor


def passage_scores(scores_BRN: Tensor, passages: Sequence[tuple[int, int]]) -> Tensor:
    """How well each passage answers each question, [B, P]: higher is better.

    Log-sum-exp over a passage's tokens for each pair of head and latent, then the mean over the
    pairs. Each pair looks for something of the question, mostly one of its words; the mean asks
    for all of them, where a log-sum-exp over the pairs too would be content with any, and rank
    by the commonest word (scripts/latent_recall.py measures both).

    Args:
        passages: token ranges [start, end), none empty.
    """
    edges = [0, *(end for _, end in passages)]
    side_by_side = [start for start, _ in passages] == edges[:-1]
    if side_by_side and edges[-1] == scores_BRN.shape[2]:
        # The gradients of a split are joined once; those of slices would be added up one by one,
        # each in a tensor of the document's length.
        parts = scores_BRN.split([end - start for start, end in passages], dim=2)
    else:
        parts = tuple(scores_BRN[:, :, start:end] for start, end in passages)
    return torch.stack([part.logsumexp(dim=-1).mean(dim=-1) for part in parts], dim=1)


def token_odds(scores_BRN: Tensor) -> Tensor:
    """Log-odds, up to a constant, that the evidence lies around each token, [B, N], float32.

    The score of the passage of NEIGHBOURHOOD tokens around it. Tokens that don't exist have
    scores of -inf.
    """
    width = NEIGHBOURHOOD
    top = scores_BRN.amax(dim=-1, keepdim=True).clamp(min=NOWHERE)
    weights = F.pad((scores_BRN - top).exp(), (width // 2, width - 1 - width // 2))
    near = F.avg_pool1d(weights, width, stride=1) * width
    floor = torch.finfo(near.dtype).tiny
    return SHARPNESS * (near.clamp(min=floor).log() + top).mean(dim=1)


def divide(odds_BN: Tensor, mask_BN: Tensor | None, *, num_latents: int) -> Tensor:
    """How much of each token each latent owns, [B, K, N]: a row sums to 1, a column to its mass.

    The tokens are laid end to end, each as long as its mass: FOCUS of it by their odds, the rest
    even, K in all. Latent j owns what lies between j and j + 1, so that latents stay in the
    document's order, and a token of more than mass 1 is read by several.
    """
    present = torch.ones_like(odds_BN, dtype=torch.bool) if mask_BN is None else mask_BN
    even = present.to(odds_BN.dtype) / present.sum(dim=-1, keepdim=True).clamp(min=1)
    focused = odds_BN.masked_fill(~present, NOWHERE).softmax(dim=-1)
    ends = num_latents * (FOCUS * focused + (1 - FOCUS) * even).cumsum(dim=-1)[:, None]
    starts = F.pad(ends[..., :-1], (1, 0))
    latent = torch.arange(num_latents, device=ends.device, dtype=ends.dtype)[:, None]
    return (torch.minimum(ends, latent + 1) - torch.maximum(starts, latent)).clamp(min=0)


def focus(scores_BRN: Tensor, mask_BN: Tensor | None, *, num_latents: int) -> Focus:
    """Divide a segment by its evidence scores.

    The shares carry no gradient; what the answer's loss has to say of the scores comes by way of
    the prior.

    Args:
        scores_BRN: `LcircAdapter.evidence` of the segment, -inf where no token is.
        mask_BN: bool, True where a token exists; None = all.
    """
    odds_BN = token_odds(scores_BRN)
    owned_BKN = divide(odds_BN.detach(), mask_BN, num_latents=num_latents)
    share_BKN = owned_BKN / owned_BKN.amax(dim=-1, keepdim=True).clamp(min=1e-9)
    # Not a matrix product: autocast would round the odds.
    return Focus(share_BKN, (owned_BKN * odds_BN[:, None]).sum(dim=-1))
