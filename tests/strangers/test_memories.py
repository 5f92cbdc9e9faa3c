"""150 memory files that are signed and wrong: one line, exit 2 to 5, at once and in little space,
in every command."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lcirc_cli import Engine
from lcirc_cli.memory.file import save_memory

from ..engine.tiny import ingest
from .measured import measured
from .memories import UNREAD, resigned

SEED, ALL, FEW = 23, 150, 25


@pytest.fixture
def valid(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small memory; commands ask it with the tiny engine, which is loaded once."""
    path = tmp_path / "valid.lcirc"
    save_memory(path, ingest(engine, 1))
    for command in ("opening", "syncing"):
        monkeypatch.setattr(f"lcirc_cli.commands.{command}.load_engine", lambda *_: engine)
    for command in ("opening", "ingest", "syncing"):
        monkeypatch.setattr(f"lcirc_cli.commands.{command}.find_models", lambda *_, **__: None)
    monkeypatch.chdir(tmp_path)
    return path


@pytest.mark.parametrize("count", [FEW, pytest.param(ALL, marks=pytest.mark.slow)])
def test_resigned_memories_are_refused(count: int, valid: Path, cli: Callable[..., Any]) -> None:
    assert cli("ask", valid, "Who carries silver?", "--max-new-tokens", 4).status == 0
    wrong = []
    document = valid.with_name("more.txt")
    document.write_text("More words for the memory.")
    seen = 0
    for name, data in resigned(valid, seed=SEED, count=count):
        seen += 1
        path = valid.with_name("bad.lcirc")
        path.write_bytes(data)
        for words in (
            ("ask", path, "Who carries silver?", "--max-new-tokens", 4),
            ("info", path),
            ("ingest", document, "--append", "-o", path),
        ):
            done, cost = measured(lambda words=words: cli(*words))
            last = done.err.strip().splitlines()[-1:]
            # `info` tells what is in a file: whether it fits a model is for `ask` to say.
            unread = words[0] == "ask" and name.startswith(tuple(f"{part}[" for part in UNREAD))
            unread = unread or name.startswith("token_ids[")  # the model's part of the check
            allowed = (0, 5) if words[0] == "info" or unread else (2, 3, 4, 5)
            if (
                done.status not in allowed
                or "unexpected" in done.err
                or "Traceback" in done.err
                or cost.is_too_much
            ):
                wrong.append((name, words[0], done.status, cost, last))
    assert seen == count
    assert wrong == []
