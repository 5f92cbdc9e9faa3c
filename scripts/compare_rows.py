"""Losses and answers of two ways side by side: python scripts/compare_rows.py BASE.jsonl OTHER...

Reads rows as drawn.py writes them. For each OTHER and each set it prints a JSON line, over the
questions that both have: the mean answer loss of both in nats a token, OTHER minus BASE with its
95 % bootstrap interval over questions, and the percentage of equal answers where both have them.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from drawn import read_rows

from lcirc_cli.bench.report.statistics import Array, paired_difference


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("base", type=Path)
    parser.add_argument("others", nargs="+", type=Path)
    options = parser.parse_args()
    base = read_rows(options.base)
    for path in options.others:
        other = read_rows(path)
        both = [key for key in base if key in other]
        for name in dict.fromkeys(name for name, _ in both):
            pairs = [(base[key], other[key]) for key in both if key[0] == name]
            print(json.dumps({"other": path.stem, "set": name, **compared(pairs)}))


def compared(pairs: list[tuple[dict[str, Any], dict[str, Any]]]) -> dict[str, Any]:
    """The figures of one set."""
    base, other = (np.array([[row["loss"]] for row in rows]) for rows in zip(*pairs, strict=True))
    apart = paired_difference(other, base, _only)
    found: dict[str, Any] = {
        "questions": len(pairs),
        "base": round(float(base.mean()), 4),
        "loss": round(float(other.mean()), 4),
        "difference": round(apart.value, 4),
        "interval": [round(apart.low, 4), round(apart.high, 4)],
    }
    if all("answer" in row for pair in pairs for row in pair):
        same = sum(first["answer"] == second["answer"] for first, second in pairs)
        found["same_answers"] = round(100 * same / len(pairs), 1)
    return found


def _only(means: Array) -> Array:
    return np.asarray(means[..., 0])


if __name__ == "__main__":
    main()
