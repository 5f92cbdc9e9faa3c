"""Runs that are killed, cut anywhere or shared among processes end in the same table."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .runs import rows_of, table

# Forks children that run the command and kills each at a random moment; the imports, which take
# longest, are done once.
_KILLER = """
import os, random, signal, sys, time
from lcirc_cli import app
import torch, transformers.models.llama.modeling_llama, lcirc_cli.bench.run
torch.set_num_threads(1)

def child():
    pid = os.fork()
    if pid == 0:
        os._exit(app.run(["bench", "run", *sys.argv[2:]]))
    return pid

def size():
    return os.path.getsize(samples) if os.path.exists(samples) else 0

samples = sys.argv[1]
draw, killed = random.Random(0), 0
while killed < 20:
    pid, before, wanted = child(), size(), draw.randrange(4000)
    ended = 0
    while not ended and size() < before + wanted:
        time.sleep(0.002)
        ended = os.waitpid(pid, os.WNOHANG)[0]
    if not ended:
        time.sleep(draw.random() * 0.02)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        killed += 1
    else:  # it was done already: begin again with a part of its rows
        data = open(samples, "rb").read()
        open(samples, "wb").write(data[: draw.randrange(len(data))])
status = os.waitpid(child(), 0)[1]
print("rows:", sum(1 for _ in open(samples)))
sys.exit(status != 0)
"""


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_killed_twenty_times_it_ends_in_the_same_table(
    bench_cli: Callable[..., Any],
    arguments: Callable[..., list[str]],
    qa_folder: Path,
    tmp_path: Path,
) -> None:
    def given(out: Path) -> list[str]:
        more = ["--lengths", "200,400", "--facts", "2", "--batch", "2"]
        return [*arguments(out, f"qa:{qa_folder}", "needle"), *more]

    assert bench_cli("run", *given(tmp_path / "whole")).status == 0
    cut = tmp_path / "cut"
    done = subprocess.run(
        [sys.executable, "-c", _KILLER, cut / "samples.jsonl", *given(cut)],
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert table(cut) == table(tmp_path / "whole")
    assert rows_of(cut) == rows_of(tmp_path / "whole")


def test_a_run_that_is_cut_anywhere_goes_on_to_the_same_table(
    bench_cli: Callable[..., Any], arguments: Callable[..., list[str]], tmp_path: Path
) -> None:
    given = arguments(tmp_path, systems=["none", "qd-lcirc+evidence", "constant"])
    assert bench_cli("run", *given).status == 0
    whole_table, whole_rows = table(tmp_path), rows_of(tmp_path)
    whole = (tmp_path / "samples.jsonl").read_bytes()
    draw = random.Random(1)
    for _ in range(4):
        (tmp_path / "samples.jsonl").write_bytes(whole[: draw.randrange(len(whole))])
        assert bench_cli("run", *given).status == 0
        assert table(tmp_path) == whole_table
        assert rows_of(tmp_path) == whole_rows


def test_processes_share_a_run(
    bench_cli: Callable[..., Any],
    arguments: Callable[..., list[str]],
    lcirc_child: Callable[..., Any],
    tmp_path: Path,
) -> None:
    assert bench_cli("run", *arguments(tmp_path / "one")).status == 0
    words = ["bench", "run", *arguments(tmp_path / "two")]
    ranks = [{"RANK": rank, "WORLD_SIZE": "2"} for rank in "01"]
    for child in [lcirc_child(*words, env=rank) for rank in ranks]:
        done = child.finish()
        assert done.status == 0, done.err
    assert table(tmp_path / "two") == table(tmp_path / "one")
    assert rows_of(tmp_path / "two") == rows_of(tmp_path / "one")
