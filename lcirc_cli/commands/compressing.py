"""Compressing documents, in this process or in several; what is done is kept beside the target."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lcirc_cli.commands.common import load_engine
from lcirc_cli.settings import CommonSettings

if TYPE_CHECKING:
    from lcirc_cli.compression.kept import Kept
    from lcirc_cli.documents import Document
    from lcirc_cli.engine import Engine
    from lcirc_cli.memory.contents import MemoryContents


def compress(
    engine: Engine,
    documents: Sequence[Document],
    *,
    kept: Kept,
    workers: int,
    settings: CommonSettings,
    progress: Callable[[float], object],
) -> MemoryContents:
    """One memory of the documents; the same, however many workers there are.

    Args:
        kept: of this target; what is there already isn't computed again.
        workers: processes that each load the models and compress a document at a time.
        settings: by which the engine was loaded.
        progress: called with the number of characters that were compressed.
    """
    missing = [document for document in documents if not kept.holds(document)]
    if min(workers, len(missing)) < 2:
        return engine.ingest(documents, kept=kept, progress=progress)
    progress(sum(len(each.text) for each in documents) - sum(len(each.text) for each in missing))
    _in_workers(missing, kept.folder, workers, settings, progress)
    return engine.ingest(documents, kept=kept)


def _in_workers(
    documents: Sequence[Document],
    folder: Path,
    workers: int,
    settings: CommonSettings,
    progress: Callable[[float], object],
) -> None:
    import torch

    from lcirc_cli.executors.pool import run_in_pool

    workers = min(workers, len(documents))
    # The longest first: none begins when the others are done.
    documents = sorted(documents, key=lambda document: -len(document.text))
    packed = tuple(pickle.dumps(document) for document in documents)
    threads = max(1, torch.get_num_threads() // workers)
    run_in_pool(
        _Work(settings, folder, threads, packed),
        range(len(documents)),
        workers=workers,
        preload=["lcirc_cli.engine"],
        done=lambda rank: progress(len(documents[rank].text)),
    )


@dataclass(frozen=True)
class _Work:
    """What a worker is given once: each task is the number of a document."""

    settings: CommonSettings
    folder: Path
    threads: int
    documents: tuple[bytes, ...]

    def _run_for_rank(self, rank: int, *, local_rank: int) -> None:
        from lcirc_cli.compression.kept import Kept

        engine = _worker_engine(self.settings, self.threads)
        kept = Kept(self.folder, engine.fingerprints, engine.memory_settings)
        engine.ingest([pickle.loads(self.documents[rank])], kept=kept)


_engines: list[Engine] = []  # of this worker: loaded once


def _worker_engine(settings: CommonSettings, threads: int) -> Engine:
    import torch

    if not _engines:
        torch.set_num_threads(threads)
        _engines.append(load_engine(settings))
    return _engines[0]
