"""The division of a segment by evidence, by loops over heads, latents and tokens.

Shares no code with `model/evidence.py`; its numbers are written out again.

Legend: n tokens of a segment, K latents, D width.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

SHARPNESS, NEIGHBOURHOOD, FOCUS = 3.0, 64, 0.75


@dataclass(frozen=True)
class Division:
    """How far token t is latent k's to read, share[k][t]; the log-odds of each latent."""

    share: list[list[float]]
    prior: list[Tensor]


def odds(logits: Sequence[Sequence[Tensor]], *, width: int) -> list[Tensor]:
    """For each token: three times the mean over pairs of log-sum-exps over its neighbourhood.

    logits: one row a pair of head and latent, one entry a token.
    """
    n = len(logits[0])
    result = []
    for t in range(n):
        first, last = t - width // 2, t + (width - 1 - width // 2)
        near = range(max(0, first), min(n - 1, last) + 1)
        sums = [
            torch.log(sum((torch.exp(row[u]) for u in near), torch.zeros(()))) for row in logits
        ]
        result.append(SHARPNESS * sum(sums, torch.zeros(())) / len(sums))
    return result


def owned(log_odds: Sequence[float], latents: int) -> list[list[float]]:
    """Tokens end to end, as long as their mass; latent k gets what lies in [k, k + 1)."""
    n, top = len(log_odds), max(log_odds)
    powers = [math.exp(each - top) for each in log_odds]
    masses = [latents * (FOCUS * p / sum(powers) + (1 - FOCUS) / n) for p in powers]
    rows = []
    for k in range(latents):
        row, start = [], 0.0
        for mass in masses:
            row.append(max(0.0, min(start + mass, k + 1) - max(start, k)))
            start += mass
        rows.append(row)
    return rows


def divide(logits: Sequence[Sequence[Tensor]], latents: int) -> Division:
    """The shares have no gradient; the prior has that of the odds."""
    log_odds = odds(logits, width=NEIGHBOURHOOD)
    rows = owned([float(each.detach()) for each in log_odds], latents)
    prior = [
        sum((part * each for part, each in zip(row, log_odds, strict=True)), torch.zeros(()))
        for row in rows
    ]
    return Division([[part / max(row) for part in row] for row in rows], prior)
