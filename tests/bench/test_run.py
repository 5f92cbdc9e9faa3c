"""Whole runs: rows, resuming, failures, sharing among processes, the report, the command line."""

from __future__ import annotations

import csv
import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lcirc_cli.bench import metrics
from lcirc_cli.bench.report import make_report
from lcirc_cli.bench.rows import Row, Rows
from lcirc_cli.bench.sample import Output
from lcirc_cli.errors import DocumentError, LcircError

from .conftest import write_lines

SYSTEMS = ["none", "ends", "lcirc+none", "qd-lcirc+evidence", "constant"]
# Not the same from run to run, whatever is computed.
TIMES = ("seconds", "peak_mb")


def _arguments(
    out: Path, backbone: Path, adapter: Path, *tasks: str, systems: list[str] = SYSTEMS
) -> list[str]:
    given = ["--model", str(backbone), "--adapter", str(adapter), "--dtype", "float32"]
    given += ["--device", "cpu", "--offline", "--window", "640", "--evidence", "64"]
    for system in systems:
        given += ["--system", system]
    return [*tasks, *given, "--out", str(out)]


def _table(out: Path) -> list[dict[str, Any]]:
    lines = json.loads((out / "summary.json").read_text())
    return [{k: v for k, v in line.items() if k not in TIMES} for line in lines]


def _rows(out: Path) -> dict[tuple[str, str, str], dict[str, Any]]:
    rows = [json.loads(line) for line in (out / "samples.jsonl").read_text().splitlines()]
    assert len({(r["task"], r["system"], r["id"]) for r in rows}) == len(rows)
    return {
        (r["task"], r["system"], r["id"]): {k: v for k, v in r.items() if k not in TIMES}
        for r in rows
    }


def test_a_run_from_the_command_line(
    bench_cli: Callable[..., Any],
    qa_folder: Path,
    backbone_folder: Path,
    adapter_folder: Path,
    tmp_path: Path,
) -> None:
    out = tmp_path / "out"
    arguments = _arguments(out, backbone_folder, adapter_folder, f"qa:{qa_folder}")
    done = bench_cli("run", *arguments)
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
    assert bench_cli("run", *arguments).status == 0  # nothing is left to do
    assert (out / "samples.jsonl").read_bytes() == before
    with (out / "report.csv").open() as file:
        assert len(list(csv.DictReader(file))) == len(summary)


def test_adding_a_system_keeps_the_rows_and_other_changes_are_refused(
    bench_cli: Callable[..., Any],
    qa_folder: Path,
    backbone_folder: Path,
    adapter_folder: Path,
    tmp_path: Path,
) -> None:
    def run(*systems: str, more: tuple[str, ...] = ()) -> Any:
        given = _arguments(
            tmp_path / "out",
            backbone_folder,
            adapter_folder,
            f"qa:{qa_folder}",
            systems=list(systems),
        )
        return bench_cli("run", *given, *more)

    assert run("none").status == 0
    first = _rows(tmp_path / "out")
    assert run("ends").status == 0
    rows = _rows(tmp_path / "out")
    assert len(rows) == 12 and all(rows[key] == row for key, row in first.items())
    assert {line["system"] for line in _table(tmp_path / "out")} == {"none", "ends"}
    refused = run("none", more=("--limit", "2"))
    assert refused.status == 2 and "limit" in refused.err and "--out" in refused.err


class Failing:
    """Fails on one question, whatever it is asked with."""

    def __init__(self, marked: str, error: Exception) -> None:
        self._marked, self._error = marked, error

    def run(self, batch: Any) -> list[Any]:
        from lcirc_cli.bench.systems import Measured

        if any(sample.question == self._marked for sample in batch.samples):
            raise self._error
        return [Measured(Output("blue")) for _ in batch.samples]


