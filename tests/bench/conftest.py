"""Tiny models, the command `lcirc bench`, and small data files in the published forms."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from lcirc_cli import Engine
from lcirc_cli.bench.systems import Workbench

from ..engine.tiny import SMALL, make_text, save_adapter, save_backbone
from .reported import save_run
from .runs import SYSTEMS


@pytest.fixture(scope="session")
def backbone_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_backbone(tmp_path_factory.mktemp("backbone"), chat=True)


@pytest.fixture(scope="session")
def adapter_folder(tmp_path_factory: pytest.TempPathFactory, backbone_folder: Path) -> Path:
    engine = Engine.load(str(backbone_folder), dtype="float32", offline=True)
    return save_adapter(tmp_path_factory.mktemp("adapter"), engine, **SMALL)


@pytest.fixture(scope="session")
def workbench(backbone_folder: Path, adapter_folder: Path) -> Workbench:
    engine = Engine.load(
        str(backbone_folder), str(adapter_folder), dtype="float32", device="cpu", offline=True
    )
    return Workbench(engine)


@pytest.fixture
def bench_cli(cli: Callable[..., Any]) -> Callable[..., Any]:
    """`bench_cli("run", ...)`: one command line of `lcirc bench` in this process."""
    return lambda *arguments: cli("bench", *arguments)


def write_lines(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def qa_folder(tmp_path: Path) -> Path:
    """Three documents of different lengths, two questions about each and one without an answer."""
    folder = tmp_path / "qa"
    documents, questions = [], []
    for number, words in enumerate((60, 300, 900)):
        text = f"The ferry number {number} is blue. " + make_text(number, words)
        documents.append({"id": f"d{number}", "title": "t", "text": text})
        questions += [
            {
                "document_id": f"d{number}",
                "question": f"What colour is the ferry number {number}?",
                "answers": ["blue"],
                "evidence": [[0, 29]],
            },
            {"document_id": f"d{number}", "question": "Who is Ada?", "answers": [], "evidence": []},
        ]
    write_lines(folder / "documents.jsonl", documents)
    write_lines(folder / "qa.jsonl", questions)
    return folder


@pytest.fixture
def data_folder(tmp_path: Path) -> Path:
    """One small file of each benchmark in its published form."""
    folder = tmp_path / "data"
    long, short = make_text(7, 900), make_text(8, 40)
    write_lines(
        folder / "infinitebench" / "longbook_qa_eng.jsonl",
        [{"id": 3, "context": long, "input": "Who rang?", "answer": ["Ada"], "options": []}],
    )
    write_lines(
        folder / "infinitebench" / "longbook_choice_eng.jsonl",
        [
            {
                "id": i,
                "context": text,
                "input": "Who rang?",
                "answer": answer,
                "options": ["Ada", "Ben", "Cy", "Di"],
            }
            for i, (text, answer) in enumerate([(long, ["Ben"]), (short, ["Cy", "C"])])
        ],
    )
    write_lines(
        folder / "longbench" / "qasper.jsonl",
        [
            {"input": "Why?", "context": text, "answers": ["so"], "_id": str(i), "length": 9}
            for i, text in enumerate([long, short, ""])
        ],
    )
    write_lines(
        folder / "leval" / "sci_fi.jsonl",
        [
            {
                "input": long,
                "instructions": [
                    "Is it so, True or False? Answer this question based on the world described "
                    "in the document."
                ],
                "outputs": ["True [fact: False]"],
                "source": "x",
                "evaluation": "exam",
            }
        ],
    )
    return folder


@pytest.fixture
def arguments(
    qa_folder: Path, backbone_folder: Path, adapter_folder: Path
) -> Callable[..., list[str]]:
    """`arguments(out, *tasks, systems=SYSTEMS)`: of a run; without tasks about `qa_folder`."""

    def make(out: Path, *tasks: str, systems: Sequence[str] = SYSTEMS) -> list[str]:
        given = ["--model", str(backbone_folder), "--adapter", str(adapter_folder)]
        given += ["--dtype", "float32", "--device", "cpu", "--offline"]
        given += ["--window", "640", "--evidence", "64"]
        for system in systems:
            given += ["--system", system]
        return [*(tasks or [f"qa:{qa_folder}"]), *given, "--out", str(out)]

    return make


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """A run to make reports of."""
    return save_run(tmp_path)
