"""What scripts measure of an answer's loss is what `lcirc bench` measures."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from lcirc_cli import Engine
from lcirc_cli.bench.plan import plan
from lcirc_cli.bench.systems import Limits, Workbench, open_system, parse_system
from lcirc_cli.bench.tasks.options import TaskOptions
from lcirc_cli.bench.tasks.qa import open_task

from .engine.tiny import SMALL, make_text, save_adapter, save_backbone

SCRIPTS = Path(__file__).parent.parent / "scripts"


@pytest.fixture
def losses(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    import losses

    yield losses
    sys.modules.pop("losses", None)


@pytest.mark.parametrize("window", ["evidence", "none"])
def test_a_loss_is_that_of_the_benchmark(tmp_path: Path, losses: Any, window: str) -> None:
    backbone = save_backbone(tmp_path / "backbone")
    bare = Engine.load(str(backbone), dtype="float32", device="cpu", offline=True)
    adapter = save_adapter(tmp_path / "adapter", bare, **SMALL)
    engine = Engine.load(str(backbone), str(adapter), dtype="float32", device="cpu", offline=True)
    (data := tmp_path / "set").mkdir()
    asked = [
        {"document_id": "1", "question": f"Who has {what}?", "answers": [what]} for what in "ab"
    ]
    rows = "".join(json.dumps({**row, "evidence": []}) + "\n" for row in asked)
    (data / "qa.jsonl").write_text(rows, "utf-8")
    document = json.dumps({"id": "1", "text": make_text(1, words=1_000)}) + "\n"
    (data / "documents.jsonl").write_text(document, "utf-8")
    (batch,) = plan(open_task(str(data), TaskOptions()), limit=None, seed=0).batches(2)
    spec = parse_system(f"qd-lcirc+{window}")
    system = open_system(spec, Workbench(engine), limits=Limits())
    measured = [found.output.answer_loss for found in system.run(batch)]
    memory = engine.ingest([losses.document_of(batch.samples[0].document)])
    found = losses.answer_losses(engine, memory, batch.samples, window=window)
    assert found == pytest.approx(measured, abs=1e-4)
    assert found[0] != pytest.approx(found[1], abs=1e-3)
