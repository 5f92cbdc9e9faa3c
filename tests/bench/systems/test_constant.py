"""`constant`: the majority answer of a file, and what it scores."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from lcirc_cli.bench import metrics
from lcirc_cli.bench.systems import Batch, Constant
from lcirc_cli.bench.tasks import TaskOptions, open_task


def test_the_constant_answer_is_the_majority(qa_folder: Path) -> None:
    constant = Constant(open_task(f"qa:{qa_folder}", TaskOptions()).samples())
    assert constant.answer == "blue"  # as frequent as the refusal, and first
    assert constant.share == 0.5


def _constant_score(name: str, folder: Path, value: str) -> float:
    samples: Any = list(open_task(name, TaskOptions(data_dir=folder)).samples())
    system = Constant(samples)
    outputs = system.run(Batch(samples=samples))
    values = [
        metrics.score(s, m.output).values[value] for s, m in zip(samples, outputs, strict=True)
    ]
    return sum(values) / len(values)


def test_constant_is_the_share_of_the_majority_answer(data_dir: Path) -> None:
    """Counted here from the files, without the tasks or the metrics."""
    folder = data_dir / "bench" / "leval"

    def outputs(name: str) -> list[str]:
        rows = (folder / f"{name}.jsonl").read_text("utf-8").splitlines()
        return [output for row in rows for output in json.loads(row)["outputs"]]

    coursera = Counter(outputs("coursera"))
    share = coursera.most_common(1)[0][1] / coursera.total()
    assert share == pytest.approx(28 / 172)
    assert _constant_score("leval/coursera", folder, "accuracy") == pytest.approx(share, abs=1e-12)
    partial = sum(n for gold, n in coursera.items() if "A" in gold and gold != "A")
    assert _constant_score("leval/coursera", folder, "exact_match") == pytest.approx(
        share + 0.25 * partial / coursera.total(), abs=1e-12
    )
    halves = [text.lower().split(" [fact: ") for text in outputs("sci_fi")]
    for index, value in enumerate(("loyalty", "fact")):
        counted = Counter(half[index].rstrip("]") for half in halves)
        expected = counted.most_common(1)[0][1] / counted.total()
        assert _constant_score("leval/sci_fi", folder, value) == pytest.approx(expected, abs=1e-12)
    financial = Counter(outputs("financial_qa"))
    expected = financial.most_common(1)[0][1] / financial.total()
    assert _constant_score("leval/financial_qa", folder, "exact") == pytest.approx(
        expected, abs=1e-12
    )