@pytest.mark.parametrize("error", [LcircError("no way"), RuntimeError("bad\nluck"), IndexError()])
def test_a_failed_sample_is_counted_and_never_dropped(
    error: Exception, qa_folder: Path, tmp_path: Path
) -> None:
    from lcirc_cli.bench.plan import plan
    from lcirc_cli.bench.runner import run
    from lcirc_cli.bench.tasks import TaskOptions, open_task

    planned = plan(open_task(f"qa:{qa_folder}", TaskOptions()), limit=None, seed=0)
    marked = planned.asked[2].question  # type: ignore[union-attr]
    run([planned], [("x", lambda _: Failing(marked, error))], tmp_path, batch=4)
    settings = {"tasks": [planned.task.name], "systems": ["x"], "model": "m", "protocol": "p"}
    settings |= {"limit": None, "seed": 0, "window": 1, "evidence": 1, "dtype": "d"}
    (tmp_path / "run.json").write_text(json.dumps(settings))
    (line, *_) = make_report(tmp_path)
    assert (line.n, line.total, line.failed) == (5, 6, 1)
    assert line.score == pytest.approx(100 * 2 / 6)  # two of three blues; refusals are wrong
    failed = [row for row in _rows(tmp_path).values() if row["error"]]
    assert len(failed) == 1 and type(error).__name__ in failed[0]["error"]


def test_a_bug_is_not_taken_for_a_failed_sample(qa_folder: Path, tmp_path: Path) -> None:
    from lcirc_cli.bench.plan import plan
    from lcirc_cli.bench.runner import run
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
    data_folder: Path,
    backbone_folder: Path,
    adapter_folder: Path,
    tmp_path: Path,
) -> None:
    systems = ["ends", "retrieval", "lcirc", "qd-lcirc+evidence"]
    arguments = _arguments(
        tmp_path, backbone_folder, adapter_folder, "longbench/qasper", systems=systems
    )
    done = bench_cli("run", *arguments, "--data-dir", data_folder)
    assert done.status == 0, done.err
    for line in _table(tmp_path):
        assert (line["n"], line["failed"]) == (3, 0), line


def test_a_torn_last_line_is_taken_off(tmp_path: Path) -> None:
    rows = Rows(tmp_path / "samples.jsonl")
    rows.append([Row("t", "s", str(i), "qa_f1", values={"f1": 1.0}) for i in range(3)])
    whole = (tmp_path / "samples.jsonl").read_bytes()
    for cut in range(1, len(whole)):
        (tmp_path / "samples.jsonl").write_bytes(whole[:-cut])
        complete = whole[:-cut].count(b"\n")
        assert len(rows.read()) == complete
    (tmp_path / "samples.jsonl").write_bytes(whole[:-9])
    rows.append([Row("t", "s", "9", "qa_f1")])
    assert [key[2] for key in rows.read()] == ["0", "1", "9"]


def test_a_damaged_row_in_the_middle_is_said(tmp_path: Path) -> None:
    write_lines(tmp_path / "samples.jsonl", [{"task": "t", "surprise": 1}])
    with pytest.raises(DocumentError, match="line 1"):
        Rows(tmp_path / "samples.jsonl").read()


_PROGRAM = """
import sys
from lcirc_cli import app
from lcirc_cli.commands.bench import bench
import torch
torch.set_num_threads(1)
if all(name != "bench" for name, _ in app.COMMANDS):
    app.COMMANDS = (*app.COMMANDS, ("bench", bench))
sys.exit(app.run(["bench", "run", *sys.argv[1:]]))
"""


