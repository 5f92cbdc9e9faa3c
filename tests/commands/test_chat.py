"""The conversation on a terminal."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lcirc_cli import Engine
from lcirc_cli.answering import answerer
from lcirc_cli.answering.answer import AskSettings
from lcirc_cli.commands.chat import chat

from ..engine.tiny import make_document, make_text

Talk = Callable[..., Any]


@pytest.fixture
def talk(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Talk:
    """`talk("question", ...)`: a conversation with these lines, then Ctrl-D."""
    memory = engine.ingest([make_document(make_text(1, words=200))])

    def run(*lines: Any) -> Any:
        remaining: Iterator[Any] = iter(lines)

        def answer_prompt(prompt: str = "") -> str:
            line = next(remaining, EOFError())
            if isinstance(line, BaseException):
                raise line
            return str(line)

        monkeypatch.setattr("builtins.input", answer_prompt)
        chat(engine, [memory], AskSettings(max_new_tokens=6, citations=1), as_json=False)
        return capsys.readouterr()

    return run


@pytest.fixture
def asked(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """(question, history) of every question that reached the engine."""
    seen: list[Any] = []
    original = engine.ask

    def ask(memories: Any, question: str, **options: Any) -> Any:
        seen.append((question, list(options["history"])))
        return original(memories, question, **options)

    monkeypatch.setattr(engine, "ask", ask)
    return seen


def test_answers_go_to_standard_output_alone(talk: Talk) -> None:
    done = talk("Who carries silver?")
    assert "[1] book.txt" in done.out
    assert "> " in done.err and "> " not in done.out


def test_a_follow_up_knows_what_was_said(talk: Talk, asked: list[Any]) -> None:
    talk("first?", "", "second?", "/new", "third?")
    assert [question for question, _ in asked] == ["first?", "second?", "third?"]
    assert asked[0][1] == [] and asked[2][1] == []
    assert asked[1][1][0][0] == "first?"


def test_commands(talk: Talk, asked: list[Any]) -> None:
    assert "/quit  leave" in talk("/help", "/quit", "not asked").err
    assert "/quit  leave" in talk("/what").err
    assert asked == []


def test_a_question_that_is_too_long_does_not_end_it(talk: Talk, asked: list[Any]) -> None:
    done = talk("bread " * 1100, "bread")
    assert "too long" in done.err
    assert [history for _, history in asked] == [[], []]


def test_control_c_at_the_prompt_leaves(talk: Talk) -> None:
    with pytest.raises(KeyboardInterrupt):
        talk(KeyboardInterrupt())


def test_control_c_in_an_answer_ends_the_answer(
    talk: Talk, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    generate, calls = answerer.generate, []

    def interrupted(*args: Any, **kwargs: Any) -> Any:
        calls.append(1)
        if len(calls) == 1:
            raise KeyboardInterrupt
        return generate(*args, **kwargs)

    monkeypatch.setattr(answerer, "generate", interrupted)
    done = talk("first?", "bread?")
    assert "stopped" in done.err and len(calls) == 2 and "[1] book.txt" in done.out


def _read(terminal: int, until: str, seconds: float = 120) -> str:
    text, end = "", time.monotonic() + seconds
    while until not in text and time.monotonic() < end:
        if select.select([terminal], [], [], 0.2)[0]:
            try:
                text += os.read(terminal, 4096).decode("utf-8", "replace")
            except OSError:  # the other side is closed
                break
    return text


@pytest.mark.parametrize(
    "leave",
    [
        pytest.param("/quit\r", id="quit", marks=pytest.mark.slow),
        pytest.param("\x04", id="ctrl-d", marks=pytest.mark.slow),
        pytest.param("\x03", id="ctrl-c"),
    ],
)
def test_on_a_terminal(
    engine: Engine, tmp_path: Path, backbone_folder: Path, adapter_folder: Path, leave: str
) -> None:
    from lcirc_cli.memory.file import save_memory

    save_memory(tmp_path / "book.lcirc", engine.ingest([make_document(make_text(1, words=200))]))
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-m", "lcirc_cli", "ask", "book.lcirc", "--max-new-tokens", "6",
         "--model", str(backbone_folder), "--adapter", str(adapter_folder), "--dtype", "float32"],
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1", "TERM": "dumb"},
        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
        preexec_fn=lambda: __import__("fcntl").ioctl(0, __import__("termios").TIOCSCTTY, 0),
    )  # fmt: skip
    os.close(theirs)
    try:
        assert "> " in _read(ours, "> ")
        os.write(ours, b"bread?\r")
        said = _read(ours, "none dropped\r\n> ")
        assert "[1] book.txt" in said
        # Python's readline overlooks a signal between printing the prompt and waiting for keys.
        time.sleep(1)
        os.write(ours, leave.encode())
        assert child.wait(60) == (130 if leave == "\x03" else 0)
        assert "Traceback" not in _read(ours, "Traceback", seconds=1)
    finally:
        child.kill()
        child.wait()
        os.close(ours)
