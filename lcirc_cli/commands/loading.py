"""Memories and the engine that answers from them, for commands that ask."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lcirc_cli import console
from lcirc_cli.commands.common import load_engine
from lcirc_cli.commands.reader import tell
from lcirc_cli.commands.ready import find_models
from lcirc_cli.endpoints.settings import ReaderSettings
from lcirc_cli.memory.header import read_header
from lcirc_cli.settings import CommonSettings

if TYPE_CHECKING:
    from lcirc_cli.engine import Engine
    from lcirc_cli.memory.contents import MemoryContents


def load_all(
    paths: Sequence[Path], settings: CommonSettings, reader: ReaderSettings | None
) -> tuple[Engine, list[MemoryContents]]:
    """The memories first: a damaged one is told before a model is loaded.

    Before torch is imported, which takes seconds, whatever headers and configs can tell.
    """
    console.status("loading ...")
    models = find_models(settings)
    for path in paths:
        if models is None:
            read_header(path)
        else:
            models.check(path)
    from lcirc_cli.memory.file import load_memory

    console.status("loading the memory ...")
    start = time.perf_counter()
    memories = [load_memory(path) for path in paths]
    memories_s = time.perf_counter() - start
    console.status(f"loading the model {settings.model} ...")
    engine = load_engine(settings, reader)
    engine.load_s += memories_s
    for path, memory in zip(paths, memories, strict=True):
        engine.check(memory, name=str(path))
    if reader is not None:
        tell(reader)
    elif remark := _about(engine):
        console.note(remark)
    return engine, memories


def _about(engine: Engine) -> str | None:
    """One line where the adapter adds nothing to the answers."""
    if not engine.adapter.has_open_gates and engine.adapter.adapter.reader is not None:
        return "the adapter has a reader and no trained memory: answers rest on the window alone"
    if not engine.adapter.has_open_gates:
        return "the adapter is untrained and its gates are closed: answers rest on the window alone"
    if not engine.adapter.config.trained:
        return "the adapter is untrained: what it injects means nothing yet"
    return None
