"""`lcirc train` on bad data: one line with file and line, and no run that was begun."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ..conftest import Outcome
from .conftest import Command, Line, write_planted


def _asked(**fields: object) -> str:
    row = {"document_id": "d0", "question": "q", "answers": ["a"], "evidence": [[0, 3]]}
    return json.dumps({**row, **fields})


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
    "a turn without an answer": ("qa", _asked(history=[{"role": "user", "text": "Who?"}])),
    "turns that are no turns": ("qa", _asked(history=["Who?", "The master."])),
    "a type that is no text": ("qa", _asked(type=3)),
}


@pytest.mark.parametrize("place", ["--data", "--validation"])
@pytest.mark.parametrize("kind", BAD)
def test_bad_data_are_refused_before_training_starts(
    here: Line, train_command: Command, tmp_path: Path, kind: str, place: str
) -> None:
    bad = write_planted(tmp_path / "bad", documents=3, seed=1).folder
    name, line = BAD[kind]
    with (bad / f"{name}.jsonl").open("a") as file:
        file.write(line + "\n")
    out = tmp_path / "run"
    if place == "--data":
        done = here(train_command(out, steps=2, data=bad))
    else:
        done = here(train_command(out, steps=2), place, str(bad))
    assert done.status == 3
    assert f"{bad / name}.jsonl, line 4: " in done.err
    assert len(done.err.strip().splitlines()) == 1
    assert not (out / "log.jsonl").exists() and not (out / "config.toml").exists()


def test_two_files_of_one_kind_are_ambiguous(
    here: Line,
    cli: Callable[..., Outcome],
    train_command: Command,
    tiny_folder: Path,
    tmp_path: Path,
) -> None:
    """Neither training nor the benchmark may choose one: they could differ."""
    data = write_planted(tmp_path / "both", documents=3).folder
    packed = gzip.compress((data / "qa.jsonl").read_bytes())
    (data / "qa.jsonl.gz").write_bytes(packed)
    trained = here(train_command(tmp_path / "run", steps=1, data=data))
    model = ("--model", tiny_folder)
    asked = cli("bench", "run", f"qa:{data}", "-s", "constant", *model, "--out", tmp_path / "b")
    for done in (trained, asked):
        assert done.status == 3
        assert "both qa.jsonl and qa.jsonl.gz" in done.err
