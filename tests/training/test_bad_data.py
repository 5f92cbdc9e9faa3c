"""`lcirc train` on bad data: one line with file and line, and no run that was begun."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ..conftest import Outcome
from .conftest import write_planted

Command = Callable[..., list[str]]
BAD = {
    "broken JSON": ("qa", '{"document_id": "d0", '),
    "missing offsets": ("qa", '{"document_id": "d0", "question": "q", "answers": ["a"]}'),
    "an answer outside the document": (
        "qa",
        json.dumps(
            {"document_id": "d0", "question": "q", "answers": ["a"], "evidence": [[0, 99999]]}
        ),
    ),
    "an empty document": ("documents", '{"id": "new", "text": ""}'),
}


@pytest.mark.parametrize("place", ["--data", "--validation"])
@pytest.mark.parametrize("kind", BAD)
def test_bad_data_are_refused_before_training_starts(
    cli: Callable[..., Outcome],
    train_command: Command,
    planted: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    place: str,
) -> None:
    monkeypatch.setenv("LCIRC_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("LCIRC_OFFLINE", "1")
    bad = write_planted(tmp_path / "bad", documents=3, seed=1).folder
    name, line = BAD[kind]
    with (bad / f"{name}.jsonl").open("a") as file:
        file.write(line + "\n")
    out = tmp_path / "run"
    command = train_command(out, steps=2)
    if place == "--data":
        command[command.index("--data") + 1] = str(bad)
    else:
        command += ["--validation", str(bad)]
    done = cli(*command[3:])
    assert done.status == 3
    assert f"{bad / name}.jsonl:4: " in done.err
    assert len(done.err.strip().splitlines()) == 1
    assert not (out / "log.jsonl").exists() and not (out / "config.toml").exists()
