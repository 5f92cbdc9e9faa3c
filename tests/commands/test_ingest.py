"""`lcirc ingest`: names, reuse, appending, and what is refused."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lcirc_cli.memory.file import load_memory

from ..engine.tiny import SMALL, make_text, save_adapter
from .written import names, write

Run = Callable[..., Any]


def test_one_file_is_named_after_itself(ingest: Run) -> None:
    write("in/book.txt")
    done = ingest("in/book.txt")
    assert done.status == 0
    assert Path(done.out.strip()).samefile("in/book.lcirc")
    assert len(done.out.splitlines()) == 1
    assert "tokens of 1 document" in done.err
    assert names("in/book.lcirc") == ["book.txt"]


def test_json_describes_the_memory(ingest: Run) -> None:
    write("book.txt")
    done = ingest("book.txt", "-o", "out.lcirc", "--json")
    report = json.loads(done.out)
    contents = load_memory("out.lcirc")
    assert report["sha256"] == contents.sha256
    assert report["tokens"] == len(contents.token_ids) == report["documents"][0]["tokens"]
    assert report["segments"] == len(contents.segment_lengths)
    assert report["latents"] == len(contents.states)
    assert report["bytes"] == Path("out.lcirc").stat().st_size
    assert report["reused"] is False and report["skipped"] == []


def test_a_folder_becomes_one_memory(ingest: Run) -> None:
    write("books/b.txt", 2)
    write("books/a.txt", 1)
    done = ingest("books")
    assert done.status == 0
    assert names("books.lcirc") == ["a.txt", "b.txt"]


def test_a_bad_document_in_a_folder_is_skipped_aloud(ingest: Run) -> None:
    write("books/a.txt")
    Path("books/b.pdf").write_bytes(b"%PDF-1.7 not really")
    done = ingest("books", "--json")
    assert done.status == 0
    assert names("books.lcirc") == ["a.txt"]
    assert [each["name"] for each in json.loads(done.out)["skipped"]] == ["b.pdf"]
    assert "warning: skipped b.pdf" in done.err
    assert ingest("books/b.pdf").status == 3
    assert ingest("books/a.txt", "books/b.pdf", "-o", "both.lcirc").status == 3
    assert not Path("both.lcirc").exists()
    Path("books/a.txt").unlink()
    assert ingest("books").status == 3


@pytest.mark.parametrize(
    "arguments", [["a.txt", "b.txt"], ["-"], ["a.txt", "-"]], ids=["several", "stdin", "mixed"]
)
def test_what_has_no_name_of_its_own_needs_one(ingest: Run, arguments: list[str]) -> None:
    write("a.txt")
    write("b.txt")
    done = ingest(*arguments)
    assert done.status == 2
    assert "-o OUT.lcirc" in done.err and len(done.err.splitlines()) == 1


def test_standard_input(ingest: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    read, write_end = os.pipe()
    os.write(write_end, make_text(3, words=50).encode())
    os.close(write_end)
    with os.fdopen(read) as piped:
        monkeypatch.setattr(sys, "stdin", piped)
        assert ingest("-", "-o", "out.lcirc").status == 0
    assert load_memory("out.lcirc").documents[0].text.strip() == make_text(3, words=50)


def test_an_unchanged_file_is_reused_and_a_changed_one_is_not(ingest: Run) -> None:
    write("book.txt", 1)
    ingest("book.txt")
    before = Path("book.lcirc").stat()
    again = ingest("book.txt", "--json")
    assert json.loads(again.out)["reused"] is True
    assert "up to date" in again.err
    assert Path("book.lcirc").stat().st_mtime_ns == before.st_mtime_ns
    write("book.txt", 2)
    changed = ingest("book.txt", "--json")
    assert json.loads(changed.out)["reused"] is False
    assert "0 kept, 1 changed, 0 new, 0 removed" in changed.err
    assert load_memory("book.lcirc").documents[0].text.strip() == make_text(2, words=200)


def test_another_adapter_makes_it_again(
    ingest: Run, cli: Run, engine: Any, tmp_path: Path, backbone_folder: Path
) -> None:
    write("book.txt")
    ingest("book.txt")
    other = save_adapter(tmp_path / "other", engine, **SMALL, seed=9)
    models = ["--model", backbone_folder, "--adapter", other, "--dtype", "float32"]
    done = cli("ingest", "book.txt", "--json", *models)
    assert done.status == 0 and json.loads(done.out)["reused"] is False
    assert load_memory("book.lcirc").fingerprints.adapter_name == str(other)


def test_appending_is_ingesting_both_at_once(ingest: Run) -> None:
    write("a.txt", 1)
    write("b.txt", 2)
    ingest("a.txt", "-o", "grown.lcirc")
    done = ingest("b.txt", "-o", "grown.lcirc", "--append")
    ingest("a.txt", "b.txt", "-o", "both.lcirc")
    assert done.status == 0
    assert Path("grown.lcirc").read_bytes() == Path("both.lcirc").read_bytes()
    again = ingest("a.txt", "-o", "grown.lcirc", "--append")
    assert "in the memory already" in again.err
    assert names("grown.lcirc") == ["a.txt", "b.txt"]


def test_appending_to_nothing_or_to_another_models_memory(
    ingest: Run, cli: Run, backbone_folder: Path
) -> None:
    write("a.txt")
    assert ingest("a.txt", "-o", "none.lcirc", "--append").status == 2
    cli("ingest", "a.txt", "-o", "other.lcirc", "--model", backbone_folder, "--dtype", "float32")
    write("b.txt", 2)
    done = ingest("b.txt", "-o", "other.lcirc", "--append")
    assert done.status == 4
    assert "other.lcirc" in done.err and "adapter" in done.err


def test_only_a_known_extension_is_cut_off_the_name(ingest: Run) -> None:
    """notes.2024 and notes.2025 are two documents with a memory each."""
    write("notes.2024", 1)
    write("notes.2025", 2)
    assert ingest("notes.2024").status == ingest("notes.2025").status == 0
    assert names("notes.2024.lcirc") == ["notes.2024"]
    assert names("notes.2025.lcirc") == ["notes.2025"]
    write("v1.2.txt", 3)
    assert ingest("v1.2.txt").status == 0 and names("v1.2.lcirc") == ["v1.2.txt"]


def test_files_of_one_name_are_told_apart_by_their_path(ingest: Run) -> None:
    for seed, folder in enumerate(["a/x", "b/x", "c"]):
        Path(folder).mkdir(parents=True)
        write(f"{folder}/rules.txt", seed)
    assert ingest("a/x/rules.txt", "b/x/rules.txt", "c/rules.txt", "-o", "all.lcirc").status == 0
    assert names("all.lcirc") == ["a/x/rules.txt", "b/x/rules.txt", "c/rules.txt"]
    assert ingest("a", "b", "-o", "both.lcirc").status == 0
    assert names("both.lcirc") == ["a/x/rules.txt", "b/x/rules.txt"]


def test_the_same_text_is_read_once(ingest: Run) -> None:
    write("rules.txt")
    write("copy.txt")
    write("other.txt", 2)
    done = ingest("rules.txt", "rules.txt", "copy.txt", "other.txt", "-o", "all.lcirc")
    assert done.status == 0 and names("all.lcirc") == ["rules.txt", "other.txt"]
    assert "rules.txt: given twice" in done.err
    assert "copy.txt: the same as rules.txt; it is read once" in done.err


def test_a_changed_file_stands_beside_its_older_version_under_another_name(ingest: Run) -> None:
    write("in/rules.txt", 1)
    assert ingest("in/rules.txt", "-o", "all.lcirc").status == 0
    for seed in (2, 3, 4):
        write("in/rules.txt", seed)
        done = ingest("in/rules.txt", "--append", "-o", "all.lcirc")
        assert done.status == 0 and "both are kept, this one as " in done.err
    held = names("all.lcirc")
    assert held[:2] == ["rules.txt", "in/rules.txt"]
    assert len(set(held)) == 4 and all(name.endswith("in/rules.txt") for name in held[1:])
    done = ingest("in/rules.txt", "--append", "-o", "all.lcirc")
    assert "is in the memory already; it is not added again" in done.err
    assert names("all.lcirc") == held


def test_a_memory_is_no_document(ingest: Run) -> None:
    write("book.txt")
    ingest("book.txt")
    done = ingest("book.lcirc")
    assert done.status == 2 and "lcirc ask book.lcirc" in done.err


def test_a_place_that_cant_be_written(ingest: Run) -> None:
    write("book.txt")
    done = ingest("book.txt", "-o", "nowhere/out.lcirc")
    assert done.status == 8 and "there is no folder nowhere" in done.err


def test_names_that_cant_be_meant(ingest: Run) -> None:
    """What `ask` would not take as a memory, and an unset variable in place of a document."""
    write("book.txt")
    done = ingest("book.txt", "-o", "memory")
    assert done.status == 2 and "-o memory.lcirc" in done.err
    done = ingest("", "-o", "memory.lcirc")
    assert done.status == 2 and "empty name" in done.err


@pytest.mark.parametrize(
    "text",
    [
        "日本語の文書。港の船は正午までに出る。" * 20,
        "مرحبا بالعالم. القوارب تغادر الميناء. " * 20,
        "Zoë’s naïve café — ½ of 👩‍👩‍👧 ∑ 𝔘𝔫𝔦𝔠𝔬𝔡𝔢\r\n\r\n" * 20,
        "x",
    ],
    ids=["japanese", "arabic", "mixed", "one letter"],
)
def test_any_script(ingest: Run, cli: Run, text: str) -> None:
    Path("Übung 船.txt").write_text(text, "utf-8")
    assert ingest("Übung 船.txt").status == 0
    contents = load_memory("Übung 船.lcirc")
    stored = contents.documents[0]
    starts = contents.token_starts[:].tolist()
    assert starts == sorted(starts) and max(starts) < len(stored.text)


def test_passwords_and_pages(ingest: Run, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    locked = data_dir / "pdfs" / "crazyones-encrypted-256.pdf"
    refused = ingest(locked, "-o", "out.lcirc")
    assert refused.status == 3 and "--password-file" in refused.err
    Path("secret").write_text("password\n")
    assert ingest(locked, "-o", "out.lcirc", "--password-file", "secret").status == 0
    monkeypatch.setenv("LCIRC_PASSWORD", "wrong")
    assert ingest(locked, "-o", "other.lcirc").status == 3
    assert ingest(locked, "-o", "other.lcirc", "--password-file", "missing").status == 2
    four = data_dir / "pdfs" / "pdflatex-4-pages.pdf"
    assert ingest(four, "-o", "four.lcirc", "--pages", "2-3").status == 0
    assert [page.number for page in load_memory("four.lcirc").documents[0].pages] == [2, 3]
    assert ingest(four, "-o", "four.lcirc", "--pages", "9").status == 2
