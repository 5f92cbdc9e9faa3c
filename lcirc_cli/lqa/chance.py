"""Chance that depends on nothing but its labels: the same everywhere, in any order of work.

`random.Random` would tie a draw to how many were made before it; here every draw has a name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TypeVar

Item = TypeVar("Item")


def uniform(*labels: object) -> float:
    """A number in [0, 1) that depends on the labels alone."""
    return integer(*labels) / 2**64


def integer(*labels: object) -> int:
    """A whole number in [0, 2**64) that depends on the labels alone."""
    text = "\x1f".join(str(label) for label in labels)
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big")


def choose(items: Sequence[Item], weights: Sequence[float], *labels: object) -> Item:
    """One of `items`, with chances in proportion to `weights` (not all zero)."""
    target = uniform(*labels) * sum(weights)
    for item, weight in zip(items, weights, strict=True):
        target -= weight
        if target < 0:
            return item
    likely = [item for item, weight in zip(items, weights, strict=True) if weight > 0]
    return likely[-1]  # where rounding left a rest


def shuffled(items: Sequence[Item], *labels: object) -> list[Item]:
    """The items in an order that depends on the labels alone."""
    keys = [integer(*labels, index) for index in range(len(items))]
    return [item for _, item in sorted(zip(keys, items, strict=True), key=lambda pair: pair[0])]
