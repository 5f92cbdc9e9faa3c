"""Fits and checks the coefficients of lcirc_cli/evidence/support.py.

    python scripts/fit_support.py --train DIR... --check DIR...

Questions about a memory's documents are the positive cases, questions about other documents of
the same set the negative ones, in memories of 1, 5 and 20 documents (a long book is like many
short texts: more of it fits any question by chance). Each set and size weighs the same. Questions
of a set that can't be answered are only counted: they ask about things in the document.
Prints a JSON line with the coefficients, then one for each set and size with the committed ones.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from qa_sets import Labelled, read_set, texts_without_tokens

from lcirc_cli.evidence import PassageIndex
from lcirc_cli.evidence.support import COEFFICIENTS, INTERCEPT, features

SIZES = {1: (100, 10), 5: (20, 40), 20: (5, 150)}  # documents: (memories, questions of each kind)
KINDS = ("other document", "answerable", "unanswerable")
SEED = 0


@dataclass(frozen=True)
class Cases:
    """Features [n, 2] of questions and their kinds [n], an index into KINDS."""

    name: str
    size: int
    values: np.ndarray
    kinds: np.ndarray


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--train", nargs="+", type=Path, default=[], metavar="DIR")
    parser.add_argument("--check", nargs="+", type=Path, default=[], metavar="DIR")
    arguments = parser.parse_args()
    train = [cases for folder in arguments.train for cases in collect(folder)]
    if train:
        weights, intercept = fit(train)
        print(json.dumps({"coefficients": weights, "intercept": intercept}), flush=True)
    check = [cases for folder in arguments.check for cases in collect(folder)]
    for cases in [*train, *check]:
        print(json.dumps(rates(cases)), flush=True)


def collect(folder: Path) -> Iterator[Cases]:
    """The cases of a set for each size of memory that it has enough documents for."""
    documents = read_set(folder)
    for size, (memories, questions) in SIZES.items():
        order = random.Random(SEED).sample(documents, len(documents))
        groups = [order[at : at + size] for at in range(0, len(order) - size + 1, size)]
        if len(groups) >= 2:
            yield _cases(folder.name, groups[:memories], questions)


def _cases(name: str, groups: list[list[Labelled]], limit: int) -> Cases:
    choose = random.Random(SEED)
    rows: list[tuple[float, float]] = []
    kinds: list[int] = []
    for group, other in zip(groups, [*groups[1:], groups[0]], strict=True):
        index = PassageIndex(texts_without_tokens([document.text for document in group]))
        for kind, source, answerable in ((0, other, True), (1, group, True), (2, group, False)):
            pool = [q.text for d in source for q in d.questions if bool(q.evidence) == answerable]
            for text in choose.sample(pool, min(limit, len(pool))):
                values = features(text, index=index, scores=index.scores(text))
                rows.append(values or (0.0, float(np.log(max(1, len(index.passages))))))
                kinds.append(kind)
    return Cases(name, len(groups[0]), np.array(rows), np.array(kinds))


def fit(sets: list[Cases]) -> tuple[list[float], float]:
    """Logistic regression on the first two kinds; every set and size weighs the same."""
    used = [cases.kinds < 2 for cases in sets]
    values = torch.tensor(np.concatenate([c.values[u] for c, u in zip(sets, used, strict=True)]))
    labels = np.concatenate([c.kinds[u] for c, u in zip(sets, used, strict=True)])
    shares = np.concatenate([np.full(u.sum(), 1 / u.sum() / len(sets)) for u in used])
    mean, spread = values.mean(0), values.std(0)
    scaled = (values - mean) / spread
    weights = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([weights], max_iter=200)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = torch.nn.functional.binary_cross_entropy_with_logits(
            scaled @ weights[:2] + weights[2],
            torch.tensor(labels, dtype=torch.float64),
            weight=torch.tensor(shares),
            reduction="sum",
        )
        loss.backward()
        return loss

    optimizer.step(closure)
    slopes = weights.detach()[:2] / spread
    intercept = float(weights.detach()[2] - (slopes * mean).sum())
    return [round(slope, 2) for slope in slopes.tolist()], round(intercept, 2)


def rates(cases: Cases) -> dict[str, object]:
    """Percent that the committed coefficients judge rightly, and the mean of both kinds."""
    yes = cases.values @ np.array(COEFFICIENTS) + INTERCEPT >= 0
    right = {"other document": ~yes, "answerable": yes, "unanswerable": ~yes}
    shares = {
        kind: round(100 * float(right[kind][cases.kinds == number].mean()), 1)
        for number, kind in enumerate(KINDS)
        if (cases.kinds == number).any()
    }
    balanced = round((shares["other document"] + shares["answerable"]) / 2, 1)
    return {"set": cases.name, "documents": cases.size, **shares, "balanced": balanced}


if __name__ == "__main__":
    main()
