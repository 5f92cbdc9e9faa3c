"""Whole runs of a tiny model: killed, resumed, shared among processes, refused."""

from __future__ import annotations

import json
import re
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from lcirc_cli.files.locks import locked
from lcirc_cli.training import run
from lcirc_cli.training.checkpoint import state_hash

from .conftest import Command, Line, checkpoint_tensors, run_child


def _killed_runs(tiny: Path, data: Path, tmp_path: Path, *, runs: int, seed: int) -> None:
    script = Path(__file__).with_name("killed_runs.py")
    arguments = [str(tiny), str(data), str(tmp_path), str(runs), str(seed)]
    done = run_child([sys.executable, str(script), *arguments], tmp_path, timeout=3000)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["equal"] == result["runs"] == runs
    assert len(set(result["killed_at"])) > 1


def test_killed_runs_end_in_the_same_bits(tiny_folder: Path, planted: Any, tmp_path: Path) -> None:
    _killed_runs(tiny_folder, planted.folder, tmp_path, runs=5, seed=0)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_fifty_killed_runs_end_in_the_same_bits(
    tiny_folder: Path, planted: Any, tmp_path: Path
) -> None:
    _killed_runs(tiny_folder, planted.folder, tmp_path, runs=50, seed=100)


def test_a_run_leaves_what_the_readme_says(
    here: Line, train_command: Command, planted: Any, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    command = train_command(out, steps=4, validate_every=2)
    done = here([*command, "--validation", str(planted.folder)])
    assert done.status == 0, done.err
    assert done.out.strip() == str(out / "best")
    for name in ("config.toml", "log.jsonl", "log.csv", "curves.png", "checkpoints", "best"):
        assert (out / name).exists(), name
    validations = [json.loads(line) for line in (out / "validation.jsonl").open()]
    assert [row["step"] for row in validations] == [2, 4]
    scores = validations[-1]["sets"]["planted"]
    expected = {f"{kind}_{c}" for kind in ("loss", "f1") for c in ("true", "shuffled", "none")}
    assert scores.keys() == expected | {"questions", "refused_answerable"}
    again = here(command)
    assert again.status == 2 and "--resume goes on" in again.err
    other = here([*command, "--resume", "--set", "learning_rate=0.5"])
    assert other.status == 2 and "learning_rate" in other.err


def test_automatic_autocast_stays_what_it_was_when_the_run_began(
    here: Line, train_command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    command = train_command(out, steps=2, autocast="auto")
    for half in ("bfloat16", "float32"):  # the second machine is another one
        monkeypatch.setattr(run, "faster_dtype", lambda _, half=half: getattr(torch, half))
        done = here([*command, "--resume"])
        assert done.status == 0, done.err
        assert 'autocast = "bfloat16"' in (out / "config.toml").read_text()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_save_and_leave_with_a_line(
    lcirc_child: Callable[..., Any],
    train_command: Command,
    tmp_path: Path,
    number: signal.Signals,
) -> None:
    out = tmp_path / "run"
    child = lcirc_child(
        *train_command(out, steps=5000)[3:], env={"LCIRC_CACHE": str(tmp_path / "cache")}
    )
    while not (out / "log.jsonl").exists():
        time.sleep(0.02)
    child.send_signal(number)
    status, _, told = child.finish()
    assert status == 130
    assert "--resume goes on" in told and "Traceback" not in told
    rows = (out / "log.jsonl").read_text().splitlines()
    assert (out / "checkpoints" / f"step-{len(rows):08d}").is_dir()


@pytest.fixture
def short_run(here: Line, train_command: Command, tmp_path: Path) -> tuple[list[str], Path]:
    out = tmp_path / "run"
    command = train_command(out, steps=6)
    done = here(command)
    assert done.status == 0, done.err
    return [*command, "--resume"], out


def test_a_resumed_run_writes_each_step_of_log_csv_once(
    here: Line, short_run: tuple[list[str], Path]
) -> None:
    command, out = short_run
    shutil.rmtree(out / "checkpoints" / "step-00000006")
    with (out / "log.csv").open("a") as file:
        file.write("7,0.1")  # a kill cut it short
    done = here(command)
    assert done.status == 0 and "going on from step 4" in done.err
    header, *rows = (out / "log.csv").read_text().splitlines()
    assert header.startswith("step,")
    assert [row.split(",")[0] for row in rows] == ["1", "2", "3", "4", "5", "6"]


def test_two_commands_do_not_train_in_one_folder(
    here: Line, short_run: tuple[list[str], Path]
) -> None:
    command, out = short_run
    with locked(out / "run"):
        done = here(command)
    assert done.status == 2 and "another command is training in" in done.err
    assert len(done.err.strip().splitlines()) == 1


def test_lines_say_how_much_time_is_left(
    here: Line, train_command: Command, tmp_path: Path
) -> None:
    done = here(train_command(tmp_path / "other", steps=2))
    assert re.search(r"step 1/2: .* samples/s, about \d+ s left", done.err)


def test_a_corrupt_newest_checkpoint_gives_way_to_the_one_before(
    here: Line, short_run: tuple[list[str], Path]
) -> None:
    command, out = short_run
    # Copies: the loaded tensors are views of the file that is about to be damaged.
    reference = {key: value.clone() for key, value in checkpoint_tensors(out, 6).items()}
    path = out / "checkpoints" / "step-00000006" / "tensors.safetensors"
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(data)
    done = here(command)
    assert done.status == 0
    assert "step-00000006 is damaged" in done.err and "going on from step 4" in done.err
    assert all(torch.equal(reference[k], v) for k, v in checkpoint_tensors(out, 6).items())


@pytest.mark.parametrize("kind", ["torch", "numpy", "python"])
def test_a_missing_random_state_is_told(
    here: Line, short_run: tuple[list[str], Path], kind: str
) -> None:
    command, out = short_run
    for path in (out / "checkpoints").glob("*/state.json"):
        state = json.loads(path.read_text())
        del state["random"][kind]
        path.write_text(json.dumps(state))
    done = here(command)
    assert done.status == 4
    assert f"random state of {kind} is missing" in done.err


@pytest.mark.parametrize("name", ["state.json", "tensors.safetensors"])
def test_a_checkpoint_that_was_cut_short_gives_way(
    here: Line, short_run: tuple[list[str], Path], name: str
) -> None:
    command, out = short_run
    path = out / "checkpoints" / "step-00000006" / name
    path.write_bytes(path.read_bytes()[:-9])
    done = here(command)
    assert done.status == 0
    assert "step-00000006 is damaged" in done.err and "going on from step 4" in done.err


def test_checkpoints_of_other_settings_are_refused(
    here: Line, short_run: tuple[list[str], Path]
) -> None:
    """Also where the folder no longer says what its run was started with."""
    command, out = short_run
    (out / "config.toml").unlink()
    done = here([*command, "--set", "learning_rate=0.5"])
    assert done.status == 4 and "other settings" in done.err


def test_another_number_of_processes_is_refused(
    here: Line, short_run: tuple[list[str], Path]
) -> None:
    command, out = short_run
    for path in (out / "checkpoints").glob("*/state.json"):
        state = json.loads(path.read_text())
        state |= {"world_size": 2}
        path.write_text(json.dumps(state | {"state_sha256": state_hash(state)}))
    done = here(command)
    assert done.status == 4 and "2 process(es)" in done.err


def test_two_processes_train_as_one(
    here: Line, two_here: Line, train_command: Command, tmp_path: Path
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    settings: dict[str, Any] = {"documents": 4, "mixer_dropout": 0.5}
    for out, launched in ((one, here), (two, two_here)):
        done = launched(train_command(out, steps=3, **settings))
        assert done.status == 0, done.err
    ours = [json.loads(line) for line in (one / "log.jsonl").open()]
    theirs = [json.loads(line) for line in (two / "log.jsonl").open()]
    for mine, other in zip(ours, theirs, strict=True):
        assert mine.keys() == other.keys()
        assert all(other[key] == pytest.approx(mine[key], abs=1e-5) for key in mine)


def test_two_processes_have_the_gradients_of_one(
    here: Line, two_here: Line, train_command: Command, tmp_path: Path
) -> None:
    """After one step AdamW's first moment is a tenth of the gradient of the global batch."""
    folders = tmp_path / "one", tmp_path / "two"
    for out, launched in zip(folders, (here, two_here), strict=True):
        done = launched(train_command(out, steps=1, documents=4, clip=1e9))
        assert done.status == 0, done.err
    one, two = (checkpoint_tensors(out, 1) for out in folders)
    names = [name for name in one if name.endswith("exp_avg")]
    assert len(names) > 20
    gradients = [(10 * one[name], 10 * two[name]) for name in names]
    assert max(float(mine.abs().max()) for mine, _ in gradients) > 0.01
    assert max(float((mine - other).abs().max()) for mine, other in gradients) < 1e-6


@pytest.mark.parametrize("stage", ["lm", "reconstruct"])
def test_stages_on_plain_text_learn(
    here: Line, train_command: Command, planted: Any, tmp_path: Path, stage: str
) -> None:
    """Documents without questions are enough, and every part of the compressor gets a gradient."""
    (planted.folder / "qa.jsonl").unlink()
    out = tmp_path / stage
    settings: dict[str, Any] = {"stage": stage, "window_tokens": 32, "learning_rate": 3e-3}
    done = here(train_command(out, steps=40, warmup_steps=1, mixer_dropout=0.5, **settings))
    assert done.status == 0, done.err
    losses = [json.loads(line)["loss"] for line in (out / "log.jsonl").open()]
    assert sum(losses[-10:]) < sum(losses[:10])
    tensors = checkpoint_tensors(out, 40)
    moments = {key: tensors[key] for key in tensors if key.endswith("exp_avg_sq")}
    assert moments and all(v.any() and v.isfinite().all() for v in moments.values())


def test_bad_settings_end_in_one_line(here: Line, train_command: Command, tmp_path: Path) -> None:
    for extra, status in (
        (["--set", "no_such=1"], 2),
        (["--set", "adapter.num_latents=0"], 2),
        (["--set", "stage=reconstruct", "--set", "window_tokens=16"], 2),
        (["--set", "stage=reconstruct", "--set", "document_tokens=16"], 2),
        (["--data", str(tmp_path)], 3),
        (["--init", str(tmp_path)], 4),
    ):
        done = here([*train_command(tmp_path / "x"), *extra])
        assert done.status == status, done.err
        assert len(done.err.strip().splitlines()) == 1 and "Traceback" not in done.err
        shutil.rmtree(tmp_path / "x", ignore_errors=True)
