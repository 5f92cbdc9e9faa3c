"""Batches of a task's samples for tiny models."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from lcirc_cli.bench.plan import plan
from lcirc_cli.bench.systems import Batch, Limits
from lcirc_cli.bench.tasks import TaskOptions, open_task

LIMITS = Limits(window=320, evidence=64)


def batches(folder: Path, name: str, **options: object) -> list[Batch]:
    task = open_task(name, TaskOptions(data_dir=folder, **options))  # type: ignore[arg-type]
    return list(plan(task, limit=None, seed=0).batches(4))


def short(batch: Batch) -> Batch:
    """Tiny models say nothing worth waiting for."""
    return replace(batch, samples=[replace(s, max_new_tokens=4) for s in batch.samples])
