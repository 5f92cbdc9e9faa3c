"""Fine-tuned baselines: they learn, they are read back, the same seed gives the same weights."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

pytest.importorskip("peft")


@pytest.mark.parametrize("kind", ["window", "autocompressor"])
def test_a_tuned_baseline_answers_better_than_an_untuned_one(
    kind: str,
    bench_cli: Callable[..., Any],
    qa_folder: Path,
    backbone_folder: Path,
    adapter_folder: Path,
    tmp_path: Path,
) -> None:
    tuned = tmp_path / "tuned"
    given = ["--model", backbone_folder, "--device", "cpu", "--offline", "--quiet"]
    how = ["--steps", "40", "--tokens", "64", "--learning-rate", "0.02"]
    done = bench_cli("tune", kind, "--data", qa_folder, "-o", tuned, *how, *given)
    assert done.status == 0, done.err
    arguments = ["run", f"qa:{qa_folder}", "-s", kind, "-s", f"{kind}@{tuned}", "--window", "640"]
    arguments += ["--adapter", adapter_folder, "--dtype", "float32", "-o", tmp_path / "out"]
    done = bench_cli(*arguments, *given)
    assert done.status == 0, done.err
    lines = json.loads((tmp_path / "out" / "summary.json").read_text())
    losses = {x["system"]: x["score"] for x in lines if x["metric"] == "answer_loss"}
    assert losses[f"{kind}@{tuned}"] < losses[kind] - 0.5


def test_the_same_seed_gives_the_same_weights(
    bench_cli: Callable[..., Any], qa_folder: Path, backbone_folder: Path, tmp_path: Path
) -> None:
    given = ["--data", qa_folder, "--steps", "3", "--tokens", "64", "--model", backbone_folder]
    given += ["--device", "cpu", "--offline", "--quiet"]
    for name in "ab":
        assert bench_cli("tune", "autocompressor", *given, "-o", tmp_path / name).status == 0
    for file in ("adapter_model.safetensors", "model.safetensors"):
        first, second = (load_file(tmp_path / name / file) for name in "ab")
        assert all(first[key].equal(second[key]) for key in first)
    assert bench_cli("tune", "lcirc", *given, "-o", tmp_path / "c").status == 2
