"""Tables 4 and 5 of the paper (An et al., NAACL 2025), to stand beside a run.

Its numbers come from another backbone and from rules that differ from the benchmarks' own
(reference D.3); only a run under `--protocol paper` on Llama-2-7B repeats them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..systems.spec import parse_system
from ..textable import Table
from .summary import Line
from .tuning import QA, UNKNOWN, UNTRAINED, UNTUNED

# The columns: our name of a task, and the paper's.
_LONG = {
    "infinitebench/en_mc": "En.MC",
    "infinitebench/en_qa": "En.QA",
    "longbench/narrativeqa": "NQA",
    "longbench/qasper": "Qasper",
    "longbench/multifieldqa_en": "MFQA",
    "longbench/hotpotqa": "HQA",
    "longbench/2wikimqa": "2WQA",
    "longbench/musique": "MSQ",
}
_LEVAL = {
    "leval/coursera": "CS",
    "leval/quality": "QALIT",
    "leval/tpo": "TOEFL",
    "leval/sci_fi": "SF",
    "leval/financial_qa": "LFQA",
    "leval/narrative_qa": "NQA",
    "leval/natural_question": "NQ",
    "leval/scientific_qa": "Qasper",
}

_TABLE_4 = {
    "Llama-2-7B": (6.99, 3.95, 13.04, 12.08, 14.68, 16.27, 7.10, 4.41),
    "ExtendedFA": (15.72, 3.88, 12.21, 18.23, 18.23, 17.81, 14.18, 8.25),
    "AutoCompressor": (18.34, 4.46, 12.60, 16.89, 19.93, 19.00, 16.36, 8.84),
    "LCIRC": (21.40, 5.26, 10.67, 18.32, 21.71, 21.66, 16.55, 9.09),
    "ExtendedFA + FW-LQA": (28.38, 4.55, 18.96, 13.73, 23.48, 20.78, 17.24, 8.29),
    "AutoCompressor + FW-LQA": (31.00, 5.35, 13.69, 18.63, 33.55, 15.01, 14.13, 8.98),
    "QD-LCIRC": (38.86, 5.80, 15.31, 20.57, 33.25, 28.19, 19.00, 12.39),
}
_TABLE_5 = {
    "Llama-2-7B": (10.47, 25.74, 0.00, 29.69, 22.30, 8.66, 22.64, 2.29),
    "ExtendedFA": (16.86, 33.66, 17.10, 22.66, 13.89, 10.76, 33.24, 10.96),
    "AutoCompressor": (18.60, 31.68, 17.47, 22.66, 11.73, 4.82, 26.42, 6.64),
    "LCIRC": (22.09, 27.23, 10.04, 27.34, 14.66, 9.89, 26.40, 9.44),
    "ExtendedFA + FW-LQA": (15.70, 34.16, 13.75, 20.31, 28.27, 16.91, 35.68, 8.51),
    "AutoCompressor + FW-LQA": (20.35, 32.18, 26.39, 16.41, 29.33, 19.08, 28.67, 15.38),
    "QD-LCIRC": (25.58, 30.20, 12.27, 37.50, 31.63, 20.92, 34.37, 16.92),
}
# As printed: InfiniteBench, LongBench, L-Eval.
_AVERAGES = {
    "Llama-2-7B": (5.47, 11.26, 15.22),
    "ExtendedFA": (9.80, 14.82, 19.89),
    "AutoCompressor": (11.40, 15.60, 17.50),
    "LCIRC": (13.33, 16.33, 18.39),
    "ExtendedFA + FW-LQA": (16.47, 17.08, 21.66),
    "AutoCompressor + FW-LQA": (18.18, 17.33, 23.47),
    "QD-LCIRC": (22.33, 21.45, 26.17),
}
_FROM = "paper", "here"
# Our system, and whether it learned from questions and answers; the paper's says FW-LQA.
_OURS = {
    ("ends", UNTUNED): "Llama-2-7B",
    ("extended-fa", UNTUNED): "ExtendedFA",
    ("autocompressor", UNTUNED): "AutoCompressor",
    ("lcirc", UNTUNED): "LCIRC",
    ("autocompressor", QA): "AutoCompressor + FW-LQA",
    ("qd-lcirc", QA): "QD-LCIRC",
}
_TUNINGS = {
    QA: "fine-tuned on questions",
    UNTUNED: "not fine-tuned on questions",
    UNTRAINED: "untrained",
    UNKNOWN: "what it was trained on is not known",
}


@dataclass(frozen=True)
class _Published:
    """A table of the paper.

    Attributes:
        tasks: its columns.
        groups: those that have an average together, and its place in `_AVERAGES`.
    """

    title: str
    tasks: Mapping[str, str]
    scores: Mapping[str, Sequence[float]]
    groups: Sequence[tuple[slice, int]]


_TABLES = (
    _Published(
        "Table 4: InfiniteBench and LongBench",
        _LONG,
        _TABLE_4,
        ((slice(0, 2), 0), (slice(2, 8), 1)),
    ),
    _Published("Table 5: L-Eval", _LEVAL, _TABLE_5, ((slice(0, 8), 2),)),
)


def counterpart(system: str, tuning: str = UNKNOWN) -> str | None:
    """The paper's name for one of our systems; None where it has no such row.

    Its rows keep both ends of the document in the window, and are fine-tuned or not as said.

    Args:
        tuning: of the system's weights, as `lcirc_cli.bench.report.tuning` names it.
    """
    spec = parse_system(system)
    if spec.window != "ends" or spec.shuffled:
        return None
    return _OURS.get((spec.name, tuning))


def beside(lines: Sequence[Line], tuning: Mapping[str, str]) -> list[tuple[str, Table]]:
    """Tables 4 and 5 whole, with ours under the rows that they correspond to.

    Only the tables that some task of the run is in. An average of ours needs all its tasks.
    """
    scores: dict[tuple[str, str], float | None] = {}
    for line in lines:
        if not line.facet:  # the headline comes first
            scores.setdefault((line.system, line.task), line.score)
    tables = []
    for table in _TABLES:
        systems = dict.fromkeys(system for system, task in scores if task in table.tasks)
        if systems:
            tables.append((table.title, _beside(table, list(systems), scores, tuning)))
    return tables


def _beside(
    table: _Published,
    systems: Sequence[str],
    scores: Mapping[tuple[str, str], float | None],
    tuning: Mapping[str, str],
) -> Table:
    columns, rows = ["row", "from"], []
    for part, _ in table.groups:
        columns += [*[*table.tasks.values()][part], "Avg"]
    paired = {system: counterpart(system, tuning.get(system, UNKNOWN)) for system in systems}
    for model, printed in table.scores.items():
        cells = []
        for part, average in table.groups:
            cells += [*printed[part], _AVERAGES[model][average]]
        rows.append([model, _FROM[0], *map(_number, cells)])
        for system in (one for one, name in paired.items() if name == model):
            own = [scores.get((system, task)) for task in table.tasks]
            found: list[float | None] = []
            for part, _ in table.groups:
                known = [score for score in own[part] if score is not None]
                whole = len(known) == len(own[part])
                found += [*own[part], sum(known) / len(known) if whole else None]
            rows.append([system, _FROM[1], *map(_number, found)])
    alone = [
        f"{system} ({_TUNINGS[tuning.get(system, UNKNOWN)]})"
        for system, name in paired.items()
        if name is None
    ]
    notes = [f"without such a row in the paper: {', '.join(alone)}"] if alone else []
    return Table(columns, rows, tuple(notes), left=2)


def _number(score: float | None) -> str:
    return "-" if score is None else f"{score:.2f}"
