"""The script that shows what a threshold of refusing would do, on rows written by hand."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

SCRIPT = Path(__file__).parent.parent / "scripts" / "refusal_thresholds.py"


def _row(number: int, probability: float, *, answerable: bool, f1: float = 0.0) -> dict[str, Any]:
    kind = "answerable" if answerable else "unanswerable"
    values = {"f1": f1, f"refused_{kind}": 0.0, "refusal_probability": probability}
    document, task = f"document {number}", "qa:sets/dev"
    return {"task": task, "system": "qd-lcirc+none", "document_id": document, "values": values}


def _run(*arguments: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_shares_and_scores_of_each_threshold(tmp_path: Path) -> None:
    rows = [
        _row(0, 0.02, answerable=True, f1=1.0),
        _row(1, 0.28, answerable=True, f1=0.5),
        _row(2, 0.12, answerable=False),
        _row(3, 0.55, answerable=False),
    ]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (tmp_path / "samples.jsonl").write_text(text, "utf-8")
    done = _run(tmp_path, "--system", "qd-lcirc+none")
    assert done.returncode == 0, done.stderr
    found = {row["threshold"]: row for row in map(json.loads, done.stdout.splitlines())}
    shares = ("refused_answerable", "refused_unanswerable", "balanced_accuracy", "f1")
    assert [found[0.3][name] for name in shares] == [0.0, 50.0, 75.0, 62.5]
    assert [found[0.2][name] for name in shares] == [50.0, 50.0, 50.0, 50.0]
    assert [found[0.05][name] for name in shares] == [50.0, 100.0, 75.0, 75.0]
    assert found[0.3]["f1_answerable"] == 75.0 and found[0.05]["set"] == "dev"
    halves = [_run(tmp_path, "--system", "qd-lcirc+none", "--half", h) for h in ("first", "second")]
    sizes = [json.loads(done.stdout.splitlines()[0])["questions"] for done in halves]
    assert sum(sizes) == 4 and all(sizes)
    assert _run(tmp_path, "--system", "retrieval").returncode == 1
