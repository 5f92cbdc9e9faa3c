"""`lcirc ingest --watch`: the same sync, again and again, in a process of its own."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lcirc_cli import documents
from lcirc_cli.commands import syncing
from lcirc_cli.memory.file import load_memory

from ..engine.tiny import make_text

Run = Callable[..., Any]


@pytest.fixture
def watching(lcirc_child: Run, models: list[Any], tmp_path: Path) -> Iterator[Run]:
    """`watching("books", "-o", "all.lcirc")` begins a watch in `tmp_path`."""
    (tmp_path / "books").mkdir()
    yield lambda *given: lcirc_child("ingest", *given, "--watch", *models, cwd=tmp_path)


def text(seed: int) -> str:
    return make_text(seed, words=60)


def write(path: Path, seed: int) -> None:
    path.write_text(text(seed), "utf-8")


def held(memory: Path) -> list[tuple[str, str]]:
    """Name and text of each document; nothing where there is no memory yet."""
    if not memory.exists():
        return []
    return [(each.name, each.text) for each in load_memory(memory, whole=True).documents]


def until(child: Any, said: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not said():
        assert time.monotonic() < deadline and child.process.is_alive(), child.err.read_text()
        time.sleep(0.05)


def test_what_is_saved_is_in_the_memory_some_seconds_later(
    watching: Run, cli: Run, models: list[Any], tmp_path: Path
) -> None:
    books, memory = tmp_path / "books", tmp_path / "all.lcirc"
    for number in range(3):
        write(books / f"{number}.txt", number)
    child = watching("books", "-o", "all.lcirc", "--json")
    until(child, lambda: [name for name, _ in held(memory)] == ["0.txt", "1.txt", "2.txt"])
    opened = load_memory(memory)  # and read once it has been replaced
    write(books / "1.txt", 11)
    (books / "0.txt").unlink()
    (books / "2.txt").rename(books / "two.txt")
    (books / ".3.txt.swp").write_text("not yet")
    (books / "~$3.docx").write_text("open in Office")
    until(child, lambda: held(memory) == [("1.txt", text(11)), ("two.txt", text(2))])
    assert [each.text for each in opened.documents] == [text(seed) for seed in range(3)]
    (books / ".3.txt.swp").rename(books / "3.txt")
    until(child, lambda: [name for name, _ in held(memory)] == ["1.txt", "3.txt", "two.txt"])
    child.send_signal(signal.SIGINT)
    status, out, err = child.finish(30)
    assert status == 130 and err.endswith("lcirc: interrupted\n")
    counts = [json.loads(line)["sync"] for line in out.splitlines()]
    assert counts[1] == {"kept": 1, "changed": 1, "new": 0, "removed": 1}
    assert counts[2] == {"kept": 2, "changed": 0, "new": 1, "removed": 0} and len(counts) == 3
    assert "\r" not in err and "\x1b" not in err and "~$3.docx" not in err
    assert not list(tmp_path.glob("all.lcirc.*"))
    cli("ingest", books, "-o", tmp_path / "fresh.lcirc", *models)
    assert (tmp_path / "fresh.lcirc").read_bytes() == memory.read_bytes()


def test_what_cant_be_read_yet_costs_nothing_else(watching: Run, tmp_path: Path) -> None:
    books, memory = tmp_path / "books", tmp_path / "all.lcirc"
    child = watching("books", "-o", "all.lcirc")
    until(child, lambda: "waiting for documents" in child.err.read_text())
    write(books / "a.txt", 1)
    write(books / "b.txt", 2)
    until(child, lambda: len(held(memory)) == 2)
    (books / "b.txt").write_bytes(b"%PDF-1.7 half of it")
    until(child, lambda: "all.lcirc keeps b.txt as it was read before" in child.err.read_text())
    write(books / "c.txt", 3)
    until(child, lambda: len(held(memory)) == 3)
    assert dict(held(memory))["b.txt"] == text(2)
    assert child.err.read_text().count("skipped b.txt") == 1  # nothing has happened to it since
    write(books / "b.txt", 22)
    until(child, lambda: dict(held(memory))["b.txt"] == text(22))
    for path in books.iterdir():
        path.unlink()
    until(child, lambda: "all.lcirc stays as it is" in child.err.read_text())
    assert len(held(memory)) == 3
    write(books / "d.txt", 4)
    until(child, lambda: [name for name, _ in held(memory)] == ["d.txt"])
    assert child.out.read_text() == "all.lcirc\n"  # once


def test_killed_it_goes_on_and_replaces_its_own_memory(watching: Run, tmp_path: Path) -> None:
    """Without -o, too, where no name is left of those that it holds."""
    books, memory = tmp_path / "books", tmp_path / "books.lcirc"
    write(books / "a.txt", 1)
    child = watching("books")
    until(child, lambda: len(held(memory)) == 1)
    child.send_signal(signal.SIGKILL)
    child.process.join()
    write(books / "b.txt", 2)
    child = watching("books")
    until(child, lambda: len(held(memory)) == 2)
    (books / "a.txt").unlink()
    (books / "b.txt").unlink()
    write(books / "c.txt", 3)
    until(child, lambda: held(memory) == [("c.txt", text(3))])


def test_only_what_has_changed_is_read(
    cli: Run, models: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the models are loaded once; the changes come here without a wait."""
    books = tmp_path / "books"
    books.mkdir()
    for number in range(3):
        write(books / f"{number}.txt", number)
    read: list[str] = []
    loaded: list[int] = []
    load, read_document = syncing.load_engine, documents.read_document

    def changes(folders: list[str], *, stop: Any) -> Iterator[None]:
        yield
        write(books / "1.txt", 11)
        yield
        (books / "2.txt").unlink()
        yield
        raise KeyboardInterrupt

    def reading(source: Any, **options: Any) -> Any:
        read.append(source.name)
        return read_document(source, **options)

    monkeypatch.setattr(documents, "read_document", reading)
    monkeypatch.setattr("lcirc_cli.documents.watching.changes", changes)
    monkeypatch.setattr(syncing, "load_engine", lambda given: loaded.append(1) or load(given))
    monkeypatch.setattr("lcirc_cli.documents.watching._YOUNG_NS", 0)
    done = cli("ingest", books, "--watch", *models)
    assert done.status == 130
    assert read == ["0.txt", "1.txt", "2.txt", "1.txt"] and loaded == [1]
    assert [name for name, _ in held(tmp_path / "books.lcirc")] == ["0.txt", "1.txt"]


def test_mistakes_are_told_at_once(cli: Run, tmp_path: Path) -> None:
    write(tmp_path / "a.txt", 1)
    for given, said in (
        ([tmp_path / "a.txt"], "--watch is for folders"),
        ([tmp_path / "none"], "--watch is for folders"),
        ([tmp_path, "-o", tmp_path / "all.lcirc", "--append"], "don't go together"),
    ):
        done = cli("ingest", *given, "--watch")
        assert done.status == 2 and said in done.err and done.err.count("\n") == 1
