"""Whole runs from the command line: what they leave, failed samples, what is refused."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jinja2 import TemplateError

from lcirc_cli.bench.report import make_report
from lcirc_cli.bench.sample import Output
from lcirc_cli.errors import LcircError

from .runs import SYSTEMS, rows_of, table


def test_a_run_from_the_command_line(
    bench_cli: Callable[..., Any], arguments: Callable[..., list[str]], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    given = arguments(out)
    done = bench_cli("run", *given)
    assert done.status == 0, done.err
    assert "| qd-lcirc+evidence | f1 |" in done.out and "\x1b" not in done.out
    summary = json.loads((out / "summary.json").read_text())
    wanted = {"task", "system", "metric", "score", "low", "high", "n", "total", "blank"}
    assert wanted | {"format_failures", "seconds"} <= set(summary[0])
    first = [line for line in summary if line["metric"] == "f1"]
    assert [line["system"] for line in first] == SYSTEMS
    assert all(line["n"] == line["total"] == 6 for line in first)
    assert all(line["low"] <= line["score"] <= line["high"] for line in first)
    recall = [x for x in summary if x["metric"] == "recall@5" and x["system"].startswith("qd")]
    assert recall[0]["total"] == 3  # only questions with evidence
    before = (out / "samples.jsonl").read_bytes()
    assert bench_cli("run", *given).status == 0  # nothing is left to do
    assert (out / "samples.jsonl").read_bytes() == before
    with (out / "report.csv").open() as file:
        assert len(list(csv.DictReader(file))) == len(summary)


def test_adding_a_system_keeps_the_rows_and_other_changes_are_refused(
    bench_cli: Callable[..., Any], arguments: Callable[..., list[str]], tmp_path: Path
) -> None:
    def run(*systems: str, more: tuple[str, ...] = ()) -> Any:
        return bench_cli("run", *arguments(tmp_path / "out", systems=systems), *more)

    assert run("none").status == 0
    first = rows_of(tmp_path / "out")
    assert run("ends").status == 0
    rows = rows_of(tmp_path / "out")
    assert len(rows) == 12 and all(rows[key] == row for key, row in first.items())
    assert {line["system"] for line in table(tmp_path / "out")} == {"none", "ends"}
    refused = run("none", more=("--limit", "2"))
    assert refused.status == 2 and "limit" in refused.err and "--out" in refused.err


def test_the_cost_plot_counts_windows_apart_and_keeps_earlier_systems(
    bench_cli: Callable[..., Any], arguments: Callable[..., list[str]], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    for systems in (["ends"], ["qd-lcirc", "qd-lcirc+none", "qd-lcirc+none~shuffled"]):
        assert bench_cli("run", *arguments(out, systems=systems), "--limit", "1").status == 0
    totals: dict[str, dict[int, int]] = {}
    for row in json.loads((out / "cost.json").read_text()):
        totals.setdefault(row["system"], {})[row["tokens"]] = row["total"]
    assert list(totals) == ["ends", "qd-lcirc", "qd-lcirc+none"]
    assert totals["qd-lcirc+none"][4096] < totals["qd-lcirc"][4096]


def test_texts_that_are_too_short_are_named_beside_the_scores(
    bench_cli: Callable[..., Any], tmp_path: Path
) -> None:
    texts = [{"id": str(size), "text": "w " * size} for size in (4000, 100)]
    file = tmp_path / "t.jsonl"
    file.write_text("".join(json.dumps(text) + "\n" for text in texts))
    given = ["-s", "constant", "--lengths", "4096", "--out", tmp_path / "out"]
    assert bench_cli("run", f"perplexity:{file}", *given).status == 0
    (note,) = json.loads((tmp_path / "out" / "notes.json").read_text())
    assert "1 of 2 texts have less than 4,096 tokens" in note["note"]


class Failing:
    """Fails on one question, whatever it is asked with."""

    ranks = False

    def __init__(self, marked: str, error: Exception) -> None:
        self._marked, self._error = marked, error

    def run(self, batch: Any) -> list[Any]:
        from lcirc_cli.bench.systems import Measured

        if any(sample.question == self._marked for sample in batch.samples):
            raise self._error
        return [Measured(Output("blue")) for _ in batch.samples]


FAILURES = [
    LcircError("no way"),
    RuntimeError("bad\nluck"),
    IndexError(),
    TypeError("unhashable"),
    TemplateError("no such role"),
]


@pytest.mark.parametrize("error", FAILURES)
def test_a_failed_sample_is_counted_and_never_dropped(
    error: Exception, qa_folder: Path, tmp_path: Path
) -> None:
    from lcirc_cli.bench.loop import run
    from lcirc_cli.bench.plan import plan
    from lcirc_cli.bench.tasks import TaskOptions, open_task

    planned = plan(open_task(f"qa:{qa_folder}", TaskOptions()), limit=None, seed=0)
    marked = planned.asked[2].question  # type: ignore[union-attr]
    run([planned], [("x", lambda _: Failing(marked, error))], tmp_path, batch=4)
    settings = {"tasks": [planned.task.name], "systems": ["x"], "model": "m", "protocol": "p"}
    settings |= {"limit": None, "seed": 0, "window": 1, "evidence": 1, "dtype": "d", "data": {}}
    (tmp_path / "run.json").write_text(json.dumps(settings))
    (line, *_) = make_report(tmp_path)
    assert (line.n, line.total, line.failed) == (5, 6, 1)
    assert line.score == pytest.approx(100 * 2 / 6)  # two of three blues; refusals are wrong
    failed = [row for row in rows_of(tmp_path).values() if row["error"]]
    assert len(failed) == 1 and type(error).__name__ in failed[0]["error"]


def test_a_bug_is_not_taken_for_a_failed_sample(qa_folder: Path, tmp_path: Path) -> None:
    from lcirc_cli.bench.loop import run
    from lcirc_cli.bench.plan import plan
    from lcirc_cli.bench.tasks import TaskOptions, open_task

    planned = plan(open_task(f"qa:{qa_folder}", TaskOptions()), limit=None, seed=0)
    marked = planned.asked[0].question  # type: ignore[union-attr]
    with pytest.raises(AttributeError):
        run([planned], [("x", lambda _: Failing(marked, AttributeError()))], tmp_path, batch=4)


def test_mistakes_are_found_before_the_first_answer(
    bench_cli: Callable[..., Any], data_folder: Path, tmp_path: Path
) -> None:
    out = ["--out", tmp_path / "out"]
    assert bench_cli("run", "longbench/none", "-s", "constant", *out).status == 2
    assert bench_cli("run", "longbench/qasper", "-s", "magic", *out).status == 2
    assert bench_cli("run", "needle", "-s", "constant", "--lengths", "4K", *out).status == 2
    assert bench_cli("run", "needle", "-s", "constant", "--compare", "x", *out).status == 2
    for seed in (-1, 2**63):
        refused = bench_cli("run", "needle", "-s", "constant", "--seed", seed, *out)
        assert refused.status == 2 and "seed" in refused.err
    missing = bench_cli("run", "longbench/musique", "-s", "constant", "--data-dir", tmp_path, *out)
    assert missing.status == 3
    file = data_folder / "longbench" / "qasper.jsonl"
    file.write_text(file.read_text() + '{"input": "cut off')
    broken = bench_cli("run", "longbench/qasper", "-s", "constant", "--data-dir", data_folder, *out)
    assert broken.status == 3
    assert "qasper.jsonl, line 4" in broken.err
    assert not (tmp_path / "out" / "samples.jsonl").exists()
    assert bench_cli("report", tmp_path).status == 3


def test_empty_and_short_contexts_of_published_files(
    bench_cli: Callable[..., Any],
    arguments: Callable[..., list[str]],
    data_folder: Path,
    tmp_path: Path,
) -> None:
    systems = ["ends", "retrieval", "lcirc", "qd-lcirc+evidence"]
    given = arguments(tmp_path, "longbench/qasper", systems=systems)
    done = bench_cli("run", *given, "--data-dir", data_folder)
    assert done.status == 0, done.err
    for line in table(tmp_path):
        assert (line["n"], line["failed"]) == (3, 0), line


def test_list_names_tasks_and_systems(bench_cli: Callable[..., Any]) -> None:
    done = bench_cli("list")
    assert done.status == 0
    for name in ("leval/coursera", "qa:DIR", "needle", "qd-lcirc", "extended-fa"):
        assert name in done.out
    assert "leval/tpo" in json.loads(bench_cli("list", "--json").out)["tasks"]
