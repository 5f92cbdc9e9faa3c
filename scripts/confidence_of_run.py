"""What an adapter's confidence was worth in runs of the benchmark: RUN... of `qa:` sets.

    python scripts/confidence_of_run.py docs/results/reader/fairytaleqa docs/results/reader/...

A line of JSON a run, and one for all together: how well the score tells right from wrong (area
under the curve, calibration error), how well it tells what the document does not answer, and how
many answers are given without "not sure". Right is an F1 of at least 0.5, or a refusal where there
is nothing to say.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from fit_confidence import RIGHT, area, calibration_error, share

from lcirc_cli.answering.answer import SURE, says_refusal

Row = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN")
    runs = parser.parse_args().runs
    rows = [_read(run / "samples.jsonl") for run in runs]
    for run, own in zip(runs, rows, strict=True):
        print(json.dumps({"run": run.name, **measure(own)}))
    if len(rows) > 1:
        print(json.dumps({"run": "all", **measure([row for own in rows for row in own])}))


def measure(rows: Sequence[Row]) -> dict[str, Any]:
    """The figures of rows that have a confidence."""
    score = np.array([row["values"]["confidence"] for row in rows])
    f1 = np.array([row["values"]["f1"] for row in rows])
    answered = np.array([bool(row["references"]) for row in rows])
    refused = np.array([says_refusal(row["output"]) for row in rows])
    held = np.array([row["values"].get("recall@3", 0) == 1 for row in rows])
    good, sure = f1 >= RIGHT, ~refused & (score >= SURE)
    return {
        "questions": len(rows),
        "answerable": int(answered.sum()),
        "right": share(good[answered]),
        "nothing_right_where_found": share(f1[held & answered & ~refused] == 0),
        "auc": area(score, good),
        "calibration_error": calibration_error(score, good),
        "auc_unanswered": area(np.where(refused, score, 1 - score), ~answered),
        "sure_of_answerable": share(sure[answered]),
        "right_of_sure": share(good[sure]),
        "right_of_sure_answerable": share(good[sure & answered]),
        "sure_of_right": share(sure[answered & good]),
    }


def _read(path: Path) -> list[Row]:
    rows = [json.loads(line) for line in path.open(encoding="utf-8")]
    return [row for row in rows if "confidence" in row["values"]]


if __name__ == "__main__":
    main()
