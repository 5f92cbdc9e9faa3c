"""Seconds and peak memory of a system are its own, whoever else is in the run."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from lcirc_cli.bench.loop import run
from lcirc_cli.bench.plan import plan
from lcirc_cli.bench.results import Rows
from lcirc_cli.bench.sample import Output
from lcirc_cli.bench.systems import Batch, Limits, Measured, Workbench, open_system, parse_system
from lcirc_cli.bench.systems.workbench import MemoryReader
from lcirc_cli.bench.tasks import TaskOptions, open_task

LIMITS = Limits(window=640, evidence=64)


class Holding:
    """Fills some memory and lets it go."""

    ranks = False

    def __init__(self, megabytes: int, *, spared: float = 0.0) -> None:
        self._megabytes, self._spared = megabytes, spared

    def run(self, batch: Batch) -> list[Measured]:
        torch.zeros(self._megabytes * 1_000_000, dtype=torch.uint8).add_(1)
        share = self._spared / len(batch.samples)
        return [Measured(Output("blue"), spared=share) for _ in batch.samples]


def test_peak_and_seconds_are_each_systems_own(qa_folder: Path, tmp_path: Path) -> None:
    if not Path("/proc/self/clear_refs").exists() or torch.cuda.is_available():
        pytest.skip("the peak can't be restarted here, or is the device's")
    planned = plan(open_task(f"qa:{qa_folder}", TaskOptions()), limit=None, seed=0)
    systems = [("large", Holding(300)), ("small", Holding(1, spared=50.0))]
    run([planned], [(name, lambda _, s=s: s) for name, s in systems], tmp_path, batch=4)  # type: ignore[misc]
    rows = Rows(tmp_path / "samples.jsonl").read().values()
    peak = {name: max(r.peak_mb for r in rows if r.system == name) for name, _ in systems}
    assert peak["small"] < peak["large"] - 200
    seconds = {name: sum(r.seconds for r in rows if r.system == name) for name, _ in systems}
    assert seconds["small"] == pytest.approx(150.0, rel=0.1)  # a document, three times
    assert seconds["large"] < 50.0


def test_a_memory_is_charged_once_to_every_system_that_uses_it(
    workbench: Workbench, qa_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Workbench(workbench.engine(None))
    engine = bench.engine(None)
    ingest = engine.ingest
    made = []

    def slow(documents: list[object]) -> object:
        made.append(documents)
        time.sleep(0.2)
        return ingest(documents)  # type: ignore[arg-type]

    monkeypatch.setattr(engine, "ingest", slow)
    first, second = MemoryReader(bench, engine), MemoryReader(bench, engine)
    assert first.memory("Ada rang.")[1] == first.memory("Ada rang.")[1] == 0.0
    assert second.memory("Ada rang.")[1] >= 0.2  # as if it had made it
    assert second.memory("Ada rang.")[1] == 0.0
    assert second.memory(" ") == (None, 0.0)
    assert len(made) == 1
    batch = next(plan(open_task(f"qa:{qa_folder}", TaskOptions()), limit=None, seed=0).batches(4))
    batch = replace(batch, samples=[replace(s, max_new_tokens=2) for s in batch.samples])
    names = ("lcirc+none", "qd-lcirc+none", "qd-lcirc+none~shuffled")
    spared = [
        sum(m.spared for m in open_system(parse_system(name), bench, limits=LIMITS).run(batch))
        for name in names
    ]
    assert spared[0] == 0.0
    assert spared[1] >= 0.2
    assert spared[2] == pytest.approx(spared[1])  # its own; the other document's is new
