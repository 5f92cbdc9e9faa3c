"""The table as rich text, Markdown and CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence

from ..textable import Table
from .paper import beside
from .summary import Line, few

COLUMNS = (
    "task",
    "system",
    "metric",
    "score",
    "95 % interval",
    "difference",
    "n",
    "blank",
    "format",
    "failed",
    "seconds",
    "MB",
)


def cells(line: Line) -> list[str]:
    """The texts of a line's columns."""
    task = f"{line.task} ({line.facet})" if line.facet else line.task
    interval = "" if line.low is None else f"{line.low:.2f} to {line.high:.2f}"
    difference = ""
    if line.difference is not None:
        difference = (
            f"{line.difference:+.2f} ({line.difference_low:+.2f} to {line.difference_high:+.2f})"
        )
    return [
        task,
        line.system,
        line.metric,
        "-" if line.score is None else f"{line.score:.2f}",
        interval,
        difference,
        f"{line.n}/{line.total}",
        str(line.blank),
        str(line.format_failures),
        str(line.failed),
        f"{line.seconds:.0f}",
        f"{line.peak_mb:.0f}",
    ]


def line_table(lines: Sequence[Line]) -> Table:
    """The table of a run; notes stand under it. Single cells of a grid are in the CSV."""
    notes = [f"{line.task}, {line.system}: {line.note}" for line in lines if line.note]
    notes += few(lines)
    shown = [cells(line) for line in lines if "depth=" not in line.facet]
    return Table(COLUMNS, shown, tuple(notes), left=3)


def markdown(lines: Sequence[Line], *, tuning: Mapping[str, str] | None = None) -> str:
    """A Markdown table; with the tuning of each system, also the paper's tables beside ours."""
    parts = [line_table(lines).markdown()]
    if tuning is not None and (tables := beside(lines, tuning)):
        parts.append("## Beside the paper (Llama-2-7B, by its own rules)")
        for title, table in tables:
            parts += [f"### {title}", table.markdown()]
    return "\n\n".join(parts) + "\n"


def comma_separated(lines: Sequence[Line]) -> str:
    """Every field of every line as CSV."""
    text = io.StringIO()
    names = list(lines[0].to_json()) if lines else []
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(line.to_json() for line in lines)
    return text.getvalue()
