"""Bootstrap intervals and paired differences; seeds are fixed, so a table never changes by itself.

Works on arrays of per-sample values [n, k]: k values a sample, combined after averaging (one for
most metrics, three for L-Eval's ROUGE).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Combine = Callable[[Array], Array]
RESAMPLES = 4_000
SEED = 20250213
TAILS = ((1 - 0.95) / 2, 1 - (1 - 0.95) / 2)  # of a 95 % interval
_BLOCK_VALUES = 1_000_000  # of shares at a time: 8 MB
_KEPT_VALUES = 2_000_000  # of shares of one number of samples: 16 MB, of up to 500 samples


@dataclass(frozen=True)
class Interval:
    """An estimate with its percentile interval."""

    value: float
    low: float
    high: float


def interval(values: Array, combine: Combine, *, seed: int = SEED) -> Interval:
    """Combine the means of `values` [n, k], with the 95 % bootstrap interval of that.

    Raises:
        ValueError: no values.
    """
    low, high = np.quantile(_resampled(values, combine, seed=seed), TAILS)
    return Interval(float(combine(values.mean(axis=0))), float(low), float(high))


def paired_difference(values: Array, baseline: Array, combine: Combine) -> Interval:
    """Score minus baseline's score, both over the same samples in the same order.

    The same samples are drawn for both, so what is common to a sample cancels out.

    Raises:
        ValueError: no values, or not the same number.
    """
    if values.shape != baseline.shape:
        raise ValueError(f"can't pair {values.shape} with {baseline.shape}")
    k = values.shape[1]

    def difference(means: Array) -> Array:
        return np.asarray(combine(means[..., :k]) - combine(means[..., k:]))

    return interval(np.concatenate([values, baseline], axis=1), difference)


def _resampled(values: Array, combine: Combine, *, seed: int) -> Array:
    """The combined means of `RESAMPLES` draws with replacement."""
    if len(values) == 0:
        raise ValueError("there is nothing to average")
    return np.concatenate([combine(share @ values) for share in _shares(len(values), seed)])


def _shares(n: int, seed: int) -> Iterable[Array]:
    """How much each of n samples counts in each of the draws, [draws, n], some draws at a time.

    They are the same for all metrics and systems of a task, and cost more than what is done with
    them: those of a few small tasks are kept.
    """
    return _kept_shares(n, seed) if n * RESAMPLES <= _KEPT_VALUES else _drawn_shares(n, seed)


@lru_cache(maxsize=4)
def _kept_shares(n: int, seed: int) -> list[Array]:
    return list(_drawn_shares(n, seed))


def _drawn_shares(n: int, seed: int) -> Iterator[Array]:
    random = np.random.default_rng(seed)
    block = max(1, _BLOCK_VALUES // n)
    for start in range(0, RESAMPLES, block):
        rows = min(block, RESAMPLES - start)
        chosen = random.integers(0, n, size=(rows, n), dtype=np.int32)
        places = (np.arange(rows)[:, None] * n + chosen).ravel()
        yield np.bincount(places, minlength=rows * n).reshape(rows, n) / n
