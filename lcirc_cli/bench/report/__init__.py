"""From a run's folder to its report: summary.json, report.md, report.csv and report.html.

plots.json keeps the plots for the next time.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lcirc_cli.documents.cleaning import clean_text
from lcirc_cli.errors import DocumentError
from lcirc_cli.files import atomic_write

from ..results import Rows
from .drawn import Drawn
from .html import page
from .summary import Line, check_baseline, summarise
from .tables import comma_separated, markdown

__all__ = ["Line", "check_baseline", "make_report", "read_run"]

_NEEDED = {
    "tasks",
    "systems",
    "data",
    "model",
    "protocol",
    "limit",
    "seed",
    "window",
    "evidence",
    "dtype",
}


def read_run(out: Path) -> dict[str, Any]:
    """The settings of the run in a folder.

    Raises:
        DocumentError: there is no run in it.
    """
    path = out / "run.json"
    try:
        run = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise DocumentError(f"there is no benchmark run in {out}: {path} can't be read") from error
    if not isinstance(run, dict) or not run.keys() >= _NEEDED:
        raise DocumentError(f"{path} is not the file of a benchmark run; run it again")
    return run


def make_report(
    out: Path, *, baseline: str | None = None, compare_paper: bool = False
) -> list[Line]:
    """Write the report of what is in the folder so far, and return its lines.

    Raises:
        DocumentError: the folder holds no run, or a damaged one.
        UsageError: the baseline is not in it.
        StorageError: the report can't be written.
    """
    run = read_run(out)
    lines = summarise(
        Rows(out / "samples.jsonl").read().values(),
        tasks=run["tasks"],
        systems=run["systems"],
        baseline=baseline,
        planned=run["data"],
        notes={(n["task"], n["system"]): n["note"] for n in _optional(out / "notes.json", [])},
    )
    costs = _optional(out / "cost.json", [])
    tuning = _optional(out / "tuning.json", {}) if compare_paper else None
    summary = json.dumps([line.to_json() for line in lines], indent=1).encode() + b"\n"
    drawn = Drawn(out)
    text = f"# Benchmark of {run['model']}, protocol {run['protocol']}\n\n{_about(run)}\n\n"
    atomic_write(out / "summary.json", summary)
    pages = {
        "report.csv": comma_separated(lines),
        "report.md": text + markdown(lines, tuning=tuning),
        "report.html": page(lines, run=run, costs=costs, drawn=drawn, tuning=tuning),
    }
    for name, body in pages.items():  # names of models and tasks may hold anything
        atomic_write(out / name, clean_text(body)[0].encode("utf-8"))
    drawn.save()
    return lines


def _about(run: Mapping[str, Any]) -> str:
    limit = "all questions" if run["limit"] is None else f"at most {run['limit']} questions a task"
    return (
        f"{limit} (seed {run['seed']}), windows of {run['window']} tokens, "
        f"{run['evidence']} tokens of evidence, {run['dtype']}. "
        "Scores are percentages with 95 % bootstrap intervals; losses are nats a token. "
        "Failed samples count as the worst score; losses are without them. "
        "Differences are to the baseline over the same samples."
    )


def _optional(path: Path, missing: Any) -> Any:
    return json.loads(path.read_text("utf-8")) if path.exists() else missing
