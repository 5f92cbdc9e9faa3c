"""Rows to the table: one line a task, system and metric, with intervals and differences.

A failed sample counts 0 in every score, so that nothing can get better by failing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from ..metrics import METRICS, Headline
from ..rows import NOT_APPLICABLE, Row
from ..statistics import interval, paired_difference


@dataclass(frozen=True)
class Line:
    """One line of the table; scores are percentages unless the metric is a loss.

    Attributes:
        n: samples scored.
        total: samples asked, the failed ones among them.
        difference: to the baseline over the same samples, with its interval; None where there
            is nothing to pair.
        facet: what the line is a part of, such as length=8192; "" for the whole task.
        note: what to know about the line.
    """

    task: str
    system: str
    metric: str
    score: float | None
    low: float | None
    high: float | None
    n: int
    total: int
    blank: int
    format_failures: int
    failed: int
    seconds: float
    peak_mb: float
    difference: float | None = None
    difference_low: float | None = None
    difference_high: float | None = None
    baseline: str = ""
    facet: str = ""
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def summarise(
    rows: Iterable[Row],
    *,
    tasks: Sequence[str],
    systems: Sequence[str],
    baseline: str | None = None,
    notes: Mapping[tuple[str, str], str] | None = None,
) -> list[Line]:
    """The lines in the order of `tasks` and `systems`, each metric's headline first.

    Args:
        baseline: a system to take differences to; None takes the first one.
        notes: by (task, system).
    """
    baseline = baseline or systems[0]
    grouped: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        grouped.setdefault((row.task, row.system), []).append(row)
    for group in grouped.values():
        group.sort(key=lambda row: row.id)  # never the order in which they were written
    lines = []
    for task in tasks:
        for system in systems:
            own = grouped.get((task, system), [])
            against = grouped.get((task, baseline), []) if system != baseline else []
            note = (notes or {}).get((task, system), "")
            lines += _lines(own, against, baseline=baseline, note=note)
            for facet, part in _by_facet(own).items():
                lines += _lines(part, [], baseline=baseline, facet=facet, headlines=1)
    return lines


def _lines(
    rows: Sequence[Row],
    against: Sequence[Row],
    *,
    baseline: str,
    facet: str = "",
    note: str = "",
    headlines: int | None = None,
) -> list[Line]:
    if not rows:
        return []
    if rows[0].error.startswith(NOT_APPLICABLE):
        return [_empty(rows, facet, rows[0].error)] if not facet else []
    lines = []
    for headline in METRICS[rows[0].metric].headlines[:headlines]:
        line = _line(rows, against, headline, baseline=baseline, facet=facet)
        if line is not None:
            lines.append(line)
    if lines:
        # The benchmark's own score comes first; it also counts what its script leaves to a judge.
        lines[0] = replace(lines[0], total=len(rows), note=note)
    return lines or [_empty(rows, facet, rows[0].error or "nothing could be scored")]


def _line(
    rows: Sequence[Row],
    against: Sequence[Row],
    headline: Headline,
    *,
    baseline: str,
    facet: str,
) -> Line | None:
    asked = [row for row in rows if all(name in row.values for name in headline.values)]
    if not asked:
        return None
    scale = 100.0 if headline.percent else 1.0
    found = interval(_values(asked, headline), headline.combine)
    difference = _difference(asked, against, headline)
    return Line(
        task=asked[0].task,
        system=asked[0].system,
        metric=headline.name,
        score=found.value * scale,
        low=found.low * scale,
        high=found.high * scale,
        difference=None if difference is None else difference[0] * scale,
        difference_low=None if difference is None else difference[1] * scale,
        difference_high=None if difference is None else difference[2] * scale,
        baseline=baseline if difference is not None else "",
        facet=facet,
        **_counts(asked),
    )


def _difference(
    rows: Sequence[Row], against: Sequence[Row], headline: Headline
) -> tuple[float, float, float] | None:
    other = {r.id: r for r in against if all(name in r.values for name in headline.values)}
    paired = [row for row in rows if row.id in other]
    if not paired:
        return None
    values = _values(paired, headline)
    base = _values([other[row.id] for row in paired], headline)
    found = paired_difference(values, base, headline.combine)
    return found.value, found.low, found.high


def _values(rows: Sequence[Row], headline: Headline) -> np.ndarray:
    return np.array([[row.values[name] for name in headline.values] for row in rows], np.float64)


def _counts(rows: Sequence[Row]) -> dict[str, Any]:
    failed = sum(bool(row.error) for row in rows)
    return {
        "n": len(rows) - failed,
        "total": len(rows),
        "blank": sum(row.blank for row in rows),
        "format_failures": sum(row.format_failure for row in rows),
        "failed": failed,
        "seconds": round(sum(row.seconds for row in rows), 3),
        "peak_mb": max(row.peak_mb for row in rows),
    }


def _empty(rows: Sequence[Row], facet: str, note: str) -> Line:
    """A line without a score: nothing could be scored, or there was nothing to score."""
    headline = METRICS[rows[0].metric].headlines[0].name
    counts = _counts(rows) | {"n": 0}
    if note.startswith(NOT_APPLICABLE):
        counts["failed"] = 0
    first = rows[0]
    return Line(
        task=first.task,
        system=first.system,
        metric=headline,
        score=None,
        low=None,
        high=None,
        facet=facet,
        note=note,
        **counts,
    )


def _by_facet(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """Rows by each combination of their facets, and by length alone."""
    groups: dict[str, list[Row]] = {}
    for row in sorted(rows, key=lambda r: [str(v).zfill(12) for v in r.facets.values()]):
        if not row.facets:
            continue
        whole = ", ".join(f"{name}={value:g}" for name, value in row.facets.items())  # type: ignore[str-format]
        groups.setdefault(whole, []).append(row)
        if len(row.facets) > 1:
            groups.setdefault(f"length={row.facets['length']:g}", []).append(row)
    return groups
