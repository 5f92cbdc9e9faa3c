"""Documents that are being made into memories: read in limited children, then compressed.

Reading goes on beside everything else; compressing is done by the worker, which has the engine.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lcirc_cli.compression.kept import Kept
from lcirc_cli.documents import Document, Source, read_document
from lcirc_cli.engine import Engine
from lcirc_cli.errors import MemoryFileError, ModelError
from lcirc_cli.files.locks import locked
from lcirc_cli.memory.file import load_memory, save_memory
from lcirc_cli.serve.kept import Place
from lcirc_cli.serve.library import PAINTED, Library
from lcirc_cli.serve.problems import Problem, Stopped, told
from lcirc_cli.serve.settings import Limits
from lcirc_cli.serve.worker import Task, Worker

_READERS = 2  # documents that are read at once
_DONE_SHOWN = 50  # jobs that are over and still told of
OVER = ("done", "failed", "cancelled")


@dataclass(eq=False)
class Job:
    """A document on its way."""

    place: Place
    id: str = field(default_factory=lambda: secrets.token_hex(8))
    state: str = "waiting"  # reading, compressing; done, failed, cancelled
    pages: tuple[int, int] = (0, 0)  # read, in all; (0, 0) where there are none
    characters: tuple[float, int] = (0.0, 0)  # compressed, in all
    message: str = ""
    memory: str | None = None  # its id, once it is there
    stop: threading.Event = field(default_factory=threading.Event)

    def to_json(self) -> dict[str, Any]:
        done, total = self.characters
        return {
            "id": self.id,
            "name": self.place.name,
            "state": self.state,
            "pages_read": self.pages[0],
            "pages": self.pages[1],
            "compressed": round(min(1.0, done / total), 3) if total else 0.0,
            "message": self.message,
            "memory": self.memory,
        }


class Jobs:
    """Starts them, tells of them and stops them."""

    def __init__(
        self,
        engine: Engine,
        library: Library,
        worker: Worker,
        *,
        limits: Limits,
        root: Path,
        ocr: str = "auto",
    ) -> None:
        self.root, self.ocr = root, ocr
        self._engine, self._library, self._worker = engine, library, worker
        self._limits = limits
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="reading")

    def check_room(self) -> None:
        """Raises Problem (429, 507) where one more is too many."""
        if sum(job.state not in OVER for job in self.all()) >= self._limits.jobs:
            raise Problem(
                f"{self._limits.jobs} documents are being read already; try again in a while",
                status=429,
                code="too_many_requests",
            )
        if len(self._library.all()) >= self._limits.memories:
            raise Problem(
                f"{self._limits.memories} documents are here already; remove some",
                status=507,
                code="no_space",
            )

    def start(self, place: Place) -> Job:
        """Make a memory of the document in a place."""
        job = Job(place)
        with self._lock:
            over = [id for id, each in self._jobs.items() if each.state in OVER]
            for id in over[: max(0, len(over) - _DONE_SHOWN)]:
                del self._jobs[id]
            self._jobs[job.id] = job
        self._readers.submit(self._guarded, job, lambda: self._read(job))
        return job

    def all(self) -> list[Job]:
        with self._lock:
            return list(self._jobs.values())

    def get(self, id: str) -> Job:
        """Raises Problem (404) where there is none."""
        with self._lock:
            job = self._jobs.get(id)
        if job is None:
            raise Problem("there is no such job", status=404, code="not_found")
        return job

    def cancel(self, id: str) -> Job:
        """Stop one; what was made of it goes. One that is over is no longer told of."""
        job = self.get(id)
        job.stop.set()
        if job.state in OVER:
            with self._lock:
                self._jobs.pop(id, None)
        return job

    def close(self) -> None:
        """Stop reading. What is half done stays for the next start."""
        self._closing = True
        for job in self.all():
            job.stop.set()
        self._readers.shutdown(wait=True, cancel_futures=True)

    _closing = False

    def _guarded(self, job: Job, step: Callable[[], object]) -> None:
        try:
            step()
        except BaseException as error:
            self._failed(job, error)

    def _failed(self, job: Job, error: BaseException) -> None:
        if self._closing and job.stop.is_set():
            return
        if job.stop.is_set() or isinstance(error, Stopped):
            job.state, job.message = "cancelled", ""
        else:
            place = job.place
            paths = {str(self.root), str(place.folder), *self._library.paths()}
            message = told(error, paths).message
            # Libraries may say which file it was: by the name under which it is kept here.
            kept = f"{place.folder.name}/{place.document.name}"
            job.state, job.message = "failed", message.replace(kept, place.name)
        job.place.remove()

    def _check(self, job: Job) -> None:
        if job.stop.is_set():
            raise Stopped("stopped")

    def _read(self, job: Job) -> None:
        def watch(done: int, total: int) -> None:
            self._check(job)
            job.pages = done, total

        self._check(job)
        job.state = "reading"
        place = job.place
        document = read_document(
            Source(place.document, place.name), watch=watch, ocr=self.ocr, keep=_partial(place)
        )
        self._check(job)
        job.characters = 0.0, max(1, len(document.text))
        self._worker.compress(
            Task(
                lambda task: self._compress(job, document),
                lambda error: self._failed(job, error),
                job.stop,
            )
        )

    def _compress(self, job: Job, document: Document) -> None:
        engine, target = self._engine, job.place.memory

        def step(characters: float) -> None:
            self._check(job)
            job.characters = job.characters[0] + characters, job.characters[1]
            self._worker.breathe()

        job.state = "compressing"
        with locked(target):  # another server may have gone on with it
            kept = Kept(_partial(job.place), engine.fingerprints, engine.memory_settings)
            contents = engine.ingest([document], kept=kept, progress=step)
            save_memory(target, contents, allowed=0o700)
            kept.remove()
        self.hold(job.place, job)

    def hold(self, place: Place, job: Job | None = None) -> bool:
        """Put a memory that was made into the library; False where it is not of these models."""
        try:
            memory = load_memory(place.memory)
            self._engine.check(memory, name=place.name)
        except (ModelError, MemoryFileError):
            if job is not None:
                raise
            return False
        pdfs = {0: place.document} if memory.documents[0].format in PAINTED else {}
        held = self._library.add(
            memory,
            name=Path(place.name).stem,
            pdfs=pdfs,
            folder=place.folder,
            since=place.since,
        )
        if job is not None:
            job.memory, job.state = held.id, "done"
        return True


def _partial(place: Place) -> Path:
    """The folder of what is computed until its memory is there."""
    return Path(f"{place.memory}.partial")
