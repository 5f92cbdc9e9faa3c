"""What `lcirc ask` is asked of: memory files, and documents that nobody has ingested.

A document is read as `ingest` reads it, and what a question needs of it is computed when it is
asked. Where an up-to-date memory of it lies beside it, that is asked instead. Writes no file.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lcirc_cli import console
from lcirc_cli.commands.common import load_engine, uncollected
from lcirc_cli.commands.memories import SUFFIX, is_memory, memory_beside
from lcirc_cli.commands.reader import tell
from lcirc_cli.commands.reading import read_sources
from lcirc_cli.commands.ready import Models, find_models, is_up_to_date
from lcirc_cli.console import counted
from lcirc_cli.endpoints.settings import ReaderSettings
from lcirc_cli.files import exists
from lcirc_cli.memory.header import read_header
from lcirc_cli.settings import CommonSettings

if TYPE_CHECKING:
    from lcirc_cli.engine import Engine
    from lcirc_cli.memory.contents import MemoryContents


def load(
    paths: Sequence[Path],
    settings: CommonSettings,
    reader: ReaderSettings | None,
    *,
    password_file: Path | None,
) -> tuple[Engine, list[MemoryContents]]:
    """The memories first: a damaged one is told before a model is loaded.

    Before torch is imported, which takes seconds, whatever headers, configs and documents can tell.

    Args:
        paths: memory files, documents and folders.
        password_file: opens locked PDFs.
    """
    from lcirc_cli.documents import collect_sources

    console.status("loading ...")
    files, documents = [path for path in paths if is_memory(path)], []
    unread = [path for path in paths if not is_memory(path)]
    collect_sources([str(path) for path in unread])  # what is missing is told at once
    models = find_models(settings)
    for path in files:
        if models is None:
            read_header(path)
        else:
            models.check(path)
    known = models or (find_models(settings, cached=True) if unread else None)
    for path in unread:
        made = None if known is None else _memory_of(path, known, ocr=settings.ocr)
        if made is None:
            documents.append(path)
        else:
            files.append(made)
    start = time.perf_counter()
    reading = None
    if documents:
        sources = collect_sources([str(path) for path in documents])
        reading = read_sources(
            sources, named=set(documents), password_file=password_file, ocr=settings.ocr
        )
    console.status("loading the memory ...")
    with uncollected():
        from lcirc_cli.memory.file import load_memory

        memories = [load_memory(path) for path in files]
    memories_s = time.perf_counter() - start
    console.status(f"loading the model {settings.model} ...")
    engine = load_engine(settings, reader)
    for path, memory in zip(files, memories, strict=True):
        engine.check(memory, name=str(path))
    if reading is not None:
        console.status("counting words ...")
        start = time.perf_counter()
        memories.append(engine.open(reading.documents))
        memories_s += time.perf_counter() - start
        _tell_unread(documents, memories[-1])
    engine.load_s += memories_s
    if reader is not None:
        tell(reader)
    elif remark := _about(engine):
        console.note(remark)
    return engine, memories


def _memory_of(path: Path, models: Models, *, ocr: str) -> Path | None:
    """The memory beside a document or folder, where it holds that as it is now."""
    from lcirc_cli.documents import collect_sources

    target = memory_beside(path)
    if not exists(target):
        return None
    found = collect_sources([str(path)])
    if is_up_to_date(target, found, pages=None, ocr=ocr, models=models, append=False):
        console.note(f"{target} holds {path.name} as it is; that is asked")
        return target
    console.note(f"{target} does not hold {path.name} as it is now; {path.name} is read")
    return None


def _tell_unread(paths: Sequence[Path], memory: MemoryContents) -> None:
    """One line: what was read, and how to have it computed once."""
    count = len(memory.documents)
    what = paths[0].name if len(paths) == 1 else counted(count, "document")
    within = f" of {counted(count, 'document')}" if len(paths) == 1 and count > 1 else ""
    # Several need a name for their memory, and may be too many for a line.
    given = str(paths[0]) if len(paths) == 1 else f"... -o OUT{SUFFIX}"
    console.note(
        f"{what}: {counted(len(memory.token_ids), 'token')}{within} read; a question computes the "
        f"segments that it needs: lcirc ingest {given} computes all, and keeps it"
    )


def _about(engine: Engine) -> str | None:
    """One line where the adapter adds nothing to the answers."""
    if not engine.adapter.has_open_gates and engine.adapter.adapter.reader is not None:
        return "the adapter has a reader and no trained memory: answers rest on the window alone"
    if not engine.adapter.has_open_gates:
        return "the adapter is untrained and its gates are closed: answers rest on the window alone"
    if not engine.adapter.config.trained:
        return "the adapter is untrained: what it injects means nothing yet"
    return None
