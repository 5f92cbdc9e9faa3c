"""The table of scripts/bptt_table.py: shares of right answers by depth, with intervals.

A unit of the bootstrap is one test document under one seed: the mean over its facts. Differences
are paired: the same seed and document for both.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lcirc_cli.bench.report.statistics import Interval, interval, paired_difference

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Outcome:
    """One adapter's answers: 1 = right, [documents, segments], and the seconds of its training."""

    true: Array
    shuffled: Array  # the same questions, another document's memory
    seconds: float


def report(
    outcomes: Mapping[str, Sequence[Outcome]],
    *,
    command: str,
    config: str,
    parts: int,
    backbone_accuracy: float,
) -> str:
    """Markdown; `outcomes` maps each system to one outcome a seed."""
    first = next(iter(outcomes.values()))[0]
    segments = first.true.shape[1]
    edges = np.linspace(0, segments, parts + 1).astype(int).tolist()
    ranges = list(itertools.pairwise(edges))
    depths = [f"segments {low + 1}-{high}" for low, high in ranges]
    lines = [
        "# Selective against truncated back-propagation through time",
        "",
        f"Made by `{command}` with the configuration below, which was committed before the run.",
        f"The tiny decoder finds {_percent(backbone_accuracy)} of the facts in its own window.",
        "Percent of facts answered right from the memory alone, with 95 % bootstrap intervals over",
        f"{len(first.true)} test documents x {len(next(iter(outcomes.values())))} seeds; "
        "*shuffled*: another document's memory.",
        "",
        _row(["system", "all depths", *depths, "shuffled", "by seed", "seconds a run"]),
        _row(["---"] * (5 + len(depths))),
    ]
    for name, runs in outcomes.items():
        true = np.stack([each.true for each in runs])
        shuffled = np.stack([each.shuffled for each in runs])
        cells = [_shown(interval(_units(true), _only))]
        cells += [_shown(interval(_units(true[..., low:high]), _only)) for low, high in ranges]
        cells.append(_percent(float(shuffled.mean())))
        cells.append(" / ".join(_percent(float(each.true.mean())) for each in runs))
        cells.append(f"{np.mean([each.seconds for each in runs]):.0f}")
        lines.append(_row([name, *cells]))
    lines += ["", _row(["difference", "all depths", *depths]), _row(["---"] * (2 + len(depths)))]
    for label, ours, theirs in _pairs(list(outcomes)):
        a, b = (np.stack([each.true for each in outcomes[name]]) for name in (ours, theirs))
        cuts = [(0, segments), *ranges]
        cells = [
            _shown(paired_difference(_units(a[..., x:y]), _units(b[..., x:y]), _only), signed=True)
            for x, y in cuts
        ]
        lines.append(_row([label, *cells]))
    return "\n".join([*lines, "", "```toml", config.strip(), "```", ""])


def _pairs(names: Sequence[str]) -> list[tuple[str, str, str]]:
    """(label, system, baseline): the two plans, then the question in the compressor or not."""
    qd_selective, qd_truncated, selective, truncated = names
    return [
        ("selective - truncated, QD", qd_selective, qd_truncated),
        ("selective - truncated, not QD", selective, truncated),
        ("QD - not, selective", qd_selective, selective),
        ("QD - not, truncated", qd_truncated, truncated),
    ]


def _units(right: Array) -> Array:
    """[seeds, documents, segments] to one mean a seed and document, [n, 1]."""
    return right.mean(axis=-1).reshape(-1, 1)


def _only(means: Array) -> Array:
    return means[..., 0]


def _shown(found: Interval, *, signed: bool = False) -> str:
    form = "+.1f" if signed else ".1f"
    low, high = 100 * found.low, 100 * found.high
    return f"{100 * found.value:{form}} ({low:{form}} to {high:{form}})"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
