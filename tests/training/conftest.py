"""Small documents with planted facts, and a tiny model on disk to train an adapter for."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lcirc_cli.training.data.corpus import Corpus, load_corpus
from lcirc_cli.training.data.samples import Sample, Sampler
from lcirc_cli.training.settings import TrainSettings

from ..conftest import Outcome

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


# `train_command(out, **settings)` makes a command line, `here(line, *more)` runs it.
Command = Callable[..., list[str]]
Line = Callable[..., Outcome]


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


def make_sampler(
    corpus: Corpus, *, lengths: tuple[int, int] = (256, 256), **settings: Any
) -> Sampler:
    """A sampler of a run with these settings."""
    return Sampler(corpus, TrainSettings(**settings), lengths=lengths)


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
def train_command(tiny_folder: Path, planted: Planted) -> Command:
    """The command line of a tiny run: `train_command(out, steps=8, data=folder, **settings)`."""

    def command(
        out: Path, *, steps: int = 8, data: Path = planted.folder, **settings: Any
    ) -> list[str]:
        merged = {**TINY, "checkpoint_every": 2, "documents": 2, "questions": 2, **settings}
        pairs = [f"{key}={json.dumps(value)}" for key, value in merged.items()]
        return [
            *(sys.executable, "-m", "lcirc_cli", "train", "--model", str(tiny_folder)),
            *("--data", str(data), "--out", str(out), "--steps", str(steps)),
            *(word for pair in pairs for word in ("--set", pair)),
        ]

    return command


@pytest.fixture
def here(cli: Callable[..., Outcome], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Line:
    """Run a command line made by `train_command` in this process."""
    monkeypatch.setenv("LCIRC_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("LCIRC_OFFLINE", "1")
    return lambda command, *more: cli(*command[3:], *more)


def run_child(
    command: list[str], tmp_path: Path, *, timeout: float = 300
) -> subprocess.CompletedProcess[str]:
    """Run a command line as a process of its own."""
    return subprocess.run(
        command,
        env={**os.environ, "LCIRC_CACHE": str(tmp_path / "cache"), "LCIRC_OFFLINE": "1"},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def as_two_processes(command: list[str]) -> list[str]:
    """The same command line, shared by two processes."""
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    return [*launch, *command[1:]]


@pytest.fixture
def two_here(lcirc_child: Callable[..., Any], tmp_path: Path) -> Line:
    """Run a command line made by `train_command` in two processes, as torchrun would."""
    from torch.distributed import TCPStore

    def run(command: list[str], *more: str) -> Outcome:
        store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
        group = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(store.port)}
        group |= {"TORCHELASTIC_USE_AGENT_STORE": "True", "LCIRC_CACHE": str(tmp_path / "cache")}
        ranks = [{**group, "RANK": rank, "LOCAL_RANK": rank} for rank in "01"]
        children = [lcirc_child(*command[3:], *more, env=rank) for rank in ranks]
        first, second = (child.finish() for child in children)
        return Outcome(first.status or second.status, first.out, first.err + second.err)

    return run


def checkpoint_tensors(out: Path, step: int) -> dict[str, Any]:
    """The tensors of a run's checkpoint."""
    from safetensors.torch import load_file

    return load_file(out / "checkpoints" / f"step-{step:08d}" / "tensors.safetensors")


def tokens_of(corpus: Corpus, sample: Sample) -> list[int]:
    """What a sample shows of its documents."""
    ids: list[int] = []
    for part in sample.parts:
        ids += corpus.documents[part.document].ids_N[part.start : part.end].tolist()
    return ids


@pytest.fixture
def corpus(tmp_path: Path, tiny_backbone: Callable[..., Any]) -> tuple[Corpus, Any]:
    """Five long documents with their facts, and the backbone whose tokens they are in."""
    backbone = tiny_backbone()
    planted = write_planted(tmp_path / "long", documents=5, words=120)
    return load_corpus([planted.folder], backbone), backbone
