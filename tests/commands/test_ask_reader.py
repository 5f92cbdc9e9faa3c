"""`lcirc ask --reader URL`: what is shown, where settings come from, and exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ..endpoints.hostile import serving
from ..endpoints.scripted_reader import MODES
from ..engine.test_remote import FAILS, KEY, SLOW
from ..engine.tiny import make_text

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])

Run = Callable[..., Any]
QUESTION = "What did the harbour master write?"


@pytest.fixture
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: Run, models: list[Any]) -> Path:
    folder = tmp_path / "documents"
    folder.mkdir()
    monkeypatch.chdir(folder)
    Path("one.txt").write_text(make_text(1, words=600), "utf-8")
    assert cli("ingest", "one.txt", "--quiet", *models).status == 0
    return folder / "one.lcirc"


@pytest.fixture
def ask(memory: Path, cli: Run, models: list[Any]) -> Run:
    return lambda *arguments: cli("ask", memory, "-q", QUESTION, *arguments, *models)


@pytest.fixture
def url() -> Iterator[str]:
    with serving(MODES) as (found, _):
        yield found


def test_the_answer_its_passages_and_who_gets_them(ask: Run, url: str) -> None:
    done = ask("--reader", f"{url}/made_up/v1", "--reader-model", "m")
    assert done.status == 0
    first, *lines = done.out.splitlines()
    assert " [2]." in first and "[99]" not in first
    assert any(line.startswith("[2] one.txt") for line in lines)
    host = url.removeprefix("http://")
    told = f"lcirc: text of the documents goes to {host} (on this machine), model m"
    assert told in done.err.splitlines()
    assert "tokens sent, in" in done.err
    quiet = ask("--reader", f"{url}/escapes/v1", "--reader-model", "m", "--quiet")
    assert "goes to" not in quiet.err and "\x1b" not in quiet.out and "\u202e" not in quiet.out


def test_the_json_has_what_was_sent(ask: Run, url: str) -> None:
    done = ask("--reader", f"{url}/good/v1", "--reader-model", "m", "--json")
    reader = json.loads(done.out)["reader"]
    assert {key: type(value) for key, value in reader.items()} == {
        "url": str,
        "model": str,
        "tokens": int,
        "passages": list,
    }
    assert [passage["id"] for passage in reader["passages"] if passage["used"]] == [1, 2]
    assert list(reader["passages"][0]) == [
        "id", "used", "document", "document_index", "page", "section", "start", "end", "quote",
    ]  # fmt: skip


def test_a_failure_is_exit_7_in_one_line(ask: Run, url: str) -> None:
    done = ask("--reader", f"{url}/cut/v1", "--reader-model", "m", "--quiet")
    assert (done.status, done.out) == (7, "")
    assert len(done.err.splitlines()) == 1 and "broke off" in done.err


@pytest.mark.parametrize("mode", FAILS)
def test_what_fails_is_exit_7_in_one_line(
    ask: Run, url: str, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each mode of the scripted server that gives no answer, through the command line."""
    monkeypatch.setenv("LCIRC_API_KEY", KEY)
    reader = ["--reader", f"{url}/{mode}/v1", "--reader-model", "m"]
    limits = ["--timeout", SLOW.get(mode, 30), "--patience", 0.1]
    done = ask(*reader, *limits, "--max-new-tokens", 64, "--quiet")
    assert (done.status, done.out) == (7, ""), done.err
    assert len(done.err.splitlines()) == 1 and FAILS[mode] in done.err
    assert "Traceback" not in done.err and KEY not in done.err


def test_variables_and_the_config_file_name_a_reader(
    ask: Run, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "own.toml"
    text = f'[ask]\ncitations = 1\nreader = "{url}/good/v1"\nreader_model = "m"\n'
    own.write_text(text, "utf-8")
    done = ask("--config", own)
    assert done.status == 0 and "model m" in done.err
    Path("here.toml").write_text(text, "utf-8")
    done = ask("--config", "here.toml")
    assert done.status == 2 and "lies in the current folder" in done.err
    monkeypatch.setenv("LCIRC_READER", f"{url}/good/v1")
    assert ask("--config", "here.toml").status == 0
    done = ask()
    assert done.status == 2 and "--reader-model NAME" in done.err
    monkeypatch.setenv("LCIRC_READER_MODEL", "other")
    assert "model other" in ask().err


def test_offline_forbids_other_machines_alone(ask: Run, url: str) -> None:
    done = ask("--reader", "https://example.com/v1", "--reader-model", "m", "--offline")
    assert done.status == 2 and "--offline forbids" in done.err
    assert ask("--reader", f"{url}/good/v1", "--reader-model", "m", "--offline").status == 0
    done = ask("--reader-model", "m")
    assert done.status == 2 and "--reader URL" in done.err


def test_many_questions(cli: Run, memory: Path, models: list[Any], url: str) -> None:
    Path("q.jsonl").write_text('"One boat?"\n"Two boats?"\n"Three letters?"\n', "utf-8")
    reader = ("--reader", f"{url}/good/v1", "--reader-model", "m", "--json")
    done = cli("ask", memory, "--questions", "q.jsonl", *reader, *models)
    assert [json.loads(line)["question"] for line in done.out.splitlines()] == [
        "One boat?",
        "Two boats?",
        "Three letters?",
    ]
