"""What goes to standard error, and what doesn't."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys

import pytest

from lcirc_cli import console
from lcirc_cli.console import bars

BAR = """
from lcirc_cli import console
with console.progress(3, "reading [x]", "pages") as advance:
    for _ in range(3):
        advance(1)
console.note("done")
"""


PRINTING = """
import time
from pathlib import Path
from lcirc_cli import console
from lcirc_cli.lqa.pairs.progress import show_progress
with console.progress(2, "answering", "questions") as advance:
    for answer in ("first", "second"):
        print(answer, flush=True)
        advance(1)
with show_progress(Path(), 2):
    time.sleep(0.3)  # the bar is drawn by a thread
    print("third")
"""


def test_notes_go_to_standard_error_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    console.note("two\nlines")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "lcirc: two lines\n"


def test_quiet_silences_notes_but_not_warnings(capsys: pytest.CaptureFixture[str]) -> None:
    console.set_quiet(True)
    console.note("hidden")
    console.warn("shown")
    assert capsys.readouterr().err == "lcirc: warning: shown\n"


def test_names_that_are_not_text_are_still_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(raw, encoding="ascii"))
    console.note("caf\u00e9 \udce9 [bold]")
    assert raw.getvalue() == b"lcirc: caf? ? [bold]\n"


def test_progress_is_silent_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    with console.progress(3, "reading", "pages") as advance:
        advance(1)
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(4.2, "4 s"), (125.0, "2 min"), (3600.0, "1 h 0 min"), (5 * 3600.0 + 90, "5 h 2 min")],
)
def test_the_time_left_is_as_coarse_as_it_is_known(seconds: float, told: str) -> None:
    assert console.time_left(seconds) == f", about {told} left"


def test_a_log_gets_a_line_a_minute(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([0.0, 1.0, 61.0, 90.0, 121.0])
    monkeypatch.setattr(bars.time, "monotonic", lambda: next(clock))
    with console.progress(1100, "asking", "answers") as advance:
        advance(1000)  # a run that goes on has these already
        assert capsys.readouterr().err == ""
        advance(20)
        advance(20)
        advance(20)
    first, second = capsys.readouterr().err.splitlines()
    assert first == "lcirc: asking: 1,020/1,100 answers, about 5 s left"
    assert second == "lcirc: asking: 1,060/1,100 answers, about 1 min left"
    clock = iter([0.0, 60.0])
    with console.progress(None, "downloading", "bytes") as advance:
        advance(5e6)
    assert capsys.readouterr().err == "lcirc: downloading: 5 MB\n"
    console.set_quiet(True)
    with console.progress(9, "asking") as advance:
        advance(1)
    console.set_quiet(False)
    with console.progress(9, "training", lines=False) as advance:
        advance(1)
    monkeypatch.setenv("RANK", "1")
    with console.progress(9, "asking") as advance:
        advance(1)
    assert capsys.readouterr().err == ""


def test_progress_is_drawn_on_a_terminal_only() -> None:
    said, shown = on_a_terminal(BAR)
    assert said == ""
    assert b"reading [x]" in shown
    assert b"3/3" in shown
    assert b"lcirc: done" in shown


def test_what_is_printed_beside_a_bar_still_goes_to_the_file() -> None:
    said, shown = on_a_terminal(PRINTING)
    assert said == "first\nsecond\nthird\n"
    assert b"answering" in shown and b"making pairs" in shown
    assert b"first" not in shown


def on_a_terminal(script: str) -> tuple[str, bytes]:
    """Run a script with standard error alone on a terminal: what went to the pipe, and to it."""
    leader, follower = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=follower, text=True
    )
    os.close(follower)
    shown = b""
    while True:
        try:
            piece = os.read(leader, 4096)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        shown += piece
    os.close(leader)
    said, _ = child.communicate(timeout=60)
    assert child.returncode == 0
    return said, shown
