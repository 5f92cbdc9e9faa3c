"""A long question shows a sign of life on a terminal, which is gone before the answer."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lcirc_cli import Engine
from lcirc_cli.commands import waiting
from lcirc_cli.memory.file import save_memory

from ..engine.tiny import ingest
from .terminal import on_terminal

DOING = "reading the question"


def test_until_the_first_words_of_an_answer(
    engine: Engine, models: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_memory(tmp_path / "m.lcirc", ingest(engine, 1))
    ask = Engine.ask

    def slow(self: Engine, *arguments: Any, **options: Any) -> Any:
        time.sleep(0.5)
        return ask(self, *arguments, **options)

    monkeypatch.setattr(Engine, "ask", slow)
    monkeypatch.setattr(waiting, "_AFTER", 0.01)
    words = ["ask", tmp_path / "m.lcirc", "Who carries silver?", "--max-new-tokens", 4, *models]
    status, shown = on_terminal(words)
    assert status == 0 and shown.count(DOING) >= 1
    drawn, answer = shown[: shown.rindex(DOING)], shown[shown.rindex(DOING) :]
    assert "[1] 1.txt" not in drawn and "[1] 1.txt" in answer
    assert "\x1b[2K" in answer[: answer.index("[1]")]  # its line is wiped
    assert re.search(r"0:00:0\d", shown)
    assert DOING not in on_terminal([*words, "--quiet"])[1]


def test_a_quick_answer_shows_none_and_a_pipe_never(
    engine: Engine, models: list[Any], tmp_path: Path, cli: Callable[..., Any]
) -> None:
    save_memory(tmp_path / "m.lcirc", ingest(engine, 1))
    words = ["ask", tmp_path / "m.lcirc", "Who carries silver?", "--max-new-tokens", 1, *models]
    done = cli(*words)
    assert done.status == 0 and DOING not in done.err
    with waiting.waiting(DOING) as end:
        end()
        end()
