"""From questions to an adapter's confidence: the two scripts, and what `ask` makes of it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lcirc_cli import Engine
from lcirc_cli.adapters.confidence import SIGNALS, ConfidenceModel
from lcirc_cli.prompts import REFUSAL

from .engine.tiny import SMALL, ingest, make_text, save_adapter, save_backbone

SCRIPTS = Path(__file__).parent.parent / "scripts"


def _run(script: str, *arguments: Any) -> list[str]:
    command = [sys.executable, str(SCRIPTS / script), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def _lines(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def _row(number: int, *, mean: float, refusal: float, outcome: str) -> dict[str, Any]:
    signals = {**dict.fromkeys(SIGNALS, 0.0), "mean": mean, "refusal": refusal}
    return {
        "set": "s",
        "document": f"d{number}",
        "signals": signals,
        "f1": float(outcome == "right"),
        "answered": outcome != "unanswered",
    }


def test_weights_go_the_way_of_the_rows(tmp_path: Path) -> None:
    """Likely words are right, a likely refusal is one; what never changes weighs nothing."""
    rows = [
        row
        for n in range(0, 60, 3)
        for row in (
            _row(n, mean=-0.1, refusal=-4.0 - n / 60, outcome="right"),
            _row(n + 1, mean=-2.0, refusal=-4.0 + n / 60, outcome="wrong"),
            _row(n + 2, mean=-1.0, refusal=3.0 + n / 60, outcome="unanswered"),
        )
    ]
    path, out = tmp_path / "rows.jsonl", tmp_path / "confidence.json"
    path.write_text(_lines(rows), "utf-8")
    held, of_set = map(json.loads, _run("fit_confidence.py", path, "--out", out)[:2])
    weights = json.loads(out.read_text("utf-8"))
    assert held["rows"] == of_set["rows"] == 60 and of_set["set"] == "s"
    assert held["auc_right"] > 0.95 and held["auc_unanswered"] > 0.95
    assert held["refused_unanswered"] > 95 and held["loss"] < 0.3
    assert weights["names"] == [0.0, 0.0, 0.0]
    model = ConfidenceModel.of(weights)
    for row in rows:
        found = model.of_signals([row["signals"][name] for name in SIGNALS])
        assert (found.unanswered > 0.5) is not row["answered"]
        assert (found.right > 0.5) is (row["f1"] == 1.0)
        assert found.refuses or row["answered"]


def test_rows_are_what_ask_measures_and_go_on_where_they_stopped(tmp_path: Path) -> None:
    backbone = save_backbone(tmp_path / "backbone")
    engine = Engine.load(str(backbone), dtype="float32", offline=True)
    adapter = save_adapter(tmp_path / "adapter", engine, **SMALL)
    text = make_text(1)
    at = text.index("bread")
    question = {"document_id": "1.txt", "question": "Who carries the bread?", "answers": ["bread"]}
    rows = [
        {**question, "evidence": [[at, at + 5]]},
        {**question, "question": "Which maps are old?", "answers": [], "evidence": []},
        {**question, "document_id": "2.txt", "answers": [], "evidence": []},
    ]
    documents = [{"id": f"{seed}.txt", "text": make_text(seed)} for seed in (1, 2)]
    (data := tmp_path / "set").mkdir()
    (data / "documents.jsonl").write_text(_lines(documents), "utf-8")
    (data / "qa.jsonl").write_text(_lines(rows), "utf-8")
    out = tmp_path / "rows.jsonl"
    given = [adapter, data, "--model", backbone, "--out", out, "--device", "cpu"]
    _run("confidence_rows.py", *given)
    first = out.read_bytes()
    _run("confidence_rows.py", *given)
    assert out.read_bytes() == first
    found = [json.loads(line) for line in first.decode().splitlines()]
    assert sorted((row["document"], row["answered"]) for row in found) == [
        ("1.txt", False),
        ("1.txt", True),
        ("2.txt", False),
    ]
    _run("fit_confidence.py", out, "--out", tmp_path / "confidence.json")
    weights = json.loads((tmp_path / "confidence.json").read_text("utf-8"))
    config = json.loads((adapter / "config.json").read_text("utf-8"))
    (adapter / "config.json").write_text(json.dumps({**config, "confidence": weights}), "utf-8")
    asked = Engine.load(str(backbone), str(adapter), dtype="float32", offline=True)
    memories = {"1.txt": ingest(asked, 1), "2.txt": ingest(asked, 2)}
    for row in found:
        expected = ConfidenceModel.of(weights).of_signals([*row["signals"].values()])
        answer = asked.ask(memories[row["document"]], row["asked"])
        assert answer.confidence == pytest.approx(expected.score, abs=1e-4)
        assert answer.answer == (REFUSAL if expected.refuses else row["answer"])


def test_what_a_confidence_was_worth_in_a_run(tmp_path: Path) -> None:
    def row(f1: float, confidence: float, said: str = "a", references: bool = True) -> str:
        values = {"f1": f1, "confidence": confidence, "recall@3": 1}
        found = {"values": values, "output": said, "references": ["a"] if references else []}
        return json.dumps(found) + "\n"

    rows = [row(1.0, 0.9), row(0.0, 0.7), row(0.6, 0.4), row(0.0, 0.1, references=False)]
    rows.append(row(1.0, 0.8, said=REFUSAL, references=False))
    (tmp_path / "samples.jsonl").write_text("".join(rows), "utf-8")
    (line,) = _run("confidence_of_run.py", tmp_path)
    found = json.loads(line)
    assert (found["answerable"], found["right"], found["sure_of_answerable"]) == (3, 66.7, 66.7)
    assert (found["right_of_sure"], found["nothing_right_where_found"]) == (50.0, 33.3)
    assert found["auc_unanswered"] == 1.0 and found["auc"] == 0.833
    assert found["calibration_error"] == 0.34
