"""Whole runs of a tiny model: killed, resumed, shared among processes, refused."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

Command = Callable[..., list[str]]


def _environment(tmp_path: Path) -> dict[str, str]:
    return {
        **os.environ,
        "LCIRC_CACHE": str(tmp_path / "cache"),
        "LCIRC_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
    }


def _run(command: list[str], tmp_path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        env=_environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def _tensors(out: Path, step: int) -> dict[str, torch.Tensor]:
    return load_file(out / "checkpoints" / f"step-{step:08d}" / "tensors.safetensors")


def _assert_same_end(first: Path, second: Path, *, steps: int) -> None:
    ours, theirs = _tensors(first, steps), _tensors(second, steps)
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)
    assert (first / "log.jsonl").read_bytes() == (second / "log.jsonl").read_bytes()


def _kill_and_resume(command: list[str], out: Path, tmp_path: Path, *, seed: int) -> int:
    """Kill the run at random moments of its training until it ends; how often it was killed."""
    rng = random.Random(seed)
    kills = 0
    while True:
        process = subprocess.Popen(
            [*command, "--resume", "auto"],
            env=_environment(tmp_path),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        if kills < 1:
            # Between the first lines of the log and the end, checkpoint writes included.
            log, wanted = out / "log.jsonl", rng.randrange(1, 20)
            while process.poll() is None and not (
                log.exists() and log.read_bytes().count(b"\n") >= wanted
            ):
                time.sleep(0.005)
            time.sleep(rng.random() * 0.03)
            process.kill()
            kills += 1
            process.wait()
            continue
        assert process.wait() == 0
        return kills


def _undisturbed_and_killed(
    train_command: Command, tmp_path: Path, *, runs: int, seed: int
) -> None:
    steps = 24
    settings: dict[str, Any] = {"checkpoint_every": 3, "bptt": "selective", "bptt_states": 2}
    straight = tmp_path / "straight"
    done = _run(train_command(straight, steps=steps, **settings), tmp_path)
    assert done.returncode == 0, done.stderr
    for index in range(runs):
        out = tmp_path / f"killed{index}"
        command = train_command(out, steps=steps, **settings)
        assert _kill_and_resume(command, out, tmp_path, seed=seed + index) == 1
        _assert_same_end(straight, out, steps=steps)
        shutil.rmtree(out)


def test_killed_runs_end_in_the_same_bits(train_command: Command, tmp_path: Path) -> None:
    _undisturbed_and_killed(train_command, tmp_path, runs=5, seed=0)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_fifty_killed_runs_end_in_the_same_bits(train_command: Command, tmp_path: Path) -> None:
    _undisturbed_and_killed(train_command, tmp_path, runs=50, seed=100)


def test_a_run_leaves_what_the_readme_says(
    train_command: Command, planted: Any, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    command = train_command(out, steps=4, validate_every=2)
    done = _run([*command, "--validation", str(planted.folder)], tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(out / "best")
    for name in ("config.toml", "log.jsonl", "log.csv", "curves.png", "checkpoints", "best"):
        assert (out / name).exists(), name
    validations = [json.loads(line) for line in (out / "validation.jsonl").open()]
    assert [row["step"] for row in validations] == [2, 4]
    scores = validations[-1]["sets"]["planted"]
    expected = {f"{kind}_{c}" for kind in ("loss", "f1") for c in ("true", "shuffled", "none")}
    assert scores.keys() == expected | {"questions"}
    again = _run(command, tmp_path)
    assert again.returncode == 2 and "--resume auto" in again.stderr
    other = _run([*command, "--resume", "auto", "--set", "learning_rate=0.5"], tmp_path)
    assert other.returncode == 2 and "learning_rate" in other.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_save_and_leave_with_a_line(
    train_command: Command, tmp_path: Path, number: signal.Signals
) -> None:
    out = tmp_path / "run"
    process = subprocess.Popen(
        train_command(out, steps=5000),
        env=_environment(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not (out / "log.jsonl").exists():
        time.sleep(0.02)
    process.send_signal(number)
    _, told = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "--resume auto goes on" in told and "Traceback" not in told
    rows = (out / "log.jsonl").read_text().splitlines()
    assert (out / "checkpoints" / f"step-{len(rows):08d}").is_dir()


@pytest.fixture
def short_run(train_command: Command, tmp_path: Path) -> tuple[list[str], Path]:
    out = tmp_path / "run"
    command = train_command(out, steps=6)
    done = _run(command, tmp_path)
    assert done.returncode == 0, done.stderr
    return [*command, "--resume", "auto"], out


def test_a_corrupt_newest_checkpoint_gives_way_to_the_one_before(
    short_run: tuple[list[str], Path], tmp_path: Path
) -> None:
    command, out = short_run
    reference = _tensors(out, 6)
    path = out / "checkpoints" / "step-00000006" / "tensors.safetensors"
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(data)
    done = _run(command, tmp_path)
    assert done.returncode == 0
    assert "step-00000006 is damaged" in done.stderr and "going on from step 4" in done.stderr
    assert all(torch.equal(reference[k], v) for k, v in _tensors(out, 6).items())


def test_a_missing_random_state_is_told(short_run: tuple[list[str], Path], tmp_path: Path) -> None:
    command, out = short_run
    for path in (out / "checkpoints").glob("*/state.json"):
        state = json.loads(path.read_text())
        del state["random"]["torch"]
        path.write_text(json.dumps(state))
    done = _run(command, tmp_path)
    assert done.returncode == 4
    assert "random state of torch is missing" in done.stderr


def test_another_number_of_processes_is_refused(
    short_run: tuple[list[str], Path], tmp_path: Path
) -> None:
    command, out = short_run
    for path in (out / "checkpoints").glob("*/state.json"):
        state = json.loads(path.read_text())
        path.write_text(json.dumps(state | {"world_size": 2}))
    done = _run(command, tmp_path)
    assert done.returncode == 4 and "2 process(es)" in done.stderr


def test_two_processes_train_as_one(train_command: Command, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    settings: dict[str, Any] = {"documents": 4, "mixer_dropout": 0.5}
    assert _run(train_command(one, steps=3, **settings), tmp_path).returncode == 0
    command = train_command(two, steps=3, **settings)
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    done = _run([*launch, *command[1:]], tmp_path)
    assert done.returncode == 0, done.stderr
    ours = [json.loads(line) for line in (one / "log.jsonl").open()]
    theirs = [json.loads(line) for line in (two / "log.jsonl").open()]
    for mine, other in zip(ours, theirs, strict=True):
        assert mine.keys() == other.keys()
        assert all(other[key] == pytest.approx(mine[key], abs=1e-5) for key in mine)


def test_bad_settings_end_in_one_line(train_command: Command, tmp_path: Path) -> None:
    for extra, status in (
        (["--set", "no_such=1"], 2),
        (["--set", "adapter.num_latents=0"], 2),
        (["--data", str(tmp_path)], 3),
        (["--init", str(tmp_path)], 4),
    ):
        done = _run([*train_command(tmp_path / "x"), *extra], tmp_path)
        assert done.returncode == status, done.stderr
        assert len(done.stderr.strip().splitlines()) == 1 and "Traceback" not in done.stderr
        shutil.rmtree(tmp_path / "x", ignore_errors=True)
