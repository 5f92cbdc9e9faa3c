"""A folder of a run to make reports of."""

from __future__ import annotations

import json
from pathlib import Path

from lcirc_cli.bench.results import NOT_APPLICABLE, Row, Rows

TASKS = ["longbench/qasper", "needle", "perplexity:long.txt"]
SYSTEMS = ["ends", "qd-lcirc", "qd-lcirc~shuffled"]


def save_run(folder: Path) -> Path:
    """Eight questions, two lengths of needles and of text, of three systems."""
    rows = []
    for number, system in enumerate(SYSTEMS):
        for i in range(8):
            value = (i % (number + 2)) / 4
            row = {"id": str(i), "window": 100, "seconds": 0.5, "peak_mb": 10.0 + number}
            values = {"f1": value, "exact": 0.0}
            rows.append(Row(TASKS[0], system, metric="qa_f1", values=values, **row))  # type: ignore[arg-type]
        for length in (4096, 8192):
            for depth in (0.0, 1.0):
                rows.append(
                    Row(
                        TASKS[1],
                        system,
                        f"{length}/{depth}",
                        "contains",
                        values={"accuracy": depth},
                        facets={"length": length, "depth": depth},
                    )
                )
            loss = {"values": {"loss": 2.5 - number / 10}}
            if system.startswith("qd"):
                loss = {"error": f"{NOT_APPLICABLE}there is no question"}  # type: ignore[dict-item]
            facets = {"facets": {"length": length}}
            rows.append(
                Row(TASKS[2], system, f"a@{length}", "perplexity", **loss, **facets)  # type: ignore[arg-type]
            )
    Rows(folder / "samples.jsonl").append(rows)
    settings = {"tasks": TASKS, "systems": SYSTEMS, "model": "<smollm2>", "protocol": "official"}
    settings |= {"limit": 8, "seed": 0, "window": 4096, "evidence": 512, "dtype": "bfloat16"}
    settings["data"] = {}
    (folder / "run.json").write_text(json.dumps(settings))
    tuning = {"ends": "untuned", "qd-lcirc": "qa", "qd-lcirc~shuffled": "qa"}
    (folder / "tuning.json").write_text(json.dumps(tuning))
    costs = [
        {"system": system, "tokens": n, "total": n * (7 + len(system))}
        for system in ("ends", "qd-lcirc")
        for n in (4096, 8192)
    ]
    (folder / "cost.json").write_text(json.dumps(costs))
    return folder
