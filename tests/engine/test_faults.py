"""`lcirc` where two write at once, the disk is full, or the compressor's memory counts."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from lcirc_cli import Engine, app
from lcirc_cli.memory.file import load_memory
from lcirc_cli.model import LcircAdapter
from lcirc_cli.model.perceiver import SegmentKeys

from .tiny import QUESTIONS, ingest, make_text

Run = Callable[..., Any]


def append_at_once(folder: Path, cli: Run, models: list[Any], *, times: int) -> None:
    """Two processes add `times` documents each to one memory: every one must be in it, once."""
    memory = folder / "all.lcirc"
    names = ["first", *(f"{who}-{turn}" for who in "ab" for turn in range(times))]
    for seed, name in enumerate(names):
        (folder / f"{name}.txt").write_text(make_text(seed, words=20), "utf-8")
    assert cli("ingest", folder / "first.txt", "-o", memory, *models).status == 0
    children = []
    for who in "ab":
        child = os.fork()
        if child == 0:
            status = 99
            try:
                status = _append(memory, [folder / f"{who}-{n}.txt" for n in range(times)], models)
            finally:
                os._exit(status)
        children.append(child)
    ended = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    assert ended == [0, 0]
    held = [document.name for document in load_memory(memory).documents]
    assert sorted(held) == sorted(path.name for path in folder.glob("*.txt"))
    for who in "ab":  # each in the order in which its process added them
        assert [n for n in held if n.startswith(who)] == [f"{who}-{n}.txt" for n in range(times)]
    assert not [path for path in folder.iterdir() if path.name.endswith(".tmp")]


def _append(memory: Path, documents: list[Path], models: list[Any]) -> int:
    for document in documents:
        words = ["ingest", "--append", document, "-o", memory, "--quiet", *models]
        if status := app.run([str(word) for word in words]):
            return status
    return 0


def test_two_processes_append_to_one_memory(cli: Run, tmp_path: Path, models: list[Any]) -> None:
    append_at_once(tmp_path, cli, models, times=3)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_two_processes_append_fifty_times(cli: Run, tmp_path: Path, models: list[Any]) -> None:
    append_at_once(tmp_path, cli, models, times=50)


def test_a_full_disk_ends_ingest_with_8_and_keeps_the_old_file(
    cli: Run, tmp_path: Path, models: list[Any]
) -> None:
    book, memory = tmp_path / "book.txt", tmp_path / "book.lcirc"
    book.write_text(make_text(1), "utf-8")
    assert cli("ingest", book, *models).status == 0
    old = memory.read_bytes()
    book.write_text(make_text(2, words=4_000), "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "lcirc_cli", "ingest", "--quiet", str(book), *map(str, models)],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (len(old), len(old))),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (done.returncode, done.stdout) == (8, "")
    assert done.stderr.startswith(f"lcirc: can't write {memory}: larger than this system's limit")
    assert len(done.stderr.splitlines()) == 1
    assert memory.read_bytes() == old
    assert {path.name for path in tmp_path.iterdir()} == {"book.txt", "book.lcirc"}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_under_the_answers_ends_ask_with_8(
    engine: Engine, tmp_path: Path, cli: Run, models: list[Any]
) -> None:
    (tmp_path / "book.txt").write_text(make_text(1), "utf-8")
    assert cli("ingest", tmp_path / "book.txt", *models).status == 0
    words = ["ask", tmp_path / "book.lcirc", QUESTIONS[0], "--quiet", "--max-new-tokens", 2]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "lcirc_cli", *map(str, [*words, *models])],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=300,
            check=False,
        )
    assert done.returncode == 8
    assert "can't write" in done.stderr.splitlines()[-1] and "Traceback" not in done.stderr


def test_keys_of_one_group_at_a_time(
    raw_engine: Engine, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of the last group are gone before the next one's are made, at ingest and for ask."""
    made: list[weakref.ref[SegmentKeys]] = []
    keys = LcircAdapter.keys

    def counted(self: LcircAdapter, *args: Any, **kwargs: Any) -> SegmentKeys:
        assert not [one for one in made if one() is not None]
        result = keys(self, *args, **kwargs)
        made.append(weakref.ref(result))
        return result

    monkeypatch.setattr(LcircAdapter, "keys", counted)
    for each in (raw_engine, engine):
        made.clear()
        each.key_bytes = 0  # nothing is kept for the next question
        memory = ingest(each, 1, 2, 3)
        each.ask(memory, QUESTIONS[0], max_new_tokens=2)
        assert len(made) >= 6


def test_ask_compiles_nothing(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer is over sooner than a compiler, so that compiled generation is off by default."""
    memory = ingest(engine, 1)
    monkeypatch.setattr(torch, "compile", lambda *_, **__: pytest.fail("compiled"))
    monkeypatch.setattr(torch._dynamo, "optimize", lambda *_, **__: pytest.fail("compiled"))
    assert engine.ask(memory, QUESTIONS[0], max_new_tokens=4).answer is not None
