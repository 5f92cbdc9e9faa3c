"""Kills, a full disk and a second writer: the old or the new file is there, whole, every time."""

from __future__ import annotations

import os
import random
import resource
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from lcirc_cli.errors import StorageError
from lcirc_cli.memory.contents import MemoryContents
from lcirc_cli.memory.file import load_memory, save_memory

from .samples import make_contents, make_document, same, temporary_files


def large(seed: int) -> MemoryContents:
    """About 4 MB, so that a kill often lands in the middle of writing."""
    contents = make_contents([make_document(f"Memory number {seed}. " * 20)], seed=seed)
    rows = torch.full((len(contents.token_ids), 30_000), seed, dtype=torch.int8)
    return replace(contents, features={"codes": rows})


OLD, NEW = large(1), large(2)


def in_child(work: Callable[[], int | None]) -> int:
    """Starts `work` in a child process and returns its id; its exit status is what it returns."""
    child = os.fork()
    if child:
        return child
    status = 99
    try:
        torch.set_num_threads(1)  # threads don't survive a fork
        status = work() or 0
    finally:
        os._exit(status)


def save_forever(path: Path) -> None:
    while True:
        save_memory(path, NEW)
        save_memory(path, OLD)


def kill_often(path: Path, times: int) -> int:
    """Kills a writer at random moments; returns how many kills left a temporary file."""
    save_memory(path, OLD)
    wait = random.Random(0)
    caught = 0
    for _ in range(times):
        child = in_child(lambda: save_forever(path))
        time.sleep(wait.uniform(0.0, 0.06))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        caught += bool(temporary_files(path.parent))
        found = load_memory(path)
        assert same(found, OLD) or same(found, NEW)
    save_memory(path, NEW)
    assert temporary_files(path.parent) == []
    assert same(load_memory(path), NEW)
    return caught


def test_killed_while_saving(tmp_path: Path) -> None:
    kill_often(tmp_path / "m.lcirc", 10)


@pytest.mark.slow
def test_killed_while_saving_200_times(tmp_path: Path) -> None:
    caught = kill_often(tmp_path / "m.lcirc", 200)
    assert caught >= 20  # the kills did land inside of writes


@pytest.mark.parametrize("room", [0, 4096, 1_000_000])
def test_full_disk_leaves_the_old_file(tmp_path: Path, room: int) -> None:
    path = tmp_path / "m.lcirc"
    save_memory(path, OLD)

    def save_without_room() -> int:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # then a write fails as on a full disk
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
        try:
            save_memory(path, NEW)
        except StorageError as error:
            return error.exit_code if "\n" not in str(error) else 98
        return 0

    _, status = os.waitpid(in_child(save_without_room), 0)
    assert os.waitstatus_to_exitcode(status) == 8
    assert temporary_files(tmp_path) == []
    assert same(load_memory(path), OLD)


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="folder doesn't exist"):
        save_memory(tmp_path / "nowhere" / "m.lcirc", OLD)


def write_at_once(path: Path, times: int) -> None:
    """Two processes save different memories to one path while this one reads it."""
    save_memory(path, OLD)

    def save(contents: MemoryContents) -> None:
        for _ in range(times):
            save_memory(path, contents)

    children = [in_child(lambda: save(OLD)), in_child(lambda: save(NEW))]
    statuses: list[int] = []
    while len(statuses) < 2:
        found = load_memory(path)
        assert same(found, OLD) or same(found, NEW)
        ended, status = os.waitpid(-1, os.WNOHANG)
        if ended in children:
            statuses.append(os.waitstatus_to_exitcode(status))
    assert statuses == [0, 0]
    assert temporary_files(path.parent) == []


def test_two_writers(tmp_path: Path) -> None:
    write_at_once(tmp_path / "m.lcirc", 50)
