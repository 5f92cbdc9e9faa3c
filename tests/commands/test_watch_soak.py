"""A folder that is changed at random, a watch that is killed, and a reader all the while.

WATCH_SOAK=300 makes the changes in five minutes in place of 80 s, and -s shows the counts.
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lcirc_cli.memory.file import load_memory

from ..engine.tiny import make_text

Run = Callable[..., Any]

CHANGES, KILLS = 200, 3
SECONDS = float(os.environ.get("WATCH_SOAK", "80"))


class Reader(threading.Thread):
    """Opens the memory again and again, reads all of it, and asks it."""

    def __init__(self, memory: Path, engine: Any) -> None:
        super().__init__(daemon=True)
        self._memory, self._engine, self.stop = memory, engine, threading.Event()
        self.read = self.asked = 0
        self.versions: set[str] = set()
        self.failures: list[BaseException] = []

    def run(self) -> None:
        while not self.stop.wait(0.05):
            try:
                self._look()
            except BaseException as error:
                self.failures.append(error)

    def _look(self) -> None:
        if not self._memory.exists():
            return
        memory = load_memory(self._memory, whole=True)
        self.versions.add(memory.sha256)
        self.read += 1
        if self.read % 10 == 0:
            time.sleep(0.2)  # in which it is replaced, now and then
            answer = self._engine.ask([memory], "What did the harbour master write?")
            assert answer.tokens is not None
            self.asked += 1


class Folder:
    """Documents under names of their own; each change is drawn at random."""

    def __init__(self, root: Path, seed: int) -> None:
        self.root, self.random, self.seed = root, random.Random(seed), seed * 100_000
        self.broken: set[Path] = set()

    def text(self) -> str:
        self.seed += 1
        return make_text(self.seed, words=self.random.randint(20, 120))

    def names(self) -> list[Path]:
        return sorted(path for path in self.root.rglob("*.txt") if path.is_file())

    def new(self) -> None:
        folder = self.root / self.random.choice(["", "a", "b/c"])
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{self.seed}.txt").write_text(self.text())

    def change(self) -> None:
        path = self.random.choice(self.names())
        path.write_text(self.text())
        self.broken.discard(path)

    def replace(self) -> None:
        path = self.random.choice(self.names())
        temporary = path.with_name(f".{path.name}.swp")
        temporary.write_text(self.text())
        temporary.replace(path)
        self.broken.discard(path)

    def grow(self) -> None:
        path = self.random.choice(self.names())
        with path.open("a") as file:
            for part in range(3):
                file.write(f"\n\n{self.text()}" if path not in self.broken else f" {part}")
                file.flush()
                time.sleep(0.02)

    def rename(self) -> None:
        path = self.random.choice(self.names())
        path.rename(path.with_name(f"r{self.seed}-{path.name[-20:]}"))
        self.seed += 1
        self.broken.discard(path)

    def remove(self) -> None:
        if len(self.names()) > 5:
            path = self.random.choice(self.names())
            path.unlink()
            self.broken.discard(path)

    def spoil(self) -> None:
        path = self.random.choice(self.names())
        path.write_bytes(b"%PDF-1.7 half of it")
        self.broken.add(path)

    def litter(self) -> None:
        for name in (".x.swp", "~$x.docx", "4913", "x.tmp", "x.txt~"):
            (self.root / name).write_text(self.text())

    def step(self) -> None:
        kinds = [self.new, self.change, self.replace, self.grow, self.rename, self.remove]
        self.random.choice([*kinds, self.spoil, self.litter])()

    def mend(self) -> None:
        """No document that can't be read is left: a fresh ingest would not have its old version."""
        for path in self.names():
            if path.read_bytes().startswith(b"%PDF"):
                path.write_text(self.text())


def documents(memory: Path) -> list[tuple[str, str, str]]:
    held = load_memory(memory, whole=True).documents
    return sorted((each.name, each.sha256, each.text) for each in held)


@pytest.mark.slow
@pytest.mark.timeout(SECONDS + 400)
def test_the_end_is_that_of_a_fresh_ingest(
    lcirc_child: Run, cli: Run, models: list[Any], engine: Any, tmp_path: Path
) -> None:
    folder, memory = Folder(tmp_path / "books", seed=1), tmp_path / "all.lcirc"
    for _ in range(20):
        folder.new()

    def begin() -> Any:
        return lcirc_child("ingest", "books", "-o", "all.lcirc", "--watch", *models, cwd=tmp_path)

    child, reader = begin(), Reader(memory, engine)
    reader.start()
    kills = {CHANGES * number // (KILLS + 1) for number in range(1, KILLS + 1)}
    start, errors = time.monotonic(), []
    for number in range(CHANGES):
        folder.step()
        if number in kills:
            child.send_signal(signal.SIGKILL)
            child.process.join()
            errors.append(child.err.read_text())
            folder.step()  # while nobody watches
            child = begin()
        time.sleep(folder.random.uniform(0.0, 0.2))
        if folder.random.random() < 0.1:  # changes come in bursts
            time.sleep(max(0.0, start + SECONDS * (number + 1) / CHANGES - time.monotonic()))
    folder.mend()
    saved = time.monotonic()
    assert cli("ingest", tmp_path / "books", "-o", tmp_path / "fresh.lcirc", *models).status == 0
    wanted = documents(tmp_path / "fresh.lcirc")
    while documents(memory) != wanted:
        assert child.process.is_alive() and time.monotonic() < saved + 90, child.err.read_text()
        time.sleep(0.2)
    waited = time.monotonic() - saved
    reader.stop.set()
    reader.join(30)
    child.send_signal(signal.SIGINT)
    status, _, err = child.finish(30)
    errors.append(err)
    print(
        f"{CHANGES} changes in {SECONDS:g} s, {KILLS} kills; {len(wanted)} documents at the end, "
        f"{waited:.1f} s after the last change; {len(reader.versions)} versions of the memory seen "
        f"in {reader.read} reads, {reader.asked} asked, {len(reader.failures)} failed"
    )
    assert status == 130 and not any("Traceback" in each for each in errors)
    assert reader.failures == [] and reader.asked > 3
    assert len(reader.versions) > 7  # of about twenty bursts
    assert sorted(path.name for path in tmp_path.glob(".all*")) == []
    assert not list(tmp_path.glob("all.lcirc.*"))
