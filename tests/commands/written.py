"""Documents that a test writes, and what a memory holds."""

from __future__ import annotations

from pathlib import Path

from lcirc_cli.memory.file import load_memory

from ..engine.tiny import make_text


def write(name: str, seed: int = 1, *, words: int = 200) -> Path:
    path = Path(name)
    path.parent.mkdir(exist_ok=True)
    path.write_text(make_text(seed, words=words), "utf-8")
    return path


def names(memory: str) -> list[str]:
    return [document.name for document in load_memory(memory).documents]
