"""Plots as SVG texts: bars with intervals, curves against length, a needle heat map."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

from .summary import Line

_INK, _GRID = "#1f2933", "#d9dfe5"
_COLOURS = ("#2166ac", "#d6604d", "#4d9221", "#8073ac", "#b35806", "#35978f", "#737373", "#c51b7d")
_COMMENT = re.compile(r"<!--.*?-->\s*", re.DOTALL)
_LENGTH = re.compile(r"length=(\d+)(?:, depth=([\d.]+))?$")


def bars(lines: Sequence[Line]) -> str | None:
    """Headline score of each system, one panel a task, with 95 % intervals."""
    panels: dict[str, list[Line]] = {}
    for line in lines:
        same = panels.setdefault(line.task, [])
        if line.facet or line.score is None or any(one.system == line.system for one in same):
            continue
        same.append(line)
    panels = {task: part for task, part in panels.items() if part}
    if not panels:
        return None
    plt = _pyplot()
    rows = [0.34 * len(part) + 0.75 for part in panels.values()]
    figure, axes = plt.subplots(
        len(panels),
        1,
        figsize=(8, sum(rows)),
        squeeze=False,
        gridspec_kw={"height_ratios": rows},
        layout="constrained",
    )
    for axis, (task, part) in zip(axes[:, 0], panels.items(), strict=True):
        _bar_panel(axis, task, part)
    return _svg(figure)


def _bar_panel(axis: Any, task: str, lines: Sequence[Line]) -> None:
    places = range(len(lines))
    scores = [line.score or 0.0 for line in lines]
    spread = [
        [max(0.0, (line.score or 0.0) - (line.low or 0.0)) for line in lines],
        [max(0.0, (line.high or 0.0) - (line.score or 0.0)) for line in lines],
    ]
    axis.barh(places, scores, xerr=spread, color=_COLOURS[0], height=0.62, ecolor=_INK, capsize=2)
    axis.set_yticks(list(places), [line.system for line in lines])
    axis.invert_yaxis()
    axis.set_title(f"{task}: {lines[0].metric}", loc="left", fontsize=10)
    axis.set_xlim(left=0)
    axis.grid(axis="x", color=_GRID)
    axis.set_axisbelow(True)


def curves(lines: Sequence[Line], *, metric: str = "perplexity") -> str | None:
    """A metric against context length, one curve a system."""
    series: dict[str, list[tuple[int, Line]]] = {}
    for line in lines:
        match = _LENGTH.match(line.facet)
        if line.metric == metric and line.score is not None and match and match[2] is None:
            series.setdefault(f"{line.task}: {line.system}", []).append((int(match[1]), line))
    if not series:
        return None
    figure, axis = _figure()
    for (name, points), colour in zip(series.items(), _COLOURS * 9, strict=False):
        points.sort(key=lambda point: point[0])
        lengths = [length for length, _ in points]
        axis.plot(lengths, [p.score for _, p in points], marker="o", label=name, color=colour)
        low, high = [p.low for _, p in points], [p.high for _, p in points]
        axis.fill_between(lengths, low, high, alpha=0.12, color=colour, linewidth=0)
    _by_length(axis)
    axis.set_ylabel(metric)
    axis.legend(frameon=False, fontsize=8)
    return _svg(figure)


def costs(rows: Sequence[Mapping[str, Any]]) -> str | None:
    """Operations up to the first token against context length, one curve a system."""
    if not rows:
        return None
    figure, axis = _figure()
    systems = list(dict.fromkeys(row["system"] for row in rows))
    for system, colour in zip(systems, _COLOURS * 9, strict=False):
        own = sorted((r["tokens"], r["total"]) for r in rows if r["system"] == system)
        axis.plot(*zip(*own, strict=True), marker="o", label=system, color=colour)
    _by_length(axis)
    axis.set_yscale("log")
    axis.set_ylabel("floating-point operations")
    axis.legend(frameon=False, fontsize=8)
    return _svg(figure)


def heat_maps(lines: Sequence[Line]) -> str | None:
    """Needle: accuracy by depth and length, one panel a system."""
    cells: dict[str, dict[tuple[float, int], float]] = {}
    for line in lines:
        match = _LENGTH.match(line.facet)
        if match and match[2] is not None and line.score is not None:
            cells.setdefault(line.system, {})[float(match[2]), int(match[1])] = line.score
    if not cells:
        return None
    plt = _pyplot()
    count = len(cells)
    figure, axes = plt.subplots(
        1, count, figsize=(3.2 * count + 1, 3), squeeze=False, layout="constrained"
    )
    for axis, (system, grid) in zip(axes[0], cells.items(), strict=True):
        depths = sorted({depth for depth, _ in grid})
        lengths = sorted({length for _, length in grid})
        image = axis.imshow(
            [[grid.get((d, n), float("nan")) for n in lengths] for d in depths],
            vmin=0,
            vmax=100,
            cmap="RdYlGn",
            aspect="auto",
        )
        axis.set_xticks(range(len(lengths)), [f"{n // 1024}K" for n in lengths])
        axis.set_yticks(range(len(depths)), [f"{d:.0%}" for d in depths])
        axis.set_title(system, loc="left", fontsize=10)
        axis.set_xlabel("length")
    axes[0][0].set_ylabel("depth of the fact")
    figure.colorbar(image, ax=axes[0][-1], label="found, %")
    return _svg(figure)


def _by_length(axis: Any) -> None:
    axis.set_xscale("log", base=2)
    axis.xaxis.set_major_formatter(lambda value, _: f"{value / 1024:g}K")
    axis.set_xlabel("context, tokens")
    axis.grid(color=_GRID)


def _figure() -> tuple[Any, Any]:
    return _pyplot().subplots(figsize=(8, 4.2), layout="constrained")


def _pyplot() -> Any:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    plt.rcParams.update(
        {
            "axes.edgecolor": _INK,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "font.size": 9,
            "svg.fonttype": "none",  # text stays text: small, searchable
            "svg.hashsalt": "lcirc",  # the same picture every time
            "text.color": _INK,
        }
    )
    return plt


def _svg(figure: Any) -> str:
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None})
    _pyplot().close(figure)
    return _COMMENT.sub("", text.getvalue()[text.getvalue().index("<svg") :])