def _process(arguments: list[str], **env: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, *arguments],
        env={**os.environ, **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _finish(process: subprocess.Popen[str]) -> str:
    _, error = process.communicate(timeout=500)
    assert process.returncode == 0, error
    return error


# Forks children that run the command and kills each at a random moment; the imports, which take
# longest, are done once.
_KILLER = """
import os, random, signal, sys, time
from lcirc_cli import app
from lcirc_cli.commands.bench import bench
import torch, transformers.models.llama.modeling_llama, lcirc_cli.bench.command
torch.set_num_threads(1)
if all(name != "bench" for name, _ in app.COMMANDS):
    app.COMMANDS = (*app.COMMANDS, ("bench", bench))

def child():
    pid = os.fork()
    if pid == 0:
        os._exit(app.run(["bench", "run", *sys.argv[2:]]))
    return pid

def size():
    return os.path.getsize(samples) if os.path.exists(samples) else 0

samples = sys.argv[1]
draw, killed = random.Random(0), 0
while killed < 20:
    pid, before, wanted = child(), size(), draw.randrange(4000)
    ended = 0
    while not ended and size() < before + wanted:
        time.sleep(0.002)
        ended = os.waitpid(pid, os.WNOHANG)[0]
    if not ended:
        time.sleep(draw.random() * 0.02)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        killed += 1
    else:  # it was done already: begin again with a part of its rows
        data = open(samples, "rb").read()
        open(samples, "wb").write(data[: draw.randrange(len(data))])
status = os.waitpid(child(), 0)[1]
print("rows:", sum(1 for _ in open(samples)))
sys.exit(status != 0)
"""


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_killed_twenty_times_it_ends_in_the_same_table(
    bench_cli: Callable[..., Any],
    qa_folder: Path,
    backbone_folder: Path,
    adapter_folder: Path,
    tmp_path: Path,
) -> None:
    def arguments(out: Path) -> list[str]:
        tasks = [f"qa:{qa_folder}", "needle"]
        more = ["--lengths", "200,400", "--facts", "2", "--batch", "2"]
        return [*_arguments(out, backbone_folder, adapter_folder, *tasks), *more]

    assert bench_cli("run", *arguments(tmp_path / "whole")).status == 0
    cut = tmp_path / "cut"
    done = subprocess.run(
        [sys.executable, "-c", _KILLER, cut / "samples.jsonl", *arguments(cut)],
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert _table(cut) == _table(tmp_path / "whole")
    assert _rows(cut) == _rows(tmp_path / "whole")


def test_a_run_that_is_cut_anywhere_goes_on_to_the_same_table(
    bench_cli: Callable[..., Any],
    qa_folder: Path,
    backbone_folder: Path,
    adapter_folder: Path,
    tmp_path: Path,
) -> None:
    arguments = _arguments(tmp_path, backbone_folder, adapter_folder, f"qa:{qa_folder}")
    assert bench_cli("run", *arguments).status == 0
    table, rows = _table(tmp_path), _rows(tmp_path)
    whole = (tmp_path / "samples.jsonl").read_bytes()
    draw = random.Random(1)
    for _ in range(4):
        (tmp_path / "samples.jsonl").write_bytes(whole[: draw.randrange(len(whole))])
        assert bench_cli("run", *arguments).status == 0
        assert _table(tmp_path) == table
        assert _rows(tmp_path) == rows


def test_processes_share_a_run(
    bench_cli: Callable[..., Any],
    qa_folder: Path,
    backbone_folder: Path,
    adapter_folder: Path,
    tmp_path: Path,
) -> None:
    def arguments(out: Path) -> list[str]:
        return _arguments(out, backbone_folder, adapter_folder, f"qa:{qa_folder}")

    assert bench_cli("run", *arguments(tmp_path / "one")).status == 0
    shared = [
        _process(arguments(tmp_path / "two"), RANK=str(rank), WORLD_SIZE="2") for rank in range(2)
    ]
    for process in shared:
        _finish(process)
    assert _table(tmp_path / "two") == _table(tmp_path / "one")
    assert _rows(tmp_path / "two") == _rows(tmp_path / "one")


def test_every_metric_can_be_summarised(tmp_path: Path) -> None:
    from lcirc_cli.bench.report.summary import summarise

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


def test_cost_from_the_command_line(
    bench_cli: Callable[..., Any], backbone_folder: Path, adapter_folder: Path
) -> None:
    done = bench_cli("cost", "--model", "llama-2-7b", "--preset", "paper", "--lengths", "131072")
    assert done.status == 0, done.err
    assert "| 131,072 | full |" in done.out and "1.074e+04" in done.out
    given = ["--model", backbone_folder, "--adapter", adapter_folder, "--dtype", "float32"]
    given += ["--device", "cpu", "--offline", "--lengths", "2048", "--window", "512"]
    done = bench_cli("cost", *given, "--measure", "600", "--json")
    assert done.status == 0, done.err
    found = json.loads(done.out)
    assert {row["system"] for row in found["operations"]} >= {"full", "lcirc", "autocompressor"}
    for row in found["measured"]:
        assert row["first_token_s"] > 0 and row["peak_mb"] > 50, row
    assert bench_cli("cost", "--model", "no/such/model", "--offline").status == 4


def test_list_names_tasks_and_systems(bench_cli: Callable[..., Any]) -> None:
    done = bench_cli("list")
    assert done.status == 0
    for name in ("leval/coursera", "qa:DIR", "needle", "qd-lcirc", "extended-fa"):
        assert name in done.out
    assert "leval/tpo" in json.loads(bench_cli("list", "--json").out)["tasks"]
