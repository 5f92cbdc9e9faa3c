"""Small documents with planted facts, and a tiny model on disk to train an adapter for."""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

WORDS = [
    "river",
    "stone",
    "winter",
    "market",
    "letter",
    "garden",
    "morning",
    "silver",
    "captain",
    "window",
    "forest",
    "bridge",
]
TINY = {
    "adapter.segment_length": 16,
    "adapter.max_segment_length": 32,
    "adapter.feature_window": 64,
    "adapter.num_latents": 4,
    "autocast": "float32",
}


@dataclass(frozen=True)
class Planted:
    """A folder in the documents + qa form; the answer of document i is `answers[i]`."""

    folder: Path
    answers: list[str]


def write_planted(folder: Path, *, documents: int, words: int = 24, seed: int = 0) -> Planted:
    """Documents of filler with one fact each, at a random place, and a question about it."""
    rng = random.Random(seed)
    codes = rng.sample(range(10, 100), documents)
    folder.mkdir(parents=True, exist_ok=True)
    texts, questions = [], []
    for index, code in enumerate(codes):
        filler = [rng.choice(WORDS) for _ in range(words)]
        fact = f"The code is {code}."
        place = rng.randrange(words)
        text = " ".join([*filler[:place], fact, *filler[place:]])
        start = text.index(fact)
        texts.append({"id": f"d{index}", "title": "", "text": text, "source": "", "license": ""})
        questions.append(
            {
                "document_id": f"d{index}",
                "question": "What is the code?",
                "answers": [str(code)],
                "evidence": [[start, start + len(fact)]],
            }
        )
    for name, rows in (("documents", texts), ("qa", questions)):
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / f"{name}.jsonl").write_text(lines, "utf-8")
    return Planted(folder, [str(code) for code in codes])


@pytest.fixture
def planted(tmp_path: Path) -> Planted:
    return write_planted(tmp_path / "planted", documents=6)


@pytest.fixture
def tiny_folder(tmp_path: Path, tiny_backbone: Callable[..., Any]) -> Path:
    """The tiny backbone as a model folder."""
    backbone = tiny_backbone()
    folder = tmp_path / "tiny-llama"
    backbone.lm.save_pretrained(folder)
    backbone.tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def train_command(tiny_folder: Path, planted: Planted) -> Callable[..., list[str]]:
    """The command line of a tiny run: `train_command(out, steps=8, **settings)`."""

    def command(out: Path, *, steps: int = 8, **settings: Any) -> list[str]:
        merged = {**TINY, "checkpoint_every": 2, "documents": 2, "questions": 2, **settings}
        pairs = [f"{key}={json.dumps(value)}" for key, value in merged.items()]
        return [
            *(sys.executable, "-m", "lcirc_cli", "train", "--model", str(tiny_folder)),
            *("--data", str(planted.folder), "--out", str(out), "--steps", str(steps)),
            *(word for pair in pairs for word in ("--set", pair)),
        ]

    return command
