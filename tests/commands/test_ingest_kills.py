"""`lcirc ingest` as a process of its own: kills, Ctrl-C, two writers, names that are no text."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lcirc_cli.memory.file import load_memory

from ..engine.tiny import make_text

Run = Callable[..., Any]


def _kill_while_ingesting(begin: Run, folder: Path, models: list[Any], times: int) -> None:
    """A kill at any moment leaves no file, or a whole one."""
    words, rng = ("ingest", "book.txt", *models), random.Random(0)
    (folder / "book.txt").write_text(make_text(1, words=10_000), "utf-8")
    target = folder / "book.lcirc"
    assert begin("--version").finish().status == 0  # what children are forked from is there now
    started = time.monotonic()
    assert begin(*words, cwd=folder).finish().status == 0
    whole = time.monotonic() - started
    good = target.read_bytes()
    for _ in range(times):
        target.unlink(missing_ok=True)
        child = begin(*words, cwd=folder)
        time.sleep(rng.uniform(0.1, 1.1) * whole)
        child.process.kill()
        child.finish()
        assert not target.exists() or target.read_bytes() == good
    assert begin(*words, cwd=folder).finish().status == 0
    assert target.read_bytes() == good
    assert {path.name for path in folder.iterdir()} == {"book.txt", "book.lcirc"}


def test_killed_twice_while_ingesting(lcirc_child: Run, tmp_path: Path, models: list[Any]) -> None:
    _kill_while_ingesting(lcirc_child, tmp_path, models, 2)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_killed_forty_times_while_ingesting(
    lcirc_child: Run, tmp_path: Path, models: list[Any]
) -> None:
    _kill_while_ingesting(lcirc_child, tmp_path, models, 40)


def test_interrupted_while_ingesting(lcirc_child: Run, tmp_path: Path, models: list[Any]) -> None:
    (tmp_path / "book.txt").write_text(make_text(1, words=300_000), "utf-8")
    child = lcirc_child("ingest", "book.txt", *models, cwd=tmp_path)
    while not (tmp_path / "book.lcirc.lock").exists():
        time.sleep(0.05)
    child.send_signal(signal.SIGINT)
    status, _, err = child.finish()
    assert status == 130
    assert err.splitlines()[-1] == "lcirc: interrupted" and "Traceback" not in err
    left = {path.name for path in tmp_path.iterdir()} - {"book.lcirc.partial"}
    assert left == {"book.txt"}


def test_two_writers_never_mix(lcirc_child: Run, tmp_path: Path, models: list[Any]) -> None:
    for name, seed in (("a.txt", 1), ("b.txt", 2)):
        (tmp_path / name).write_text(make_text(seed), "utf-8")
    children = [
        lcirc_child("ingest", name, "-o", "same.lcirc", *models, cwd=tmp_path)
        for name in ("a.txt", "b.txt", "a.txt")
    ]
    assert [child.finish().status for child in children] == [0, 0, 0]
    (held,) = load_memory(tmp_path / "same.lcirc").documents
    assert held.name in ("a.txt", "b.txt")


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_names_that_are_no_text_reach_standard_output(
    backbone_folder: Path, tmp_path: Path, encoding: str
) -> None:
    """A file name may hold any bytes, and a terminal may know few letters."""
    name = os.fsdecode(b"caf\xe9-\xc3\xbc.txt")
    (tmp_path / name).write_text(make_text(1, words=60), "utf-8")
    script = (
        "import io, os, sys\n"
        "from lcirc_cli import app\n"
        f"out = io.TextIOWrapper(open(1, 'wb', closefd=False), {encoding!r}, write_through=True)\n"
        "sys.stdout = out\n"
        f"models = ['--model', {str(backbone_folder)!r}, '--dtype', 'float32']\n"
        f"for options in ([], ['--json']):\n"
        f"    assert app.run(['ingest', {name!r}, *options, *models]) == 0\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode("utf-8", "replace")
    path, report = done.stdout.splitlines()
    assert path == os.fsencode(tmp_path / name).replace(b".txt", b".lcirc")
    assert json.loads(report)["documents"][0]["name"] == name
