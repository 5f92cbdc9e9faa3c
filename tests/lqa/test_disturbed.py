"""Runs that are disturbed: faults of the endpoint, and SIGKILL at any moment."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Command, Endpoint, contents
from .corpus import write_documents

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])
IN_FLIGHT = 8


def same_rows(out: Path, other: Path) -> bool:
    """Whether two finished data sets hold the same, whatever the order of their rows."""
    return contents(out, by="content_sha256") == contents(other, by="content_sha256")


def arguments(source: Path, out: Path, server: Endpoint, *more: object) -> list[object]:
    return [
        *(source, "--out", out, "--endpoint", server.url, "--generator", "fake"),
        *("--in-flight", IN_FLIGHT, *more),
    ]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_documents(tmp_path / "documents.jsonl.gz", 24)


def test_faults_do_not_change_the_result(
    tmp_path: Path, source: Path, endpoint: Callable[..., Endpoint], command: Command
) -> None:
    calm, rough = endpoint(), endpoint(faults=0.3, seed=7)
    command.run(*arguments(source, tmp_path / "calm", calm))
    command.run(*arguments(source, tmp_path / "rough", rough, "--timeout", 3))
    counts = rough.counts()
    assert min(counts[f] for f in ("429", "500", "hang", "cut", "broken", "empty")) >= 3
    assert same_rows(tmp_path / "rough", tmp_path / "calm")
    assert set(rough.answered()) == set(calm.answered())  # none lost, none invented
    assert set(rough.answered().values()) == {1}


def _kill_often(
    command: Command, server: Endpoint, words: list[object], kills: int, *, seed: int
) -> int:
    """Start and SIGKILL `kills` times, at random moments; then let it finish. Returns kills."""
    chance = random.Random(seed)
    done = 0
    for number in range(kills):
        process = command.start(*words)
        before = len(server.log.read_text().splitlines())
        wanted = before + chance.randrange(1, 30)
        # By turns after some time, and after some requests: every phase is hit.
        deadline = time.monotonic() + (chance.uniform(0.2, 6.0) if number % 3 == 0 else 60)
        while process.poll() is None and time.monotonic() < deadline:
            if number % 3 and len(server.log.read_text().splitlines()) >= wanted:
                break
            time.sleep(0.01)
        done += process.poll() is None
        command.kill(process)
    command.run(*words)
    return done


def _check_killed(
    tmp_path: Path,
    source: Path,
    endpoint: Callable[..., Endpoint],
    command: Command,
    *,
    kills: int,
    more: tuple[object, ...] = (),
    faults: float = 0.0,
) -> None:
    calm = endpoint()
    command.run(*arguments(source, tmp_path / "calm", calm))
    rough = endpoint(latency=0.2, faults=faults)  # slow enough to be killed at work
    words = arguments(source, tmp_path / "rough", rough, "--timeout", 2, *more)
    killed = _kill_often(command, rough, words, kills, seed=kills)
    assert killed >= kills // 2, "the kills must come while it works"
    assert same_rows(tmp_path / "rough", tmp_path / "calm")
    answered = rough.answered()
    assert set(answered) == set(calm.answered())
    repeated = sum(count - 1 for count in answered.values())
    print(f"{killed} kills at work, {len(answered):,} requests, {repeated} of them repeated")
    assert repeated <= killed * IN_FLIGHT


def test_kills_do_not_change_the_result(
    tmp_path: Path, source: Path, endpoint: Callable[..., Endpoint], command: Command
) -> None:
    _check_killed(tmp_path, source, endpoint, command, kills=5)


@pytest.mark.slow
def test_kills_with_workers_do_not_change_the_result(
    tmp_path: Path, source: Path, endpoint: Callable[..., Endpoint], command: Command
) -> None:
    _check_killed(
        tmp_path, source, endpoint, command, kills=3, more=("--workers", 2, "--shard-size", 5)
    )


@pytest.mark.skipif(shutil.which("ps") is None, reason="needs ps, to find the workers")
def test_a_killed_worker_ends_the_command_and_the_next_one_goes_on(
    tmp_path: Path, endpoint: Callable[..., Endpoint], command: Command
) -> None:
    source = write_documents(tmp_path / "documents.jsonl.gz", 8)
    calm, slow = endpoint(), endpoint(latency=0.2)
    command.run(*arguments(source, tmp_path / "calm", calm))
    words = arguments(source, tmp_path / "out", slow, "--workers", 2, "--shard-size", 3)
    process = command.start(*words)
    try:
        while len(slow.log.read_text().splitlines()) < 20:
            assert process.poll() is None
            time.sleep(0.05)
        os.kill(_workers(process.pid)[0], signal.SIGKILL)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 6, (out, err)
    assert err.splitlines()[-1].startswith("lcirc: a worker was killed, most likely because")
    assert "Traceback" not in err
    command.run(*words)
    assert same_rows(tmp_path / "out", tmp_path / "calm")
    repeated = sum(count - 1 for count in slow.answered().values())
    assert repeated <= IN_FLIGHT


def _workers(command: int) -> list[int]:
    """The processes of the pool: children of the command's children."""
    listed = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True
    )
    parents = {int(pid): int(parent) for pid, parent in map(str.split, listed.stdout.splitlines())}
    return [pid for pid, parent in parents.items() if parents.get(parent) == command]


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_fifty_kills_with_faults(
    tmp_path: Path, endpoint: Callable[..., Endpoint], command: Command
) -> None:
    source = write_documents(tmp_path / "documents.jsonl.gz", 150)
    _check_killed(tmp_path, source, endpoint, command, kills=50, faults=0.2)
