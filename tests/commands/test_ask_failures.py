"""`lcirc ask`: exit codes, another process, interruptions and a broken pipe."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lcirc_cli import Engine

from ..engine.tiny import SMALL, save_adapter, save_backbone
from .conftest import QUESTION

Run = Callable[..., Any]


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        ([QUESTION], "no document or memory file given"),
        (["one.lcirc", "What", "now?"], "in quotes"),
        (["one.lcirc", "What?", "-q", "now?"], "too many"),
        (["one.lcirc", ""], "empty"),
        (["one.lcirc", "Where is the caf\udce9?"], "not valid UTF-8"),
        (["one.lcirc", QUESTION, "--method", "rag"], "qd-lcirc"),
        (["one.lcirc", QUESTION, "--citations", "-1"], "citations"),
        (["one.lcirc", QUESTION, "--segments", "-1"], "segments must be 0 or more"),
        (["one.lcirc", QUESTION, "--temperature", "1", "--seed", "9" * 21], "seed must be"),
        (["one.lcirc", QUESTION, "--temperature", "1", "--seed", "-1"], "seed must be"),
        (["one.lcirc", QUESTION, "--questions", "one.txt"], "not both"),
        (["one.lcirc", "--questions", "missing.jsonl"], "missing.jsonl"),
        (["one.lcirc", "bread " * 1100], "too long"),
    ],
)
def test_mistakes_on_the_command_line(ask: Run, arguments: list[str], hint: str) -> None:
    done = ask(*arguments)
    assert done.status == 2 and hint in done.err and done.out == ""
    assert len([line for line in done.err.splitlines() if "untrained" not in line]) == 1


def test_a_damaged_memory(ask: Run) -> None:
    data = bytearray(Path("one.lcirc").read_bytes())
    data[len(data) // 2] ^= 1
    Path("one.lcirc").write_bytes(data)
    done = ask("one.lcirc", QUESTION)
    assert done.status == 5 and "one.lcirc" in done.err and done.out == ""


def test_another_adapter_tokenizer_or_model(
    here: Path, cli: Run, engine: Engine, adapter_folder: Path, backbone_folder: Path,
    tmp_path: Path,
) -> None:  # fmt: skip
    adapter = save_adapter(tmp_path / "adapter", engine, **SMALL, seed=9)
    model = save_backbone(tmp_path / "model", seed=4)
    for models, message in (
        (["--model", backbone_folder, "--adapter", adapter], "with the adapter"),
        (["--model", model], "with the model"),
        (["--model", model, "--adapter", adapter_folder], "was made for the model"),
    ):
        done = cli("ask", "one.lcirc", QUESTION, "--dtype", "float32", *models)
        assert done.status == 4 and message in done.err and done.out == ""
    (backbone_folder / "tokenizer.json").replace(tmp_path / "kept.json")
    try:
        text = (tmp_path / "kept.json").read_text("utf-8")
        (backbone_folder / "tokenizer.json").write_text(
            text.replace('"add_prefix_space": false', '"add_prefix_space": true'), "utf-8"
        )
        models = ["--model", backbone_folder, "--adapter", adapter_folder]
        done = cli("ask", "one.lcirc", QUESTION, "--dtype", "float32", *models)
    finally:
        (tmp_path / "kept.json").replace(backbone_folder / "tokenizer.json")
    assert done.status == 4 and "with the tokenizer" in done.err


def test_another_process_gives_the_same_answer(
    ask: Run, here: Path, lcirc_child: Run, models: list[Any]
) -> None:
    for options in (["--method", "lcirc"], ["--window", "none"], []):
        arguments = ["one.lcirc", QUESTION, "--json", *options]
        inside = json.loads(ask(*arguments).out)
        child = lcirc_child("ask", *arguments, "--max-new-tokens", 12, *models, cwd=here)
        outside = json.loads(child.finish().out)
        for answer in (inside, outside):
            del answer["timings"]
        assert outside == inside


@pytest.mark.parametrize("moment", ["answering", "loading"])
def test_interrupted(lcirc_child: Run, here: Path, models: list[Any], moment: str) -> None:
    (here / "q.jsonl").write_text('"bread"\n' * 20_000)
    words = ["ask", "one.lcirc", "--questions", "q.jsonl", "--json", *models]
    child = lcirc_child(*words, cwd=here)
    # The memory is mapped before the models are loaded: then the child is past its own start.
    maps = Path(f"/proc/{child.process.pid}/maps")
    if not maps.exists():
        pytest.skip("no way to see how far the child is")
    while not (child.out.stat().st_size if moment == "answering" else "one.l" in maps.read_text()):
        time.sleep(0.02)
    child.send_signal(signal.SIGINT)
    status, _, err = child.finish()
    assert status == 130
    assert "Traceback" not in err
    assert err.splitlines()[-1] == "lcirc: interrupted"


def test_a_broken_pipe_is_quiet(here: Path, models: list[Any]) -> None:
    (here / "q.jsonl").write_text('"bread"\n' * 200)
    words = ["ask", "one.lcirc", "--questions", "q.jsonl", "--quiet", *map(str, models)]
    child = subprocess.Popen(
        [sys.executable, "-m", "lcirc_cli", *words],
        cwd=here,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None and child.stderr is not None
    child.stdout.readline()
    child.stdout.close()
    assert child.wait(120) == 141
    told = child.stderr.read().splitlines()
    assert all("was cut at" in line for line in told)  # of answers before the pipe broke
