"""Documents are read and compressed as steps of a pipeline; what fails is noted, the rest goes on.

Knows nothing about how tasks are dealt out.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lcirc_cli.compression.kept import Kept
from lcirc_cli.documents import Document, Source, WholeReader, read_document
from lcirc_cli.engine import Engine
from lcirc_cli.errors import DocumentError, LcircError, StorageError, first_line
from lcirc_cli.executors.trove import Document as Trove
from lcirc_cli.executors.trove import PipelineStep
from lcirc_cli.files import exists, make_folder, readers
from lcirc_cli.files.locks import locked
from lcirc_cli.memory.container import begins_as_memory
from lcirc_cli.memory.file import save_memory
from lcirc_cli.settings import CommonSettings

Documents = Iterator[Trove]


@dataclass(frozen=True)
class Item:
    """A document, and where its memory goes."""

    source: Source
    target: Path


@dataclass(frozen=True)
class Compressing:
    """What compresses.

    Attributes:
        recipe: kept in each memory; "" if unknown.
        threads: of torch in each process; None: as many as it takes.
    """

    settings: CommonSettings
    recipe: str
    threads: int | None


class ReadDocuments(PipelineStep):  # type: ignore[misc]
    """Reads this task's documents; one that can't be read goes on with the reason."""

    type = "lcirc"
    name = "read"

    def __init__(self, items: Sequence[Item], *, ocr: str) -> None:
        super().__init__()
        self._items, self._ocr = items, ocr

    def run(self, data: Documents | None = None, rank: int = 0, world_size: int = 1) -> Documents:
        """Every so many-th document is of this task: large ones often stand together."""
        password = os.environ.get("LCIRC_PASSWORD")
        with WholeReader() as reader:
            for item in self._items[rank::world_size]:
                trove = Trove(text="", id=item.source.name, metadata={"target": item.target})
                try:
                    document = read_document(
                        item.source, password=password, reader=reader, ocr=self._ocr
                    )
                except DocumentError as error:
                    trove.metadata["failed"] = str(error)
                else:
                    trove.metadata["document"] = document
                    trove.metadata["path"] = item.source.path
                yield trove


class MakeMemories(PipelineStep):  # type: ignore[misc]
    """Compresses each document into a memory of its own, and keeps a line about each."""

    type = "lcirc"
    name = "compress"

    def __init__(self, models: Compressing, results: Path) -> None:
        super().__init__()
        self._models, self._results = models, results

    def run(self, data: Documents, rank: int = 0, world_size: int = 1) -> Documents:
        """Nothing is passed on."""
        with (self._results / f"{rank:05d}.jsonl").open("w", encoding="utf-8") as told:
            for trove in data:
                failed = trove.metadata.get("failed") or self._make(trove.metadata)
                line = json.dumps({"name": trove.id, "failed": failed})
                told.write(line + "\n")
                told.flush()
        yield from ()

    def _make(self, of: dict[str, Any]) -> str | None:
        """Why there is no memory of it; None where there is."""
        engine = _engine(self._models)
        document: Document = of["document"]
        try:
            _compress(engine, document, of["target"], path=of["path"], recipe=self._models.recipe)
        except LcircError as error:
            return str(error) if document.name in str(error) else f"{document.name}: {error}"
        except Exception as error:  # of one document among many
            told = f"unexpected {type(error).__name__}: {first_line(error)}"
            return f"{document.name}: {told}"
        return None


def _compress(engine: Engine, document: Document, target: Path, *, path: Path, recipe: str) -> None:
    make_folder(target.parent)
    if exists(target) and not begins_as_memory(target):
        raise StorageError(f"{target} is there and is no memory file; remove it")
    with locked(target):
        kept = Kept(Path(f"{target}.partial"), engine.fingerprints, engine.memory_settings)
        contents = engine.ingest([document], kept=kept)
        save_memory(target, replace(contents, recipe=recipe), allowed=readers([path]))
        kept.remove()


_engines: dict[str, Engine] = {}  # of this process: the one of the latest settings


def _engine(models: Compressing) -> Engine:
    """Raises ModelError and the like: without a model every document would fail."""
    settings, name = models.settings, str(models.settings)
    if name not in _engines:
        import torch

        if models.threads is not None:
            torch.set_num_threads(models.threads)
        _engines.clear()
        _engines[name] = Engine.load(settings.model, settings.adapter, **settings.loading)
    return _engines[name]
