"""`lcirc ingest` again: what is the same stays, and the memory is that of a fresh ingest."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lcirc_cli.compression import ingestion
from lcirc_cli.memory.file import load_memory

from ..engine.tiny import SMALL, make_text, save_adapter

Run = Callable[..., Any]


@pytest.fixture
def compressed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the documents that are compressed from now on."""
    names: list[str] = []
    real = ingestion._ingest_one

    def counted(model: Any, tokenizer: Any, document: Any, **options: Any) -> Any:
        names.append(document.name)
        return real(model, tokenizer, document, **options)

    monkeypatch.setattr(ingestion, "_ingest_one", counted)
    return names


def write(name: str, seed: int, *, words: int = 60) -> None:
    path = Path(name)
    path.parent.mkdir(exist_ok=True)
    path.write_text(make_text(seed, words=words), "utf-8")


def names(memory: str) -> list[str]:
    return [document.name for document in load_memory(memory).documents]


@pytest.mark.parametrize("count", [20, pytest.param(200, marks=pytest.mark.slow)])
def test_a_folder_is_synced(ingest: Run, compressed: list[str], count: int) -> None:
    for number in range(count):
        write(f"books/{number:03}.txt", number, words=30 + number % 50)
    assert ingest("books", "-o", "all.lcirc").status == 0
    assert len(compressed) == count
    compressed.clear()
    for number in (3, 9, count - 1):
        write(f"books/{number:03}.txt", 1_000 + number)
    for number in (0, 7):
        Path(f"books/{number:03}.txt").unlink()
    for number in range(4):
        write(f"books/new{number}.txt", 2_000 + number)
    done = ingest("books", "-o", "all.lcirc", "--json")
    assert done.status == 0
    changed = [f"{number:03}.txt" for number in (3, 9, count - 1)]
    assert sorted(compressed) == [*changed, *(f"new{number}.txt" for number in range(4))]
    assert f"{count - 5} kept, 3 changed, 4 new, 2 removed" in done.err
    counts = {"kept": count - 5, "changed": 3, "new": 4, "removed": 2}
    assert json.loads(done.out)["sync"] == counts
    assert ingest("books", "-o", "fresh.lcirc").status == 0
    assert Path("all.lcirc").read_bytes() == Path("fresh.lcirc").read_bytes()
    compressed.clear()
    Path("all.lcirc.partial").mkdir()  # as a kill leaves it after its last write
    again = ingest("books", "-o", "all.lcirc")
    assert "up to date" in again.err and compressed == []
    assert not Path("all.lcirc.partial").exists()


def test_what_is_missing_is_kept_when_asked(ingest: Run, compressed: list[str]) -> None:
    for number in range(3):
        write(f"books/{number}.txt", number)
    ingest("books", "-o", "all.lcirc")
    Path("books/1.txt").unlink()
    write("books/3.txt", 3)
    compressed.clear()
    done = ingest("books", "-o", "all.lcirc", "--keep-missing")
    assert "3 kept, 0 changed, 1 new, 0 removed" in done.err
    assert names("all.lcirc") == ["0.txt", "2.txt", "3.txt", "1.txt"] and compressed == ["3.txt"]
    assert "up to date" in ingest("books", "-o", "all.lcirc", "--keep-missing").err
    done = ingest("books", "-o", "all.lcirc")
    assert "3 kept, 0 changed, 0 new, 1 removed" in done.err
    assert names("all.lcirc") == ["0.txt", "2.txt", "3.txt"] and compressed == ["3.txt"]


def test_a_renamed_file_is_not_compressed_again(ingest: Run, compressed: list[str]) -> None:
    write("books/a.txt", 1)
    write("books/b.txt", 2)
    ingest("books", "-o", "all.lcirc")
    compressed.clear()
    Path("books/a.txt").rename("books/c.txt")
    done = ingest("books", "-o", "all.lcirc")
    assert done.status == 0 and compressed == []
    assert names("all.lcirc") == ["b.txt", "c.txt"]
    ingest("books", "-o", "fresh.lcirc")
    assert Path("all.lcirc").read_bytes() == Path("fresh.lcirc").read_bytes()


def test_a_document_that_cant_be_read_today_stays(ingest: Run, compressed: list[str]) -> None:
    write("books/a.txt", 1)
    write("books/b.txt", 2)
    ingest("books", "-o", "all.lcirc")
    compressed.clear()
    Path("books/b.txt").write_bytes(b"%PDF-1.7 not really")
    done = ingest("books", "-o", "all.lcirc")
    assert done.status == 0 and "skipped b.txt" in done.err
    assert names("all.lcirc") == ["a.txt", "b.txt"] and compressed == []


def test_nothing_of_other_models_stays(
    ingest: Run, cli: Run, engine: Any, tmp_path: Path, backbone_folder: Path
) -> None:
    write("books/a.txt", 1)
    ingest("books", "-o", "all.lcirc")
    other = save_adapter(tmp_path / "other", engine, **SMALL, seed=9)
    models = ["--model", backbone_folder, "--adapter", other, "--dtype", "float32"]
    done = cli("ingest", "books", "-o", "all.lcirc", "--keep-missing", *models)
    assert done.status == 4
    done = cli("ingest", "books", "-o", "all.lcirc", "--json", *models)
    assert json.loads(done.out)["sync"]["new"] == 1 and "other models" in done.err


def test_two_workers_give_the_same_bytes(ingest: Run) -> None:
    for number in range(5):
        write(f"books/{number}.txt", number, words=200)
    Path("books/broken.pdf").write_bytes(b"%PDF-1.7 not really")
    assert ingest("books", "-o", "one.lcirc").status == 0
    done = ingest("books", "-o", "two.lcirc", "--workers", 2)
    assert done.status == 0 and "skipped broken.pdf" in done.err
    assert Path("one.lcirc").read_bytes() == Path("two.lcirc").read_bytes()
    assert not Path("two.lcirc.partial").exists()
    assert ingest("books", "-o", "two.lcirc", "--workers", 0).status == 2
