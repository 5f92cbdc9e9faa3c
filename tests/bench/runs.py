"""Whole runs of `lcirc bench run` on tiny models: their table and their rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SYSTEMS = ["none", "ends", "lcirc+none", "qd-lcirc+evidence", "constant"]
# Not the same from run to run, whatever is computed.
TIMES = ("seconds", "peak_mb")


def table(out: Path) -> list[dict[str, Any]]:
    lines = json.loads((out / "summary.json").read_text())
    return [{k: v for k, v in line.items() if k not in TIMES} for line in lines]


def rows_of(out: Path) -> dict[tuple[str, str, str], dict[str, Any]]:
    rows = [json.loads(line) for line in (out / "samples.jsonl").read_text().splitlines()]
    assert len({(r["task"], r["system"], r["id"]) for r in rows}) == len(rows)
    return {
        (r["task"], r["system"], r["id"]): {k: v for k, v in r.items() if k not in TIMES}
        for r in rows
    }
