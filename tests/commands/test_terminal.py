"""`lcirc ask` on a terminal: signs of life, streaming, colour; and none of it in a pipe."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lcirc_cli import console
from lcirc_cli.console.bars import Pace

from ..engine.tiny import make_text

Run = Callable[..., Any]


def on_a_terminal(
    words: list[str], folder: Path, env: dict[str, str] | None = None
) -> list[tuple[float, str]]:
    """What appears on a pseudo-terminal that has all three streams, and after how many seconds."""
    leader, follower = pty.openpty()
    begun = time.monotonic()
    child = subprocess.Popen(
        [sys.executable, "-m", "lcirc_cli", *words],
        stdin=follower,
        stdout=follower,
        stderr=follower,
        cwd=folder,
        env={**os.environ, "LCIRC_OFFLINE": "1", **(env or {})},
    )
    os.close(follower)
    seen = []
    while True:
        try:
            piece = os.read(leader, 4096)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        seen.append((time.monotonic() - begun, piece.decode("utf-8", "replace")))
    os.close(leader)
    assert child.wait(timeout=60) == 0, seen
    return seen


@pytest.fixture
def memory(tmp_path: Path, cli: Run, models: list[Any], monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("book.txt").write_text(make_text(1, words=300), "utf-8")
    assert cli("ingest", "book.txt", "--quiet", *models).status == 0
    return tmp_path / "book.lcirc"


def test_a_sign_at_once_then_every_stage_and_nothing_of_it_stays(
    memory: Path, tmp_path: Path, models: list[Any]
) -> None:
    words = ["ask", str(memory), "Who wrote?", "--max-new-tokens", "8", *map(str, models)]
    seen = on_a_terminal(words, tmp_path)
    shown = "".join(text for _, text in seen)
    stages = ["starting", "loading the memory", "loading the model", "steering", "reading"]
    places = [shown.index(stage) for stage in stages]
    assert places == sorted(places)
    # A ratio in one run: torch comes after the first sign, and takes most of the time.
    assert seen[0][0] < 0.5 * seen[-1][0]
    assert re.search(r"steering \d+ of \d+ segments", shown)
    # Each line of status is taken away before anything else is printed.
    assert shown.count("\r\x1b[2K") > len(stages)
    last = shown.rindex("...")
    assert "\r\x1b[2K" in shown[last:] and "[1] book.txt" in shown[last:]
    assert "\x1b[2mlcirc: " in shown[last:]


def test_no_colour_where_it_is_not_wanted(
    memory: Path, tmp_path: Path, models: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal:
        def isatty(self) -> bool:
            return True

    from lcirc_cli.console.printing import styled

    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert styled("x", "dim", Terminal()) == "\x1b[2mx\x1b[0m"
    assert styled("x", "dim", sys.stdout) == "x"  # a pipe or a file
    monkeypatch.setenv("NO_COLOR", "1")
    assert styled("x", "dim", Terminal()) == "x"
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert styled("x", "dim", Terminal()) == "x"


def test_a_batch_names_the_question_in_its_warnings(
    memory: Path, tmp_path: Path, cli: Run, models: list[Any]
) -> None:
    (tmp_path / "q.jsonl").write_text('"Who wrote the letters?"\n"Which maps?"\n', "utf-8")
    done = cli("ask", memory, "--questions", "q.jsonl", "--max-new-tokens", 2, *models)
    assert done.status == 0 and "\x1b" not in done.out + done.err
    for question in ("Who wrote the letters?", "Which maps?"):
        assert any(f"{question!r}: " in line for line in done.err.splitlines())


@pytest.mark.parametrize("batch", [1, 4, 8])
def test_the_time_left_is_right_within_half_after_a_tenth(
    batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Work that comes in batches at an even pace, and a slow first piece."""
    clock = [0.0]
    monkeypatch.setattr("lcirc_cli.console.bars.time.monotonic", lambda: clock[0])
    pace, total = Pace(80), 80
    each = 3.0
    for done in range(batch, total, batch):
        clock[0] += each * batch * (1.3 if done == batch else 1.0)
        for _ in range(batch):  # the answers of a batch come out together
            clock[0] += 1e-5
            pace.add(1, clock[0])
        left = pace.left()
        if done >= total / 10 and left is not None:
            true = each * (total - done)
            assert true / 1.5 <= left <= true * 1.5, done
    assert pace.told().startswith("about ")


def test_what_a_resumed_job_has_already_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr("lcirc_cli.console.bars.time.monotonic", lambda: clock[0])
    pace = Pace(1100)
    pace.add(1000, 0.1)
    for step in range(1, 11):
        pace.add(1, 0.1 + 2.0 * step)
    assert pace.left() == pytest.approx(2.0 * 90)
    assert console.duration(125) == "2 min"
