"""Rows to the table: one line a task, system and metric, with intervals and differences.

A failed sample counts as the worst of every score, so that nothing can get better by failing; a
loss has no worst, so its line says how many are missing and why.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from lcirc_cli import console
from lcirc_cli.errors import UsageError

from ..metrics import METRICS, Headline
from ..results import Row
from .statistics import Interval, interval, paired_difference

FEWEST = 30  # questions for an interval that means something


@dataclass(frozen=True)
class Line:
    """One line of the table; scores are percentages unless the metric is a loss.

    Attributes:
        n: samples scored.
        total: samples to be asked, the failed ones among them. Of a task's first line those of
            the whole run, even where it is unfinished.
        difference: to the baseline over the same samples, with its interval; None where there
            is nothing to pair.
        facet: what the line is a part of, such as length=8192; "" for the whole task.
        note: what to know about the line.
    """

    task: str
    system: str
    metric: str
    score: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0
    total: int = 0
    blank: int = 0
    format_failures: int = 0
    failed: int = 0
    seconds: float = 0.0
    peak_mb: float = 0.0
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
    planned: Mapping[str, Mapping[str, Any]] | None = None,
) -> list[Line]:
    """The lines in the order of `tasks` and `systems`, each metric's headline first.

    Args:
        baseline: a system to take differences to; None takes the first one.
        notes: by (task, system).
        planned: by task, `metric` and how many samples are `asked` (run.json's `data`).

    Raises:
        UsageError: the baseline is none of the systems.
    """
    check_baseline(baseline, systems)
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
            whole = (planned or {}).get(task, {})
            lines += _lines(own, against, baseline=baseline, note=note, asked=whole.get("asked"))
            if not own and whole:
                lines.append(_unanswered(task, system, whole))
            for facet, part in _by_facet(own).items():
                lines += _lines(part, [], baseline=baseline, facet=facet, headlines=1)
    return lines


def check_baseline(baseline: str | None, systems: Sequence[str]) -> None:
    """Raises UsageError for a baseline that is none of the run's systems."""
    if baseline is not None and baseline not in systems:
        raise UsageError(f"--baseline: {baseline!r} is not in the run; it has {', '.join(systems)}")


def _lines(
    rows: Sequence[Row],
    against: Sequence[Row],
    *,
    baseline: str,
    facet: str = "",
    note: str = "",
    headlines: int | None = None,
    asked: int | None = None,
) -> list[Line]:
    if not rows:
        return []
    applicable = [row for row in rows if row.applicable]
    total = len(applicable) if asked is None else asked - (len(rows) - len(applicable))
    said = "; ".join(filter(None, [note, *_troubles(rows, asked)]))
    if not applicable:
        return [_empty(rows, "", said, total=asked or len(rows))] if not facet else []
    lines = []
    for headline in METRICS[rows[0].metric].headlines[:headlines]:
        line = _line(applicable, against, headline, baseline=baseline, facet=facet)
        if line is not None:
            lines.append(line)
    if not lines:
        return [_empty(applicable, facet, said or "nothing could be scored", total=total)]
    # The benchmark's own score comes first; it also counts what its script leaves to a judge.
    return [replace(lines[0], total=total, note="" if facet else said), *lines[1:]]


def _troubles(rows: Sequence[Row], asked: int | None) -> list[str]:
    """What is missing of a task's rows, and the first reason of each kind."""
    said = []
    if asked is not None and len(rows) < asked:
        said.append(f"unfinished: {len(rows)} of {asked} asked so far")
    failed = [row for row in rows if row.error and row.applicable]
    if failed:
        said.append(f"{len(failed)} of {len(rows)} failed, the first: {failed[0].error}")
    apart = [row for row in rows if not row.applicable]
    if apart:
        some = f"{len(apart)} of {len(rows)} " if len(apart) < len(rows) else ""
        said.append(some + apart[0].error)
    return said


def few(lines: Sequence[Line]) -> list[str]:
    """For each task a word of warning where a bootstrap has little to draw from."""
    most: dict[str, int] = {}
    for line in lines:
        if not line.facet and line.low is not None:
            most[line.task] = max(most.get(line.task, 0), line.n + line.failed)
    return [
        f"{task}: {console.counted(count, 'question')}, fewer than {FEWEST}: the intervals mean "
        "little"
        for task, count in most.items()
        if count < FEWEST
    ]


def _unanswered(task: str, system: str, planned: Mapping[str, Any]) -> Line:
    """The line of a system that was not asked anything yet."""
    asked, metric = planned["asked"], METRICS[planned["metric"]].headlines[0].name
    note = f"unfinished: 0 of {asked} asked so far"
    return Line(task, system, metric, total=asked, note=note)


def _line(
    rows: Sequence[Row],
    against: Sequence[Row],
    headline: Headline,
    *,
    baseline: str,
    facet: str,
) -> Line | None:
    asked = [row for row in rows if headline.has(row.values)]
    if not asked:
        return None
    lost = [row for row in rows if any(name in row.missing for name in headline.values)]
    scale = 100.0 if headline.percent else 1.0
    names = headline.names(row.values for row in asked)
    found = interval(_values(asked, names), headline.combine)
    pair = _difference(asked, against, headline)
    return Line(
        task=asked[0].task,
        system=asked[0].system,
        metric=headline.name,
        score=found.value * scale,
        low=found.low * scale,
        high=found.high * scale,
        difference=None if pair is None else pair.value * scale,
        difference_low=None if pair is None else pair.low * scale,
        difference_high=None if pair is None else pair.high * scale,
        baseline="" if pair is None else baseline,
        facet=facet,
        **_counts([*asked, *lost]),
    )


def _difference(rows: Sequence[Row], against: Sequence[Row], headline: Headline) -> Interval | None:
    scored = [r for r in against if r.applicable]
    other = {r.id: r for r in scored if headline.has(r.values)}
    paired = [row for row in rows if row.id in other]
    if not paired:
        return None
    names = headline.names(row.values for row in paired)
    values = _values(paired, names)
    base = _values([other[row.id] for row in paired], names)
    return paired_difference(values, base, headline.combine)


def _values(rows: Sequence[Row], names: Sequence[str]) -> np.ndarray:
    """[n, k]; what another option's questions have is 0 for a question."""
    return np.array([[row.values.get(name, 0.0) for name in names] for row in rows], np.float64)


def _counts(rows: Sequence[Row]) -> dict[str, Any]:
    failed = sum(bool(row.error) and row.applicable for row in rows)
    return {
        "n": len(rows) - failed,
        "total": len(rows),
        "blank": sum(row.blank for row in rows),
        "format_failures": sum(row.format_failure for row in rows),
        "failed": failed,
        "seconds": round(sum(row.seconds for row in rows), 3),
        "peak_mb": max(row.peak_mb for row in rows),
    }


def _empty(rows: Sequence[Row], facet: str, note: str, *, total: int) -> Line:
    """A line without a score: nothing could be scored, or there was nothing to score."""
    first, counts = rows[0], _counts(rows) | {"n": 0, "total": total}
    metric = METRICS[first.metric].headlines[0].name
    return Line(first.task, first.system, metric, facet=facet, note=note, **counts)


def _by_facet(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """Rows by each combination of their facets, and by length alone."""
    groups: dict[str, list[Row]] = {}
    for row in sorted(rows, key=lambda r: [str(v).zfill(12) for v in r.facets.values()]):
        facets = {name: value for name, value in row.facets.items() if value not in ("", None)}
        if not facets:
            continue
        whole = ", ".join(f"{name}={_plain(value)}" for name, value in facets.items())
        groups.setdefault(whole, []).append(row)
        if len(facets) > 1 and "length" in facets:
            groups.setdefault(f"length={_plain(facets['length'])}", []).append(row)
    return groups


def _plain(value: float | str) -> str:
    """All digits of a length; the plots read it back."""
    if isinstance(value, str):
        return value
    return str(int(value)) if float(value).is_integer() else f"{value:g}"
