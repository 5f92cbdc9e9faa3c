"""`lcirc serve --watch`: the memory of a folder is brought up to date beside the questions.

A thread waits for changes and reads; what needs the engine is done by the thread that has it, and
gives way to questions.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING

from lcirc_cli import console
from lcirc_cli.commands.memories import memory_beside
from lcirc_cli.commands.syncing import Counts, Syncing, Work
from lcirc_cli.commands.updating import How, check_replaceable
from lcirc_cli.errors import MemoryFileError, ModelError, first_line
from lcirc_cli.files import check_writable, is_file
from lcirc_cli.settings import CommonSettings

if TYPE_CHECKING:
    from lcirc_cli.serve.app import House


def check_place(folder: str) -> None:
    """See that a folder's memory can be written, before a model is loaded.

    Raises:
        UsageError: what stands in its place is no memory.
        StorageError: it can't be written.
    """
    target = memory_beside(Path(folder).absolute())
    check_replaceable(target)
    check_writable(target)


class Following:
    """A folder, and its memory in a library.

    Args:
        folder: its memory is what `lcirc ingest FOLDER` makes.
    """

    def __init__(self, folder: str, house: House, settings: CommonSettings) -> None:
        self._folder, self._house = Path(folder).absolute(), house
        self._target = memory_beside(self._folder)
        how = How(
            append=False, named=False, force=False, keep_missing=False, workers=1, settings=settings
        )
        self._syncing = Syncing(
            [folder], self._target, how, engine=house.engine, run=self._on_engine
        )
        self._id: str | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, name=f"watch {folder}", daemon=True)

    def start(self) -> None:
        """Serve the memory that is there, if it fits, and begin."""
        if is_file(self._target):
            try:
                self._hold()
            except (MemoryFileError, ModelError) as error:
                console.note(f"making {self._target.name} again: {error}")
        self._thread.start()

    def close(self) -> None:
        """End it; what is half compressed stays for the next start."""
        self._stop.set()
        self._thread.join(timeout=10)

    def _follow(self) -> None:
        from lcirc_cli.serve.problems import Problem, Stopped

        try:
            for done in self._syncing.whenever(stop=self._stop):
                if done.counts is not None or self._id is None:
                    self._hold()
        except (Problem, Stopped):  # the server is closing
            return
        except Exception as error:
            console.warn(f"{first_line(error)}; {self._folder} is not watched any more")

    def _hold(self) -> None:
        from lcirc_cli.memory.file import load_memory
        from lcirc_cli.serve.library import pdfs_beside

        house, memory = self._house, load_memory(self._target)
        house.engine.check(memory, name=str(self._target))
        pdfs = pdfs_beside(memory, self._folder)
        since = int(self._target.stat().st_mtime)
        if self._id is None:
            name = self._target.stem
            self._id = house.library.add(memory, name=name, pdfs=pdfs, since=since).id
        else:
            house.pictures.forget(self._folder.resolve())
            house.library.replace(self._id, memory, pdfs=pdfs, since=since)

    def _on_engine(self, work: Work) -> Counts:
        from lcirc_cli.serve.worker import Task

        done: Future[Counts] = Future()

        def run(task: Task) -> None:
            def between() -> None:
                task.check()
                self._house.worker.breathe()

            done.set_result(work(between))

        self._house.worker.compress(Task(run, done.set_exception))
        return done.result()
