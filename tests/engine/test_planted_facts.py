"""A tiny adapter that has learned 10 documents by heart answers from their memory files alone.

The question is the same for all of them and the window holds nothing else, so what an answer says
can only have come through the memory.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from .tiny import WORDS

Run = Callable[..., Any]
DOCUMENTS = 10
QUESTION = "What is the code?"
SETTINGS: dict[str, Any] = {
    "adapter.segment_length": 32,
    "adapter.max_segment_length": 32,
    "adapter.feature_window": 64,
    "adapter.num_latents": 4,
    "autocast": "float32",
    "documents": 5,
    "unanswerable": 0.0,
    "learning_rate": 3e-3,
    "gate_learning_rate": 3e-2,
    "checkpoint_every": 1000,
}
STEPS = 130


def plant(folder: Path) -> list[str]:
    """0.txt, 1.txt, ... with one code each, the files to train on, and the codes."""
    rng = random.Random(0)
    codes = [str(code) for code in rng.sample(range(10, 100), DOCUMENTS)]
    documents, questions = [], []
    for name, code in enumerate(codes):
        fact = f"The code is {code}."
        words = [rng.choice(WORDS) for _ in range(60)]
        words.insert(rng.randrange(60), fact)
        text = " ".join(words)
        (folder / f"{name}.txt").write_text(text, "utf-8")
        documents.append({"id": str(name), "text": text})
        span = [text.index(fact), text.index(fact) + len(fact)]
        questions.append(
            {"document_id": str(name), "question": QUESTION, "answers": [code], "evidence": [span]}
        )
    for name, rows in (("documents", documents), ("qa", questions)):
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / f"{name}.jsonl").write_text(lines, "utf-8")
    return codes


def share_right(answers: Sequence[str], codes: Sequence[str]) -> float:
    return sum(map(str.__eq__, answers, codes)) / len(codes)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LCIRC_CACHE", str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture
def learned(cli: Run, here: Path, backbone_folder: Path) -> tuple[list[str], list[Any]]:
    """The codes, and the options of a model with an adapter that was trained on them."""
    codes = plant(here)
    model = ["--model", backbone_folder, "--dtype", "float32", "--quiet"]
    pairs = [f"{key}={json.dumps(value)}" for key, value in SETTINGS.items()]
    assignments = [word for pair in pairs for word in ("--set", pair)]
    done = cli("train", "--data", here, "--out", "run", "--steps", STEPS, *assignments, *model)
    assert done.status == 0, done.err
    return codes, [*model, "--adapter", "run/best"]


def test_facts_are_read_from_the_memory_file(
    cli: Run, here: Path, learned: tuple[list[str], list[Any]]
) -> None:
    codes, models = learned
    for name in range(DOCUMENTS):
        assert cli("ingest", f"{name}.txt", *models).status == 0
        (here / f"{name}.txt").unlink()  # what is answered comes from the memory file

    def ask(memory: int, method: str) -> str:
        question = ["-q", QUESTION, "--window", "none", "--method", method, "--json"]
        done = cli("ask", f"{memory}.lcirc", *question, "--max-new-tokens", 6, *models)
        assert done.status == 0, done.err
        return str(json.loads(done.out)["answer"])

    for method in ("qd-lcirc", "lcirc"):
        answers = [ask(memory, method) for memory in range(DOCUMENTS)]
        assert share_right(answers, codes) >= 0.9, (method, answers)
        another = [*answers[1:], answers[0]]  # each document asked with its neighbour's memory
        assert share_right(another, codes) <= 0.1, (method, another)
    assert share_right([ask(0, "none")] * DOCUMENTS, codes) <= 0.1
