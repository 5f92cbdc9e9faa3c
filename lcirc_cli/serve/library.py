"""The memories that can be asked: those that were given, and those made of what was dropped in.

Clients know them by ids made of their names, and documents by their number in a memory: no path
goes out, and none comes in. Knows nothing about engines and requests.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lcirc_cli import console
from lcirc_cli.documents.document import Page
from lcirc_cli.documents.reading import sha256_of_file
from lcirc_cli.errors import DocumentError
from lcirc_cli.files import is_file
from lcirc_cli.memory.contents import MemoryContents, StoredDocument
from lcirc_cli.serve.problems import Problem

PAINTED = ("pdf", "picture")  # formats of which a page can be shown
_LONGEST_ID = 60
_KEPT = re.compile(r"[^a-z0-9._-]+")


@dataclass(frozen=True, eq=False)
class Held:
    """A memory that can be asked.

    Attributes:
        pdfs: number of a document -> its PDF or its picture, where that is here and still the same.
        folder: of one that was dropped in, with all that was made of it; None: it was given.
        first: the number by which clients know its first document. Where a memory takes another's
            place, no number of that comes again: it might show another document.
    """

    id: str
    name: str
    memory: MemoryContents
    pdfs: Mapping[int, Path] = field(default_factory=dict)
    folder: Path | None = None
    since: int = 0  # seconds since 1970
    first: int = 0

    def document(self, number: int) -> StoredDocument:
        """Raises Problem (404) where there is none."""
        if not 0 <= number < len(self.memory.documents):
            raise Problem("there is no such document", status=404, code="not_found")
        return self.memory.documents[number]

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "name": self.name,
            "removable": self.folder is not None,
            "tokens": sum(each.num_tokens for each in self.memory.documents),
            "documents": [
                {
                    "number": self.first + number,
                    "name": console.one_line(each.name),
                    "format": each.format,
                    "pages": len(pages_of(each)),
                    "picture": number in self.pdfs,
                    "notes": [console.one_line(note) for note in each.notes],
                }
                for number, each in enumerate(self.memory.documents)
            ],
        }


class Library:
    """Memories by id, in the order in which they came."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[str, Held] = {}

    def add(
        self,
        memory: MemoryContents,
        *,
        name: str,
        pdfs: Mapping[int, Path] | None = None,
        folder: Path | None = None,
        since: int = 0,
    ) -> Held:
        """Hold a memory under an id of its own."""
        with self._lock:
            name = console.one_line(name).strip() or "memory"
            held = Held(self._new_id(name), name, memory, pdfs or {}, folder, since)
            self._held[held.id] = held
            return held

    def replace(
        self, id: str, memory: MemoryContents, *, pdfs: Mapping[int, Path], since: int
    ) -> Held:
        """Hold a newer memory in the place of one; questions that run go on with theirs.

        Raises:
            Problem: 404 there is none.
        """
        old = self.get(id)
        first = old.first + len(old.memory.documents)
        with self._lock:
            held = replace(old, memory=memory, pdfs=pdfs, since=since, first=first)
            self._held[id] = held
            return held

    def remove(self, id: str) -> Held:
        """Take out one that was dropped in.

        Raises:
            Problem: 404 there is none, 403 it was given.
        """
        held = self.get(id)
        if held.folder is None:
            raise Problem(
                f"{held.name} was given when the server was started", status=403, code="not_yours"
            )
        with self._lock:
            del self._held[id]
        return held

    def all(self) -> list[Held]:
        with self._lock:
            return list(self._held.values())

    def get(self, id: str) -> Held:
        """Raises Problem (404) where there is none."""
        with self._lock:
            held = self._held.get(id)
        if held is None:
            raise Problem("there is no such memory", status=404, code="model_not_found")
        return held

    def choose(self, ids: Sequence[str]) -> list[Held]:
        """Several, each once, in a fixed order: the same ones are the same to the engine.

        Raises:
            Problem: 404 there is none of an id, 400 there is no id.
        """
        if not ids:
            raise Problem("choose a memory to ask", param="memories")
        chosen = {self.get(id).id for id in ids}
        return [held for held in self.all() if held.id in chosen]

    def paths(self) -> set[str]:
        """Paths that no message to a client may hold."""
        found = {held.memory.path for held in self.all()}
        found |= {str(path) for held in self.all() for path in held.pdfs.values()}
        return {*found, *(str(Path(each).parent) for each in found if each)} - {"/", "."}

    def _new_id(self, name: str) -> str:
        plain = _KEPT.sub("-", name.lower()).strip("-.")[:_LONGEST_ID] or "memory"
        found, number = plain, 1
        while found in self._held:
            number += 1
            found = f"{plain}-{number}"
        return found


def place(chosen: Sequence[Held], number: int) -> tuple[Held, int]:
    """Which memory holds a document counted over all of them, and its number there."""
    for held in chosen:
        if number < len(held.memory.documents):
            return held, number
        number -= len(held.memory.documents)
    raise IndexError(number)


def pages_of(document: StoredDocument) -> Sequence[Page]:
    """Its pages or sections, or all of it as one."""
    return document.pages or (Page(None, None, 0, len(document.text)),)


def pdfs_beside(memory: MemoryContents, folder: Path) -> dict[int, Path]:
    """The PDFs and pictures of a memory that lie in a folder, the same as when it was made.

    Names in a memory may be a stranger's: nothing outside of the folder is looked at.
    """
    found = {}
    root = folder.resolve()
    for number, document in enumerate(memory.documents):
        if document.format not in PAINTED:
            continue
        try:
            path = (root / document.name).resolve()
            inside = path.is_relative_to(root) and is_file(path)
            if inside and sha256_of_file(path, document.name) == document.sha256:
                found[number] = path
        except (OSError, ValueError, DocumentError):
            continue
    return found
