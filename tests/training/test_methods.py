"""`window` and `autocompressor`: trained by the same loop on the same data, read by `bench`."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from ..conftest import Outcome
from .conftest import Command, Line, checkpoint_tensors

pytest.importorskip("peft")

METHODS = ("window", "autocompressor")
TUNED: dict[str, Any] = {
    "summary_segment": 32,
    "summary_tokens": 4,
    "window_tokens": 64,
    "learning_rate": 8e-3,
    "warmup_steps": 1,
}


def _rows(out: Path, name: str = "log.jsonl") -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / name).open()]


@pytest.mark.parametrize("method", METHODS)
def test_a_trained_method_answers_better_in_the_benchmark(
    here: Line,
    cli: Callable[..., Outcome],
    train_command: Command,
    planted: Any,
    tiny_folder: Path,
    tmp_path: Path,
    method: str,
) -> None:
    out = tmp_path / "run"
    command = train_command(out, steps=40, method=method, **TUNED)
    done = here([*command, "--validation", str(planted.folder)])
    assert done.status == 0, done.err
    losses = [row["loss"] for row in _rows(out)]
    assert sum(losses[-5:]) < 0.8 * sum(losses[:5])
    scores = _rows(out, "validation.jsonl")[-1]["sets"]["planted"]
    assert {f"loss_{kind}" for kind in ("true", "shuffled", "none")} < scores.keys()
    assert (out / "curves.png").exists()

    task, best = f"qa:{planted.folder}", out / "best"
    given = ["--model", tiny_folder, "--device", "cpu", "--dtype", "float32", "--window", "900"]
    done = cli("bench", "run", task, "-s", method, "-s", f"{method}@{best}", *given, "-o", tmp_path)
    assert done.status == 0, done.err
    lines = json.loads((tmp_path / "summary.json").read_text())
    found = {x["system"]: x["score"] for x in lines if x["metric"] == "answer_loss"}
    assert found[f"{method}@{best}"] < found[method] - 0.5
    # Reading whole documents in another process gives the loss that validation saw.
    if method == "window":
        assert found[f"{method}@{best}"] == pytest.approx(scores["loss_true"], rel=0.35)


def test_all_methods_see_the_same_samples(
    here: Line, train_command: Command, tmp_path: Path
) -> None:
    tokens = {}
    for method in ("qd-lcirc", *METHODS):
        settings = {**TUNED, "method": method, "unanswerable": 0.3, "document_tokens": 48}
        done = here(train_command(tmp_path / method, steps=6, **settings))
        assert done.status == 0, done.err
        tokens[method] = [row["tokens"] for row in _rows(tmp_path / method)]
    assert tokens["window"] == tokens["autocompressor"] == tokens["qd-lcirc"]
    assert len(set(tokens["window"])) > 1


@pytest.mark.parametrize("method", METHODS)
def test_a_resumed_run_ends_in_the_same_bits(
    here: Line, train_command: Command, tmp_path: Path, method: str
) -> None:
    out = tmp_path / "run"
    command = train_command(out, steps=6, method=method, **TUNED)
    assert here(command).status == 0
    whole = {key: value.clone() for key, value in checkpoint_tensors(out, 6).items()}
    log = (out / "log.jsonl").read_bytes()
    shutil.rmtree(out / "checkpoints" / "step-00000006")
    done = here([*command, "--resume", "auto"])
    assert done.status == 0 and "going on from step 4" in done.err
    assert all(torch.equal(whole[key], value) for key, value in checkpoint_tensors(out, 6).items())
    assert (out / "log.jsonl").read_bytes() == log


@pytest.mark.parametrize("method", ["qd-lcirc", "window", "autocompressor"])
def test_gradient_checkpointing_recomputes_and_changes_nothing(
    here: Line,
    train_command: Command,
    planted: Any,
    tmp_path: Path,
    method: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Losses and validation's answers are the same; the LM's layers do run again."""
    from transformers.models.llama.modeling_llama import LlamaMLP

    calls = []
    forward = LlamaMLP.forward
    monkeypatch.setattr(LlamaMLP, "forward", lambda *args: calls.append(1) or forward(*args))
    logs, runs = [], []
    for checkpointing in (False, True):
        out = tmp_path / str(checkpointing)
        settings = {**TUNED, "gradient_checkpointing": checkpointing, "learning_rate": 1e-3}
        settings |= {"validate_every": 2, "adapter.segment_inputs": 0}
        command = train_command(out, steps=2, method=method, **settings)
        calls.clear()
        done = here([*command, "--validation", str(planted.folder)])
        assert done.status == 0, done.err
        assert "Warning" not in done.err
        runs.append(len(calls))
        logs.append((_rows(out), _rows(out, "validation.jsonl")))
    assert runs[1] > runs[0]
    for plain, recomputed in zip(*logs, strict=True):
        for ours, theirs in zip(plain, recomputed, strict=True):
            assert ours.keys() == theirs.keys()
            if "sets" in ours:
                assert theirs["sets"]["planted"] == pytest.approx(ours["sets"]["planted"])
            else:
                assert theirs["loss"] == pytest.approx(ours["loss"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "window", "stage": "lm"}, "--stage qa"),
        ({"method": "window", "window_none": 1.0}, "window_none=0"),
        ({"method": "window", "evidence_weight": 0.5}, "answers alone"),
        ({"method": "autocompressor", "init": "somewhere"}, "--init"),
        ({"method": "autocompressor", "bptt": "selective"}, "bptt=full"),
        ({"method": "autocompressor", "summary_segment": 5000}, "positions"),
    ],
)
def test_what_a_method_cannot_have_is_refused(
    here: Line, train_command: Command, tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    done = here(train_command(tmp_path / "run", **options))
    assert done.status == 2 and message in done.err
    assert len(done.err.strip().splitlines()) == 1


def test_a_missing_peft_is_one_line(
    here: Line, train_command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "peft", None)
    done = here(train_command(tmp_path / "run", method="window"))
    assert done.status == 4 and "lcirc[peft]" in done.err
    assert len(done.err.strip().splitlines()) == 1


def test_a_folder_of_another_method_or_model_is_refused(
    cli: Callable[..., Outcome],
    here: Line,
    train_command: Command,
    planted: Any,
    tiny_folder: Path,
    tmp_path: Path,
) -> None:
    best = tmp_path / "run" / "best"
    assert here(train_command(tmp_path / "run", steps=1, method="window", **TUNED)).status == 0
    line = ["bench", "run", f"qa:{planted.folder}", "--model", tiny_folder, "--device", "cpu"]
    done = cli(*line, "-s", f"autocompressor@{best}", "-o", tmp_path / "a")
    assert done.status == 4 and f"use window@{best}" in done.err
    card = json.loads((best / "method.json").read_text())
    (best / "method.json").write_text(json.dumps({**card, "base_fingerprint": "other"}))
    done = cli(*line, "-s", f"window@{best}", "-o", tmp_path / "b")
    assert done.status == 4 and "was trained on the model" in done.err
