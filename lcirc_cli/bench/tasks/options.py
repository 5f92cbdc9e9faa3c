"""Settings that tasks are opened with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..sample import Protocols

DEFAULT_LENGTHS = (4096, 8192, 16384, 32768, 65536, 131072)


@dataclass(frozen=True)
class TaskOptions:
    """How a task's samples are made; the same options give the same samples.

    Attributes:
        data_dir: the published files; None fetches them from the Hub.
        offline: fetch nothing; what was fetched before is used.
        protocol: `official`, or `paper` for the published LCIRC evaluation's behaviour.
        seed: for what is drawn: joined documents, planted facts.
        join: documents joined to make one (qa).
        listed: whether a question shows its options, or is asked as a person asks (qa).
        lengths: context lengths in tokens (perplexity, needle).
        facts: planted facts a cell of the grid (needle).
        count_tokens: length of a text in the backbone's tokens; None estimates it from words.
    """

    data_dir: Path | None = None
    offline: bool = False
    protocol: Protocols = "official"
    seed: int = 0
    join: int = 1
    listed: bool = True
    lengths: tuple[int, ...] = DEFAULT_LENGTHS
    facts: int = 2
    count_tokens: Callable[[str], int] | None = None


def estimate_tokens(text: str) -> int:
    """About four tokens for three English words."""
    return len(text.split()) * 4 // 3
