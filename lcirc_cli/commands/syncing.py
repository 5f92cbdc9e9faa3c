"""Brings a memory up to date with its documents: once, or whenever they change.

The models are loaded once, and files that stay as they are are read once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from lcirc_cli import console
from lcirc_cli.commands.common import load_engine
from lcirc_cli.commands.earlier import Earlier
from lcirc_cli.commands.reading import read_sources
from lcirc_cli.commands.ready import find_models
from lcirc_cli.commands.updating import How, kept_beside, update
from lcirc_cli.errors import DocumentError, UsageError
from lcirc_cli.files import check_writable, exists, is_folder
from lcirc_cli.files.locks import locked

if TYPE_CHECKING:
    from lcirc_cli.documents import PageRanges, Source
    from lcirc_cli.engine import Engine

Counts = dict[str, int] | None  # see `update`
Between = Callable[[], object]  # called between two steps of compressing
Work = Callable[[Between | None], Counts]


@dataclass(frozen=True)
class Synced:
    """What a sync did.

    Attributes:
        counts: how many documents were kept, changed, new and removed; None: nothing was to do.
        skipped: name and reason.
    """

    counts: Counts
    skipped: Sequence[tuple[str, str]]
    seconds: float


class Syncing:
    """A target and what it shall hold.

    Args:
        sources: files, folders, `-`.
        engine: None: loaded by `how.settings` once it is needed.
        run: where the engine's work is done; None: here.
    """

    def __init__(
        self,
        sources: Sequence[str],
        target: Path,
        how: How,
        *,
        password_file: Path | None = None,
        pages: PageRanges | None = None,
        engine: Engine | None = None,
        run: Callable[[Work], Counts] | None = None,
    ) -> None:
        self._sources, self._target, self._how = sources, target, how
        self._password_file, self._pages = password_file, pages
        self._engine, self._run, self._recipe = engine, run, ""

    def once(self, found: Sequence[Source], *, earlier: Earlier | None = None) -> Synced:
        """Read these documents, compress what is new, and save.

        Raises what `read_sources`, `load_engine` and `update` raise.
        """
        start = time.perf_counter()
        reading = read_sources(
            found,
            named={Path(source) for source in self._sources},
            password_file=self._password_file,
            pages=self._pages,
            earlier=earlier,
            ocr=self._how.settings.ocr,
            keep=kept_beside(self._target),
        )
        if is_folder(self._target.parent):
            check_writable(self._target)
        engine, how = self._loaded(), replace(self._how, recipe=self._recipe)

        def work(between: Between | None) -> Counts:
            return update(engine, self._target, reading, how, between=between)

        with locked(self._target):
            counts = work(None) if self._run is None else self._run(work)
        return Synced(counts, reading.skipped, time.perf_counter() - start)

    def whenever(self, *, stop: threading.Event | None = None) -> Iterator[Synced]:
        """Once, and again some seconds after documents came, went or were written to.

        Where there is nothing to read, the memory stays as it is; that is told.

        Args:
            stop: ends it once it is set; without it Ctrl-C does.
        """
        from lcirc_cli.documents import collect_sources
        from lcirc_cli.documents.watching import changes

        earlier = Earlier()
        for _ in changes(self._sources, stop=stop):
            try:
                done = self.once(collect_sources(self._sources), earlier=earlier)
            except DocumentError as error:
                stays = exists(self._target)
                state = f"{self._target.name} stays as it is" if stays else "waiting for documents"
                console.warn(f"{error}; {state}")
                continue
            # What it replaces from now on is its own, though none of the documents may stay.
            self._how = replace(self._how, named=True, force=False)
            yield done

    def _loaded(self) -> Engine:
        if self._engine is None:
            self._engine = load_engine(self._how.settings)
        if not self._recipe:  # that of the models which were loaded, whatever is there later
            models = find_models(self._how.settings, cached=True)
            self._recipe = "" if models is None else models.recipe()
        return self._engine


def check_folders(sources: Sequence[str]) -> None:
    """Raises UsageError where one can't be watched."""
    for source in sources:
        if not is_folder(Path(source)):
            raise UsageError(f"--watch is for folders, and {source} is none; name its folder")
