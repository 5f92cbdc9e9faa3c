"""The default model with a random adapter and open gates: the figures that must hold exactly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from lcirc_cli import Engine
from lcirc_cli.adapters.loading import load_adapter
from lcirc_cli.documents import Document, read_document
from lcirc_cli.memory.file import load_memory, save_memory

from .tiny import save_adapter

QUESTION = "Which file is the contract of the command line?"


@pytest.fixture
def document(repository: Path, tmp_path: Path) -> Document:
    """The definitions of the licence, about 1,000 tokens."""
    path = tmp_path / "license.txt"
    path.write_text((repository / "LICENSE").read_text("utf-8")[:5000], "utf-8")
    return read_document(path)


@pytest.fixture(scope="module")
def open_engine(smollm2: Any, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    bare = Engine(smollm2, load_adapter(None, smollm2))
    folder = save_adapter(tmp_path_factory.mktemp("adapter"), bare)
    return Engine(smollm2, load_adapter(str(folder), smollm2))


def test_a_saved_memory_answers_like_a_fresh_one(
    open_engine: Engine, document: Document, tmp_path: Path
) -> None:
    fresh = open_engine.ingest([document])
    save_memory(tmp_path / "license.lcirc", fresh)
    saved = load_memory(tmp_path / "license.lcirc")
    assert torch.equal(saved.states[:], open_engine.ingest([document]).states[:])
    answers = set()
    for method in ("qd-lcirc", "lcirc", "none"):
        options: dict[str, Any] = {"method": method, "window": "none", "max_new_tokens": 8}
        answer = open_engine.ask(saved, QUESTION, **options).answer
        assert answer == open_engine.ask(fresh, QUESTION, **options).answer
        answers.add(answer)
    assert len(answers) == 3


def test_the_bare_model_reads_its_evidence(smollm2: Any, document: Document) -> None:
    engine = Engine(smollm2, load_adapter(None, smollm2))
    memory = engine.ingest([document])
    question = "What does Contributor mean?"
    answer = engine.ask(memory, question, method="none", max_new_tokens=24)
    assert answer.found and "Licensor" in answer.answer + answer.citations[0].quote
    assert answer.tokens.window < 700 and answer.tokens.memory == 0
    both = [question, "What is a Work?"]
    together = engine.ask_many(memory, both, method="none", max_new_tokens=24)
    assert next(iter(together)).answer == answer.answer
