"""Adapter and model folders, files of questions and of data: one line, exit 2 to 4, at once and
in little space."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lcirc_cli import Engine
from lcirc_cli.memory.file import save_memory
from lcirc_cli.qa.form import read_folder

from ..engine.tiny import ingest
from .folders import ADAPTERS, MODELS, folders
from .measured import Cost, measured
from .rows import QUESTIONS, ROWS, data_folders, question_files

SEED, FEW = 23, 8


def chosen(number: int, *, of: int) -> set[int]:
    return set(random.Random(SEED).sample(range(of), number))


def complaint(
    name: str, run: Callable[[], Any], allowed: tuple[int, ...]
) -> tuple[str, int, Cost, str] | None:
    """What is wrong with how something was refused; None where nothing is."""
    done, cost = measured(run)
    bad = "unexpected" in done.err or "Traceback" in done.err
    if done.status in allowed and not cost.is_too_much and not bad:
        return None
    return name, done.status, cost, done.err[-300:]


@pytest.mark.parametrize(
    "count", [FEW, pytest.param(len(MODELS) + len(ADAPTERS), marks=pytest.mark.slow)]
)
def test_folders_of_strangers(
    count: int,
    backbone_folder: Path,
    adapter_folder: Path,
    tmp_path: Path,
    cli: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.stdin", None)  # a question about code gets no answer
    document = tmp_path / "a.txt"
    document.write_text("A few words about bread.")
    wanted, wrong = chosen(count, of=len(MODELS) + len(ADAPTERS)), []
    for number, (name, model, adapter) in enumerate(
        folders(backbone_folder, adapter_folder, tmp_path)
    ):
        if number in wanted:
            words = ["--model", model, "--dtype", "float32", "--offline"]
            made = ["ingest", document, "-o", tmp_path / f"{number}.lcirc", *words]
            if "template" not in name:
                made += ["--adapter", adapter]
            else:  # what comes without an adapter takes the model's own form
                assert cli(*made).status == 0
                made = ["ask", made[3], "Who carries silver?", "--max-new-tokens", 2, *words]
            wrong.append(complaint(name, lambda made=made: cli(*made), (4,)))
            assert not (model / "ran").exists(), name
    assert [each for each in wrong if each] == []


@pytest.mark.parametrize("count", [FEW, pytest.param(len(QUESTIONS), marks=pytest.mark.slow)])
def test_files_of_questions(
    count: int,
    engine: Engine,
    tmp_path: Path,
    cli: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    memory = tmp_path / "m.lcirc"
    save_memory(memory, ingest(engine, 1))
    monkeypatch.setattr("lcirc_cli.commands.opening.load_engine", lambda *_: engine)
    monkeypatch.setattr("lcirc_cli.commands.opening.find_models", lambda *_, **__: None)
    wanted, wrong = chosen(count, of=len(QUESTIONS)), []
    for number, (name, path) in enumerate(question_files(tmp_path)):
        if number in wanted:
            words = ["ask", memory, "--questions", path, "--max-new-tokens", 2]
            wrong.append(complaint(name, lambda words=words: cli(*words), (2,)))
    assert [each for each in wrong if each] == []


@pytest.mark.parametrize("number", range(len(ROWS)), ids=list(ROWS))
def test_rows_of_strangers(number: int, tmp_path: Path) -> None:
    """Training, bench and scripts read them by the same function."""
    from lcirc_cli.errors import DocumentError

    name, folder = list(data_folders(tmp_path))[number]

    def read() -> DocumentError:
        with pytest.raises(DocumentError, match="line 1") as caught:
            _, asked = read_folder(folder)
            list(asked)
        return caught.value

    error, cost = measured(read)
    assert error.exit_code == 3 and "\n" not in str(error), name
    assert not cost.is_too_much, cost
