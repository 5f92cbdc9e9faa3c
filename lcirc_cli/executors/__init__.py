"""Stages of work on this machine, Slurm or Ray. Knows nothing about what is worked on.

Here are the settings alone: where stages run, and on how many processes; nothing that changes a
result.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lcirc_cli.errors import UsageError

EXECUTORS = ("local", "slurm", "ray")


@dataclass(frozen=True, kw_only=True)
class ExecutorSettings:
    """Of a run of stages."""

    executor: str = "local"
    workers: int = 1
    slurm: tuple[tuple[str, str], ...] = ()  # sbatch options: partition, time, ...
    preload: tuple[str, ...] = ()  # modules that workers need: imported once, before the fork

    def check(self) -> None:
        """Raises UsageError with what can't work."""
        if self.executor not in EXECUTORS:
            raise UsageError(f"--executor must be one of {', '.join(EXECUTORS)}")
        if self.workers < 1:
            raise UsageError(f"--workers must be at least 1, not {self.workers}")


def parse_options(given: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """KEY=VALUE words as pairs.

    Raises:
        UsageError: one has no "=".
    """
    for word in given:
        if "=" not in word.strip("="):
            raise UsageError(f"--slurm needs KEY=VALUE, not {word!r}")
    return tuple((word.partition("=")[0], word.partition("=")[2]) for word in given)
