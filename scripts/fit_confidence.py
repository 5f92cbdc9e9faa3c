"""Fits the confidence of an adapter's answers: python scripts/fit_confidence.py ROWS.jsonl...

Rows come from scripts/confidence_rows.py. Three outcomes (right: F1 of at least 0.5; the document
does not answer; neither) are told apart by a softmax with a little ridge. Each set weighs like the
square root of its rows, so that large sets don't decide alone. Documents are divided into five
parts; what is printed of each set was predicted by weights that had not seen its documents.
--check ROWS.jsonl... prints the same for other rows, with the weights of all. --out writes what
an adapter's config holds as `confidence`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lcirc_cli.adapters.confidence import SIGNALS, Confidence, ConfidenceModel
from lcirc_cli.answering.answer import SURE

PARTS = 5
RIGHT = 0.5  # F1 of an answer
Row = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("rows", nargs="+", type=Path)
    parser.add_argument("--check", nargs="+", type=Path, default=[])
    parser.add_argument("--ridge", type=float, default=1.0, help="more for a few hundred rows")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    rows = _read(options.rows)
    part = _parts(rows)
    seen: list[Confidence | None] = [None] * len(rows)
    for held in range(PARTS):
        kept = [row for row, p in zip(rows, part, strict=True) if p != held]
        model = fit(kept, ridge=options.ridge)
        for at in np.flatnonzero(part == held):
            seen[at] = _predict(model, [rows[at]])[0]
    report("held back", rows, [one for one in seen if one is not None])
    model = fit(rows, ridge=options.ridge)
    for path in options.check:
        checked = _read([path])
        report(path.stem, checked, _predict(model, checked))
    print(json.dumps(model.to_config()))
    if options.out:
        options.out.write_text(json.dumps(model.to_config(), indent=1) + "\n", "utf-8")


def _parts(rows: Sequence[Row]) -> np.ndarray:
    """Which part each row is in, by its document."""
    names = sorted({r["document"] for r in rows}, key=lambda n: hashlib.sha256(n.encode()).digest())
    if len(names) < 2:
        raise SystemExit("rows of two documents are needed at least")
    number = {name: at % PARTS for at, name in enumerate(names)}
    return np.array([number[r["document"]] for r in rows])


def fit(rows: Sequence[Row], *, ridge: float) -> ConfidenceModel:
    """The weights with the least loss, by Newton's method on standardised signals."""
    x = _signals(rows)
    mean, spread = x.mean(0), x.std(0)
    spread = np.where(spread > 1e-6, spread, 1.0)  # what never changes gets no weight
    x = np.column_stack([(x - mean) / spread, np.ones(len(x))])
    y = np.eye(3)[_outcomes(rows)]
    counts = {name: sum(r["set"] == name for r in rows) for name in {r["set"] for r in rows}}
    weight = np.array([counts[r["set"]] ** -0.5 for r in rows])
    weight *= len(rows) / weight.sum()
    w = np.zeros((x.shape[1], 3))
    penalty = np.append(np.full(x.shape[1] - 1, ridge), 1e-3)
    for _ in range(50):
        p = _softmax(x @ w)
        gradient = x.T @ ((p - y) * weight[:, None]) + penalty[:, None] * w
        hessian = np.zeros((w.size, w.size))
        for j in range(3):
            for k in range(3):
                s = weight * p[:, j] * ((j == k) - p[:, k])
                block = (x * s[:, None]).T @ x
                hessian[j::3, k::3] += block
            hessian[j::3, j::3] += np.diag(penalty)
        step = np.linalg.solve(hessian, gradient.reshape(-1)).reshape(w.shape)
        w -= step
        if np.abs(step).max() < 1e-8:
            break
    w -= w.mean(1, keepdims=True)
    raw = w[:-1] / spread[:, None]
    constant = w[-1] - (mean / spread) @ w[:-1]
    return ConfidenceModel(
        tuple(tuple(round(float(v), 5) for v in row) for row in (*raw, constant))
    )


def report(name: str, rows: Sequence[Row], found: Sequence[Confidence]) -> None:
    """A line for all rows, and one for each set."""
    groups = [(name, np.ones(len(rows), bool))]
    groups += [
        (s, np.array([r["set"] == s for r in rows])) for s in sorted({r["set"] for r in rows})
    ]
    outcome = _outcomes(rows)
    answered = np.array([r["answered"] for r in rows])
    p_right = np.array([one.right for one in found])
    p_unanswered = np.array([one.unanswered for one in found])
    refused = np.array([one.refuses for one in found])
    p = np.array([one.score for one in found])
    likely = [
        (c.right, c.unanswered, c.wrong)[o] for c, o in zip(found, outcome.tolist(), strict=True)
    ]
    loss = -np.log(np.maximum(likely, 1e-12))
    for label, at in groups:
        right, unanswered, o, a = p_right[at], p_unanswered[at], outcome[at], answered[at]
        refuses, score = refused[at], p[at]
        good = np.where(refuses, o == 1, o == 0)
        sure = ~refuses & (score >= SURE)
        print(
            json.dumps(
                {
                    "set": label,
                    "rows": int(at.sum()),
                    "loss": round(float(loss[at].mean()), 3),
                    "right_if_answered": share(o[a] == 0),
                    "auc_right": area(right[a], o[a] == 0),
                    "auc_unanswered": area(unanswered, ~a),
                    "refused_answerable": share(refuses[a]),
                    "refused_unanswered": share(refuses[~a]),
                    "auc_all": area(score, good),
                    "calibration_error": calibration_error(score, good),
                    "sure": share(sure[a]),
                    "right_of_sure": share(o[sure] == 0),
                }
            )
        )


def _read(paths: Sequence[Path]) -> list[Row]:
    return [json.loads(line) for path in paths for line in path.open(encoding="utf-8")]


def _signals(rows: Sequence[Row]) -> np.ndarray:
    return np.array([[row["signals"][name] for name in SIGNALS] for row in rows])


def _outcomes(rows: Sequence[Row]) -> np.ndarray:
    return np.array([1 if not r["answered"] else 0 if r["f1"] >= RIGHT else 2 for r in rows])


def _predict(model: ConfidenceModel, rows: Sequence[Row]) -> list[Confidence]:
    return [model.of_signals([row["signals"][name] for name in SIGNALS]) for row in rows]


def _softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


def share(values: np.ndarray) -> float | None:
    return round(100 * float(values.mean()), 1) if len(values) else None


def area(score: np.ndarray, good: np.ndarray) -> float | None:
    """The chance that a good one scores higher than a bad one; ties count half."""
    if good.all() or not good.any():
        return None
    _, inverse, counts = np.unique(score, return_inverse=True, return_counts=True)
    rank = (counts.cumsum() - (counts - 1) / 2)[inverse]
    n = int(good.sum())
    return round(float((rank[good].sum() - n * (n + 1) / 2) / (n * (len(good) - n))), 3)


def calibration_error(score: np.ndarray, good: np.ndarray, bins: int = 10) -> float:
    """Mean gap between score and share right, over bins of equal width."""
    at = np.minimum((score * bins).astype(int), bins - 1)
    gaps = [abs(score[at == b].mean() - good[at == b].mean()) * (at == b).mean() for b in set(at)]
    return round(float(sum(gaps)), 3)


if __name__ == "__main__":
    main()
