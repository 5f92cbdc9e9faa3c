"""From which probability to refuse: python scripts/refusal_thresholds.py RUN --system SPEC

RUN is a folder of `lcirc bench run qa:DIR...` with an adapter whose `refusal_thresholds` are above
1, so that every answer stands in it beside the refusal's probability. Prints a JSON line for each
threshold and set: how many of the answerable and of the unanswerable questions it refuses, the
balanced accuracy, F1, and F1 of the answerable ones. `--half first|second` takes the documents
whose names hash to one half: choose on one, report on the other.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

THRESHOLDS = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.01)
Row = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("run", type=Path, metavar="RUN")
    parser.add_argument("--system", required=True, metavar="SPEC", help="as in the run")
    parser.add_argument("--half", choices=("first", "second"), help="of the documents")
    options = parser.parse_args()
    sets: dict[str, list[Row]] = defaultdict(list)
    for row in _rows(options.run / "samples.jsonl"):
        if row["system"] == options.system and _wanted(row["document_id"], options.half):
            sets[Path(row["task"]).name].append(row)
    if not sets:
        raise SystemExit(f"{options.run} has no rows of {options.system}")
    for name, rows in sets.items():
        for threshold in THRESHOLDS:
            print(json.dumps({"set": name, "threshold": threshold} | score(rows, threshold)))


def _rows(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            row: Row = json.loads(line)
            if "refusal_probability" in row["values"]:
                yield row


def _wanted(document: str, half: str | None) -> bool:
    odd = hashlib.sha256(document.encode()).digest()[0] % 2 == 1
    return half is None or odd == (half == "second")


def score(rows: Sequence[Row], threshold: float) -> dict[str, float | int | None]:
    """What the rows would score if they refused from `threshold` on; shares in percent."""
    f1s, refused = [], {True: [], False: []}  # type: ignore[var-annotated]
    answered = []
    for row in rows:
        values = row["values"]
        answerable = "refused_answerable" in values
        said_so = values["refused_answerable" if answerable else "refused_unanswerable"] > 0
        refuses = said_so or values["refusal_probability"] >= threshold
        refused[answerable].append(refuses)
        f1s.append(float(refuses != answerable) * (values["f1"] if answerable else 1.0))
        if answerable:
            answered.append(f1s[-1])
    shares = {kind: 100 * float(np.mean(each)) for kind, each in refused.items() if each}
    balanced = 50 + (shares[False] - shares[True]) / 2 if len(shares) == 2 else None
    return {
        "questions": len(rows),
        "refused_answerable": _rounded(shares.get(True)),
        "refused_unanswerable": _rounded(shares.get(False)),
        "balanced_accuracy": _rounded(balanced),
        "f1": _rounded(100 * float(np.mean(f1s))),
        "f1_answerable": _rounded(100 * float(np.mean(answered))) if answered else None,
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)


if __name__ == "__main__":
    main()
