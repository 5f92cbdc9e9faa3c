"""`lcirc show` and `lcirc cache`: what they print, what they refuse, what they leave."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lcirc_cli.backbones import smollm2
from lcirc_cli.documents.document import Page
from lcirc_cli.memory.file import save_memory

from ..memory.samples import make_contents, make_document

Run = Callable[..., Any]
FIRST, SECOND = "The treaty was\nsigned at noon.", "Nobody came to the harbour."


@pytest.fixture
def memory(tmp_path: Path) -> Path:
    """A PDF of two pages, the second with another printed number, and a text without pages."""
    text = f"{FIRST}\n{SECOND}"
    at = len(FIRST) + 1
    pages = [Page(1, None, 0, len(FIRST)), Page(2, None, at, len(text), label="iv")]
    book = make_document(text, name="book.pdf", pages=pages)
    plain = replace(
        make_document("A treaty of peace.", name="plain.txt"), pages=(), page_count=None
    )
    path = tmp_path / "books.lcirc"
    save_memory(path, make_contents([book, plain]))
    return path


def test_the_text_stands_under_page_marks(memory: Path, cli: Run) -> None:
    done = cli("show", memory)
    assert (done.status, done.err) == (0, "")
    assert done.out == (
        f"--- book.pdf, p. 1 ---\n{FIRST}\n--- book.pdf, p. 2 (printed iv) ---\n{SECOND}\n"
        "--- plain.txt ---\nA treaty of peace.\n"
    )


def test_one_page(memory: Path, cli: Run) -> None:
    assert cli("show", memory, "--page", 2).out.splitlines()[1:] == [SECOND]
    done = cli("show", memory, "--page", 3)
    assert (done.status, done.out) == (2, "")
    assert "there is no page 3" in done.err and "it holds pages 1-2" in done.err


def test_around_words(memory: Path, cli: Run) -> None:
    found = json.loads(cli("show", memory, "--around", "TREATY  was signed", "--json").out)
    (part,) = found["parts"]
    assert (part["document"], part["page"], part["text"]) == ("book.pdf", 1, FIRST)
    both = cli("show", memory, "--around", "treaty").out
    assert both.count("---\n") == 2 and SECOND not in both
    done = cli("show", memory, "--around", "zeppelin")
    assert (done.status, done.out) == (2, "") and "nowhere" in done.err
    assert cli("show", memory, "--around", "x", "--page", 1).status == 2


def test_the_cache_is_listed_and_cleared(
    tmp_path: Path, cli: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LCIRC_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    assert "nothing is kept" in cli("cache").err
    folder = smollm2.folder()
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"x" * 2_000_000)
    snapshot = tmp_path / "hub" / "models--owner--model" / "snapshots" / ("a" * 40)
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_text("{}")
    refs = snapshot.parents[1] / "refs"
    refs.mkdir()
    (refs / "main").write_text("a" * 40)
    listed = cli("cache").out.splitlines()
    assert listed[0].startswith("smollm2: 2 MB, the default model, in ")
    assert listed[1].startswith("owner/model: ")
    wrong = cli("cache", "--remove", "smolm")
    assert wrong.status == 2 and "it holds smollm2, owner/model" in wrong.err
    gone = json.loads(cli("cache", "--remove", "smollm2", "--json").out)
    assert gone["removed"] and [each["name"] for each in gone["models"]] == ["smollm2"]
    assert not folder.exists() and snapshot.exists()
    assert cli("cache", "--remove", "owner/model").status == 0
    assert not snapshot.exists()


def test_a_persons_own_settings_and_where_each_is_from(
    tmp_path: Path, cli: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("LCIRC_DTYPE", "float32")
    own = tmp_path / "lcirc" / "config.toml"
    found = json.loads(cli("doctor", "--json").out)["settings"]
    assert found["config"] == f"none ({own} is not there)"
    own.parent.mkdir()
    own.write_text('device = "cpu"\nattention = "sdpa"\n', "utf-8")
    found = json.loads(cli("doctor", "--json", "--attention", "auto").out)["settings"]
    assert found["config"] == str(own)
    assert found["device"] == f"cpu (device in {own})"
    assert found["dtype"] == "float32 (the variable LCIRC_DTYPE)"
    assert found["attention"] == "auto (--attention)"
    assert found["model"] == "smollm2 (default)"
    other = tmp_path / "other.toml"
    other.write_text("", "utf-8")
    found = json.loads(cli("doctor", "--json", "--config", other).out)["settings"]
    assert (found["config"], found["device"]) == (str(other), "auto (default)")
    own.write_text("modle = 1\n", "utf-8")
    assert "did you mean model?" in cli("doctor").err
