"""The pictures of a data card: document length, depth of the evidence, kinds, what filters left.

Knows nothing about files of data; draws what `Statistics` holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from lcirc_cli.lqa.dataset.statistics import DEPTH_BINS, Statistics
from lcirc_cli.lqa.pairs.examiner import REASONS
from lcirc_cli.lqa.settings import KINDS

_COLOUR = "#33658a"


def draw_all(numbers: Statistics) -> dict[str, bytes]:
    """The pictures as PNG, by file name."""
    lengths = {int(bin): count for bin, count in numbers.group("tokens").items()}
    bins = sorted(lengths)
    depth = numbers.group("depth")
    reasons = numbers.reasons()
    kinds = numbers.group("accepted")
    left = numbers.total("planned")
    steps, remaining = ["planned"], [left]
    for reason in REASONS:
        if reasons.get(reason):
            left -= reasons[reason]
            steps.append(reason)
            remaining.append(left)
    return {
        "length.png": _bars(
            [f"{bin:,}" for bin in bins],
            [lengths[bin] for bin in bins],
            "Length of the documents",
            "tokens, from",
        ),
        "depth.png": _bars(
            [f"{10 * bin}-{10 * bin + 10}" for bin in range(DEPTH_BINS)],
            [depth.get(str(bin), 0) for bin in range(DEPTH_BINS)],
            "Depth of the evidence, questions with one piece",
            "% of the document",
        ),
        "kinds.png": _bars(
            list(KINDS), [kinds.get(kind, 0) for kind in KINDS], "Accepted pairs by kind", ""
        ),
        "filters.png": _bars(steps, remaining, "Pairs left after each filter", "", slanted=True),
    }


def _bars(
    names: Sequence[str], heights: Sequence[int], title: str, below: str, *, slanted: bool = False
) -> bytes:
    # Not through pyplot: it keeps global state, and asks for a display on some machines.
    figure = Figure(figsize=(7, 3.5), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    bars = axes.bar(range(len(names)), heights, color=_COLOUR)
    axes.bar_label(bars, labels=[f"{height:,}" for height in heights], fontsize=8)
    axes.set_xticks(range(len(names)), names, fontsize=8)
    if slanted:
        axes.tick_params(axis="x", rotation=20)
    axes.set_title(title)
    axes.set_xlabel(below)
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(y=0.12)
    out = BytesIO()
    # Without the version and date that would make two equal pictures differ.
    figure.savefig(out, format="png", metadata={"Software": None})
    return out.getvalue()
