"""Where `lcirc ask` has its questions from, and its memories."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lcirc_cli.memory.file import load_memory

from .conftest import QUESTION

Run = Callable[..., Any]


def pipe(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))


def pipe_bytes(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data), encoding="utf-8"))


def test_the_question_may_come_from_a_pipe(ask: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    pipe(monkeypatch, f"{QUESTION}\n")
    assert ask("one.lcirc").out == ask("one.lcirc", QUESTION).out
    pipe(monkeypatch, " \n")
    assert ask("one.lcirc").status == 2
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xff?"), encoding="utf-8"))
    done = ask("one.lcirc")
    assert done.status == 2 and "not valid UTF-8" in done.err
    pipe_bytes(monkeypatch, f"\ufeff{QUESTION}\r\n".encode())
    assert json.loads(ask("one.lcirc", "--json").out)["question"] == QUESTION
    pipe_bytes(monkeypatch, QUESTION.encode("utf-16"))
    done = ask("one.lcirc")
    assert done.status == 2 and "UTF-16" in done.err


def test_many_questions(ask: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = ["Who carries silver?", QUESTION, "Où sont les lanternes ?", "bread", "maps"]
    lines = [json.dumps({"question": asked[0], "id": 7}), *map(json.dumps, asked[1:])]
    Path("q.jsonl").write_text("\ufeff" + "\n\n".join(lines) + "\n", "utf-8")
    done = ask("one.lcirc", "--questions", "q.jsonl", "--json")
    answers = [json.loads(line) for line in done.out.splitlines()]
    assert [answer["question"] for answer in answers] == asked
    assert [answer["id"] for answer in answers] == [7, 3, 5, 7, 9]  # its own, or its line
    for answer in answers:
        alone = json.loads(ask("one.lcirc", answer["question"], "--json").out)
        assert alone["answer"] == answer["answer"]
        assert alone["citations"] == answer["citations"]
    pipe(monkeypatch, "\n".join(lines))
    text = ask("one.lcirc", "--questions", "-").out
    assert [line[2:] for line in text.splitlines() if line.startswith("> ")] == asked
    pipe_bytes(monkeypatch, b"\xef\xbb\xbf" + "\r\n".join(lines).encode())
    assert ask("one.lcirc", "--questions", "-").out == text
    pipe_bytes(monkeypatch, "\n".join(lines).encode("utf-16"))
    done = ask("one.lcirc", "--questions", "-")
    assert done.status == 2 and "line 1: not UTF-8" in done.err


@pytest.mark.parametrize(
    "content",
    [
        *("", "\n", "plain words", '{"q": "x"}', '{"question": 3}', '"ok"\n[]', r'"\ud800?"'),
        "[" * 100_000,
    ],
)
def test_questions_that_cant_be_used(ask: Run, content: str) -> None:
    Path("q.jsonl").write_text(content)
    done = ask("one.lcirc", "--questions", "q.jsonl")
    assert done.status == 2 and "q.jsonl" in done.err and done.out == ""


def test_documents_of_one_name_are_told_apart_by_their_memory(ask: Run) -> None:
    for name in ("one", "two"):
        Path(name).mkdir()
        Path(f"{name}.lcirc").rename(f"{name}/same.lcirc")
    both = json.loads(ask("one/same.lcirc", "two/same.lcirc", QUESTION, "--json").out)
    assert {each["document"] for each in both["citations"]} <= {"one.txt", "two.txt"}
    Path("one/same.lcirc").rename("same.lcirc")
    Path("two/same.lcirc").unlink()
    Path("copy.lcirc").write_bytes(Path("same.lcirc").read_bytes())
    both = json.loads(ask("same.lcirc", "copy.lcirc", QUESTION, "--json").out)
    names = {0: "one.txt (same.lcirc)", 1: "one.txt (copy.lcirc)"}
    assert all(names[each["document_index"]] == each["document"] for each in both["citations"])


def test_several_memories(ask: Run) -> None:
    both = json.loads(ask("one.lcirc", "two.lcirc", QUESTION, "--json").out)
    hashes = [load_memory(f"{name}.lcirc").sha256 for name in ("one", "two")]
    assert both["memory_sha256"].split() == hashes
    single = json.loads(ask("one.lcirc", QUESTION, "--json").out)
    assert both["tokens"]["memory"] > single["tokens"]["memory"]


def test_the_environment_and_the_flags(ask: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LCIRC_METHOD", "lcirc")
    monkeypatch.setenv("LCIRC_WINDOW", "none")
    answer = json.loads(ask("one.lcirc", QUESTION, "--json", "--window", "ends").out)
    assert answer["method"] == "lcirc" and answer["window"] == "ends"
    monkeypatch.delenv("LCIRC_WINDOW")
    Path("c.toml").write_text('quiet = true\n[ask]\nwindow = "none"\nmethod = "none"\n')
    answer = json.loads(ask("one.lcirc", QUESTION, "--json", "--config", "c.toml").out)
    assert answer["method"] == "lcirc" and answer["window"] == "none"
