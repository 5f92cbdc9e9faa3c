"""Samples that fail: what they count in each metric, and what the report says about them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lcirc_cli.bench import metrics
from lcirc_cli.bench.loop import run
from lcirc_cli.bench.plan import Planned, plan
from lcirc_cli.bench.report import Line
from lcirc_cli.bench.report.summary import summarise
from lcirc_cli.bench.results import NOT_APPLICABLE, Row, Rows
from lcirc_cli.bench.sample import Output, Sample, TextSample
from lcirc_cli.bench.systems import Batch, Measured, NotApplicable
from lcirc_cli.bench.tasks import TaskOptions, open_task
from lcirc_cli.errors import StorageError


class Answering:
    """Gives the same output to every sample, and fails where it is told to."""

    def __init__(self, output: Output, fails: Callable[[Any], bool], *, ranks: bool) -> None:
        self._output, self._fails, self.ranks = output, fails, ranks

    def run(self, batch: Batch) -> list[Measured]:
        samples: Sequence[Any] = batch.samples or batch.texts
        if any(map(self._fails, samples)):
            raise ValueError("no luck")
        return [Measured(self._for(sample)) for sample in samples]

    def _for(self, sample: Any) -> Output:
        answered = getattr(sample, "answers", True)
        return self._output if answered else replace(self._output, answer_loss=None)


def _lines(planned: Planned, system: Any, out: Path) -> dict[str, Line]:
    out.mkdir(exist_ok=True)
    run([planned], [("x", lambda _: system)], out, batch=4)
    rows = Rows(out / "samples.jsonl").read().values()
    lines = summarise(rows, tasks=[planned.task.name], systems=["x"])
    return {line.metric: line for line in lines if not line.facet}


def test_no_metric_of_our_own_questions_gets_better_by_failing(
    qa_folder: Path, tmp_path: Path
) -> None:
    planned = plan(open_task(f"qa:{qa_folder}", TaskOptions()), limit=None, seed=0)
    output = Output("blue", answer_loss=1.0, ranking=((0, 29),))

    def fails(sample: Sample) -> bool:
        return sample.id in ("1", "2")  # one with an answer, one without

    ranking = _lines(planned, Answering(output, fails, ranks=True), tmp_path / "a")
    for name in ("recall@1", "recall@3", "recall@5", "f1_answerable"):
        assert (ranking[name].n, ranking[name].total, ranking[name].failed) == (2, 3, 1), name
        assert ranking[name].score == pytest.approx(200 / 3), name
    assert ranking["refused_answerable"].score == pytest.approx(100 / 3)
    assert ranking["refused_unanswerable"].score == 0.0
    loss = ranking["answer_loss"]
    assert (loss.score, loss.n, loss.total, loss.failed) == (1.0, 2, 3, 1)
    assert ranking["f1"].note == "2 of 6 failed, the first: ValueError: no luck"
    blind = Answering(Output("blue"), fails, ranks=False)
    assert "recall@1" not in _lines(planned, blind, tmp_path / "b")


class Texts:
    """Four long texts."""

    name, metric, note = "perplexity:x", "perplexity", ""

    def samples(self) -> Any:
        for number in range(4):
            yield TextSample(str(number), str(number), f"text {number}", 9, 9, 4)


def test_a_perplexity_says_what_it_lacks(tmp_path: Path) -> None:
    planned = plan(Texts(), limit=None, seed=0)
    failing = Answering(Output(loss=2.0), lambda text: text.id == "2", ranks=False)
    for line in _lines(planned, failing, tmp_path / "a").values():
        assert (line.n, line.total, line.failed) == (3, 4, 1)
    (line, _) = _lines(planned, failing, tmp_path / "b").values()
    assert line.note == "1 of 4 failed, the first: ValueError: no luck"
    without = Answering(Output(), lambda _: False, ranks=False)  # found when it is scored
    (line,) = _lines(planned, without, tmp_path / "c").values()
    assert (line.n, line.total, line.failed, line.score) == (0, 4, 4, None)
    assert "measured no loss" in line.note


def test_storage_that_fails_ends_the_run(qa_folder: Path, tmp_path: Path) -> None:
    planned = plan(open_task(f"qa:{qa_folder}", TaskOptions()), limit=None, seed=0)

    class Full:
        ranks = False

        def run(self, batch: Batch) -> list[Measured]:
            raise StorageError("no space left")

    with pytest.raises(StorageError):
        run([planned], [("x", lambda _: Full())], tmp_path, batch=4)


def test_a_gold_answer_that_can_not_be_scored_is_a_failed_sample(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(sample: Any, output: Any) -> Any:
        raise TypeError("bad gold")

    metric = metrics.METRICS["perplexity"]
    monkeypatch.setitem(
        metrics.METRICS, "perplexity", metrics.Metric(metric.name, broken, metric.headlines)
    )
    planned = plan(Texts(), limit=None, seed=0)
    _lines(planned, Answering(Output(loss=2.0), lambda _: False, ranks=False), tmp_path)
    rows = [json.loads(line) for line in (tmp_path / "samples.jsonl").read_text().splitlines()]
    assert [row["error"] for row in rows] == ["TypeError: bad gold"] * 4


class SometimesNot:
    """Has nothing to do with one of the documents."""

    ranks = False

    def run(self, batch: Batch) -> list[Measured]:
        if batch.samples[0].document_id == "d1":
            raise NotApplicable("no other document")
        return [Measured(Output("blue")) for _ in batch.samples]


def test_what_is_not_applicable_is_neither_a_failure_nor_a_zero(
    qa_folder: Path, tmp_path: Path
) -> None:
    planned = plan(open_task(f"qa:{qa_folder}", TaskOptions()), limit=None, seed=0)
    line = _lines(planned, SometimesNot(), tmp_path)["f1"]
    assert (line.n, line.total, line.failed, line.score) == (4, 4, 0, 50.0)
    assert line.note == "2 of 6 not applicable: no other document"


def test_a_baseline_that_is_not_applicable_gives_no_differences() -> None:
    values = {"f1": 0.5, "exact": 0.0}
    apart = {"error": f"{NOT_APPLICABLE}no reason", "values": dict.fromkeys(values, 0.0)}
    rows = [Row("t", "a", str(i), "qa_f1", **apart) for i in range(3)]  # type: ignore[arg-type]
    rows += [Row("t", "b", str(i), "qa_f1", values=values) for i in range(3)]
    lines = summarise(rows, tasks=["t"], systems=["a", "b"])
    assert [line.difference for line in lines] == [None] * 3
