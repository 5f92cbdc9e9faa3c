"""What was named when the server was started, and what earlier runs have left, put into a library.

A document that was named needs a memory: one beside it, one that an earlier run has made of it, or
a new one, which is made while questions about others are answered.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from lcirc_cli.documents import Source
from lcirc_cli.documents.ocr import is_read_so
from lcirc_cli.documents.reading import sha256_of_file
from lcirc_cli.errors import MemoryFileError, ModelError
from lcirc_cli.files import is_file
from lcirc_cli.memory.contents import MemoryContents
from lcirc_cli.memory.file import load_memory
from lcirc_cli.serve.app import House
from lcirc_cli.serve.jobs import Jobs
from lcirc_cli.serve.kept import Place, new_place, places
from lcirc_cli.serve.library import pdfs_beside


def hold_memories(house: House, memories: Sequence[MemoryContents]) -> None:
    """Those that were named."""
    for memory in memories:
        path = Path(memory.path)
        pdfs = pdfs_beside(memory, path.parent)
        since = int(path.stat().st_mtime)
        house.library.add(memory, name=path.stem, pdfs=pdfs, since=since)


def hold_documents(
    house: House, documents: Sequence[Source], *, beside: Callable[[Path], Path]
) -> None:
    """Those that were named, with the memories that there are; the others begin to be made.

    Args:
        beside: where a document's memory is looked for.
    """
    for source in documents:
        assert source.path is not None  # standard input is not served
        digest = sha256_of_file(source.path, source.name)
        kept = beside(source.path)
        if not _hold_beside(house, kept, digest) and not _hold_kept(house.jobs, digest):
            place = new_place(house.jobs.root, source.path.name)
            shutil.copyfile(source.path, place.document)
            house.jobs.start(place)


def hold_earlier(house: House) -> None:
    """All that was dropped in before; what was not finished goes on."""
    for place in places(house.jobs.root):
        if not is_file(place.memory) or not house.jobs.hold(place):
            house.jobs.start(place)


def _hold_beside(house: House, path: Path, digest: str) -> bool:
    if not is_file(path):
        return False
    try:
        memory = load_memory(path)
        house.engine.check(memory, name=str(path))
    except (ModelError, MemoryFileError):
        return False
    if [each.sha256 for each in memory.documents] != [digest] or memory.documents[0].asked:
        return False
    if not is_read_so(memory.documents[0].format, memory.documents[0].ocr, house.jobs.ocr):
        return False
    hold_memories(house, [memory])
    return True


def _hold_kept(jobs: Jobs, digest: str) -> bool:
    return any(jobs.hold(place) for place in _made(jobs, digest))


def _made(jobs: Jobs, digest: str) -> Iterator[Place]:
    for place in places(jobs.root):
        if is_file(place.memory) and sha256_of_file(place.document, place.name) == digest:
            yield place
