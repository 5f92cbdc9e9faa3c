"""The report: every form of it from one set of rows, and the paper's tables beside it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lcirc_cli.bench import metrics
from lcirc_cli.bench.report import make_report, paper
from lcirc_cli.bench.report.paper import beside, counterpart
from lcirc_cli.bench.report.plots import curves
from lcirc_cli.bench.report.summary import Line, few, summarise
from lcirc_cli.bench.report.tables import line_table
from lcirc_cli.bench.results import Row
from lcirc_cli.errors import UsageError

from .reported import SYSTEMS, TASKS


def test_the_same_rows_give_the_same_report(run_folder: Path) -> None:
    first = make_report(run_folder)
    files = {name: (run_folder / name).read_bytes() for name in ("summary.json", "report.html")}
    rows = (run_folder / "samples.jsonl").read_bytes().splitlines(keepends=True)
    (run_folder / "samples.jsonl").write_bytes(b"".join(reversed(rows)))
    assert make_report(run_folder) == first
    for name, data in files.items():
        assert (run_folder / name).read_bytes() == data


def test_facets_and_pairs_that_make_no_sense(run_folder: Path) -> None:
    lines = make_report(run_folder)
    by = {(line.task, line.system, line.metric, line.facet): line for line in lines}
    cell = by["needle", "ends", "accuracy", "length=4096, depth=1"]
    assert (cell.score, cell.n) == (100.0, 1)
    assert by["needle", "ends", "accuracy", "length=8192"].score == 50.0
    assert by[TASKS[2], "ends", "perplexity", "length=4096"].score == pytest.approx(
        2.718281828**2.5
    )
    nothing = by[TASKS[2], "qd-lcirc", "perplexity", ""]
    assert nothing.score is None and nothing.failed == 0 and "no question" in nothing.note


def test_differences_are_paired_with_the_chosen_baseline(run_folder: Path) -> None:
    for baseline in SYSTEMS:
        for line in make_report(run_folder, baseline=baseline):
            if line.task == TASKS[0]:
                assert (line.difference is None) == (line.system == baseline)
    lines = {(x.system, x.metric): x for x in make_report(run_folder) if x.task == TASKS[0]}
    better = lines["qd-lcirc", "f1"]
    assert better.baseline == "ends"
    assert better.difference == pytest.approx(
        (better.score or 0) - (lines["ends", "f1"].score or 0)
    )


def test_markdown_has_the_paper_beside_it_when_asked(run_folder: Path) -> None:
    make_report(run_folder)
    assert "Beside the paper" not in (run_folder / "report.md").read_text()
    make_report(run_folder, compare_paper=True)
    text = (run_folder / "report.md").read_text().split("Beside the paper")[1]
    assert "Table 4" in text and "Table 5" not in text  # no task of L-Eval was run
    rows = [[c.strip() for c in row.split("|")[1:-1]] for row in text.splitlines() if "|" in row]
    assert rows[0][2:] == [
        *("En.MC", "En.QA", "Avg", "NQA", "Qasper", "MFQA", "HQA", "2WQA", "MSQ", "Avg")
    ]
    names = [row[0] for row in rows[2:]]
    assert [name for name in names if name not in SYSTEMS] == list(paper._AVERAGES)
    assert names[names.index("Llama-2-7B") + 1] == "ends"
    assert names[names.index("QD-LCIRC") + 1] == "qd-lcirc"
    by = {row[0]: row[1:] for row in rows}
    wanted = "28.38 4.55 16.47 18.96 13.73 23.48 20.78 17.24 8.29 17.08"
    assert by["ExtendedFA + FW-LQA"] == ["paper", *wanted.split()]
    own = by["ends"]
    assert own[0] == "here" and float(own[5]) > 0 and set(own[1:5] + own[6:]) == {"-"}
    assert "qd-lcirc~shuffled" not in by and "qd-lcirc~shuffled" in text  # said under the table


def test_an_average_of_ours_needs_all_its_tasks() -> None:
    def line(task: str, score: float) -> Line:
        return Line(task, "ends", "f1", score, 0, 0, 1, 1, 0, 0, 0, 1, 1)

    tasks = ("infinitebench/en_mc", "infinitebench/en_qa", "longbench/qasper")
    lines = [line(task, 10.0 * (i + 1)) for i, task in enumerate(tasks)]
    ((_, table),) = beside(lines, {"ends": "untuned"})
    own = next(row for row in table.rows if row[0] == "ends")
    assert own[2:5] == ["10.00", "20.00", "15.00"] and own[-1] == "-"


@pytest.mark.parametrize(
    ("system", "tuning", "name"),
    [
        ("ends", "untuned", "Llama-2-7B"),
        ("lcirc@runs/lm/best", "untuned", "LCIRC"),
        ("lcirc", "qa", None),
        ("qd-lcirc", "qa", "QD-LCIRC"),
        ("qd-lcirc", "untrained", None),
        ("qd-lcirc+evidence", "qa", None),
        ("qd-lcirc+none", "qa", None),
        ("qd-lcirc~shuffled", "qa", None),
        ("autocompressor@runs/x", "qa", "AutoCompressor + FW-LQA"),
        ("autocompressor", "untrained", None),
        ("autocompressor@others", "unknown", None),
        ("window@runs/x", "qa", None),
    ],
)
def test_only_rows_with_the_same_window_and_tuning_are_paired(
    system: str, tuning: str, name: str | None
) -> None:
    assert counterpart(system, tuning) == name


def test_the_papers_averages_follow_from_its_columns() -> None:
    """Tables 4 and 5 print averages: a slip in a copied number would break them."""
    for table in paper._TABLES:
        for part, place in table.groups:
            for model, scores in table.scores.items():
                mean = sum(scores[part]) / len(scores[part])
                assert mean == pytest.approx(paper._AVERAGES[model][place], abs=0.0101), model


def test_a_folder_of_an_unfinished_run_can_be_reported(run_folder: Path) -> None:
    data = (run_folder / "samples.jsonl").read_bytes()
    (run_folder / "samples.jsonl").write_bytes(data[: len(data) // 3])
    assert make_report(run_folder)
    (run_folder / "samples.jsonl").unlink()
    assert make_report(run_folder) == []


def test_what_is_not_asked_yet_is_said(run_folder: Path) -> None:
    run = json.loads((run_folder / "run.json").read_text())
    data = {"sha256": "", "metric": "qa_f1", "total": 90, "asked": 12}
    run["systems"].append("lcirc")
    (run_folder / "run.json").write_text(json.dumps(run | {"data": {TASKS[0]: data}}))
    lines = {(line.system, line.metric): line for line in make_report(run_folder) if line.n == 8}
    begun = lines["ends", "f1"]
    assert (begun.n, begun.total) == (8, 12)
    assert begun.note == "unfinished: 8 of 12 asked so far"
    (nothing,) = [line for line in make_report(run_folder) if line.system == "lcirc"]
    assert (nothing.metric, nothing.score, nothing.n, nothing.total) == ("f1", None, 0, 12)
    assert nothing.note == "unfinished: 0 of 12 asked so far"
    data["asked"] = 8
    (run_folder / "run.json").write_text(json.dumps(run | {"data": {TASKS[0]: data}}))
    assert not [x for x in make_report(run_folder) if "unfinished: 8" in x.note]


def test_long_lengths_keep_all_their_digits_and_are_drawn() -> None:
    lengths = (524_288, 1_048_576)
    rows = [
        Row("p", "x", f"a@{n}", "perplexity", values={"loss": 2.0}, facets={"length": n})
        for n in lengths
    ]
    lines = summarise(rows, tasks=["p"], systems=["x"])
    assert [x.facet for x in lines if x.facet] == [f"length={n}" for n in lengths]
    picture = curves(lines, metric="perplexity")
    assert picture is not None and "1024K" in picture


def test_a_baseline_that_is_not_in_the_run_is_refused(run_folder: Path) -> None:
    with pytest.raises(UsageError, match=r"lcirc.*ends, qd-lcirc, qd-lcirc~shuffled"):
        make_report(run_folder, baseline="lcirc")


def test_every_metric_can_be_summarised() -> None:
    for metric in metrics.METRICS.values():
        values = {name: 0.5 for headline in metric.headlines for name in headline.values}
        rows = [
            Row("t", system, str(i), metric.name, values=values)
            for i in range(5)
            for system in "ab"
        ]
        lines = summarise(rows, tasks=["t"], systems=["a", "b"])
        assert {line.metric for line in lines} == {h.name for h in metric.headlines}
        for line in lines:
            headline = next(h for h in metric.headlines if h.name == line.metric)
            assert line.score is not None
            assert (line.score > 1) == (headline.percent or line.metric == "perplexity")
            assert line.difference == (None if line.system == "a" else pytest.approx(0.0))


def test_few_questions_and_empty_facets() -> None:
    """Below thirty the report says so once a task; a facet without a value makes no line."""
    rows = [
        Row(task, "ends", str(i), "qa_f1", values={"f1": 1.0, "exact": 1.0}, facets={"type": ""})
        for task, count in (("small", 12), ("large", 30))
        for i in range(count)
    ]
    lines = summarise(rows, tasks=["small", "large"], systems=["ends"])
    assert {line.facet for line in lines} == {""}
    assert few(lines) == ["small: 12 questions, fewer than 30: the intervals mean little"]
    assert few(lines)[0] in line_table(lines).notes
