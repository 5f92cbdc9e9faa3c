"""Losses and answers of two ways side by side: python scripts/compare_rows.py BASE.jsonl OTHER...

Reads rows as drawn.py writes them. For each OTHER and each set it prints a JSON line, over the
questions that both have: the mean answer loss of both in nats a token, OTHER minus BASE with its
95 % bootstrap interval over questions, and the percentage of equal answers where both have them.
With --golds SET... (the folders of the sets) also the mean F1 of those answers and its difference.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from drawn import read_rows

from lcirc_cli.bench.report.statistics import Array, paired_difference
from lcirc_cli.bench.tasks.options import TaskOptions
from lcirc_cli.bench.tasks.qa import open_task
from lcirc_cli.qa.scoring import best_f1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("base", type=Path)
    parser.add_argument("others", nargs="+", type=Path)
    parser.add_argument("--golds", nargs="+", type=Path, default=[], metavar="SET")
    options = parser.parse_args()
    golds = {
        (folder.name, sample.id): sample.answers
        for folder in options.golds
        for sample in open_task(str(folder), TaskOptions()).samples()
    }
    base = read_rows(options.base)
    for path in options.others:
        other = read_rows(path)
        both = [key for key in base if key in other]
        for name in dict.fromkeys(name for name, _ in both):
            keys = [key for key in both if key[0] == name]
            found = compared([(base[key], other[key]) for key in keys])
            if golds:
                scores = [
                    np.array([[best_f1(rows[key]["answer"], golds[key])] for key in keys])
                    for rows in (base, other)
                ]
                found |= figures("f1", *scores)
            print(json.dumps({"other": path.stem, "set": name, "questions": len(keys), **found}))


def compared(pairs: list[tuple[dict[str, Any], dict[str, Any]]]) -> dict[str, Any]:
    """The figures of one set."""
    base, other = (np.array([[row["loss"]] for row in rows]) for rows in zip(*pairs, strict=True))
    found = figures("loss", base, other)
    if all("answer" in row for pair in pairs for row in pair):
        same = sum(first["answer"] == second["answer"] for first, second in pairs)
        found["same_answers"] = round(100 * same / len(pairs), 1)
    return found


def figures(name: str, base: Array, other: Array) -> dict[str, Any]:
    """Both means, and the difference with its interval."""
    apart = paired_difference(other, base, _only)
    return {
        f"{name}_base": round(float(base.mean()), 4),
        name: round(float(other.mean()), 4),
        f"{name}_difference": round(apart.value, 4),
        f"{name}_interval": [round(apart.low, 4), round(apart.high, 4)],
    }


def _only(means: Array) -> Array:
    return np.asarray(means[..., 0])


if __name__ == "__main__":
    main()
