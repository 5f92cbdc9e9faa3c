"""Stages of work on this machine, Slurm or Ray. Knows nothing about what is worked on.

Here are the settings alone: where stages run, and on how many processes; nothing that changes a
result.
"""

from __future__ import annotations

from dataclasses import dataclass

EXECUTORS = ("local", "slurm", "ray")


@dataclass(frozen=True, kw_only=True)
class ExecutorSettings:
    """Of a run of stages."""

    executor: str = "local"
    workers: int = 1
    slurm: tuple[tuple[str, str], ...] = ()  # sbatch options: partition, time, ...
    preload: tuple[str, ...] = ()  # modules that workers need: imported once, before the fork
