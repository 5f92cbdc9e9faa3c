"""What an ingest has computed so far, in a folder beside its target, so that it can go on.

    KEY.features    a document's features, window after window, each with its hash
    KEY.lcirc       a document that is done, as a memory of its own
    KEY.pages       pages that were read from their pictures; see documents/kept_pages.py

KEY stands for the document's text and pages and for the models: what belongs to another version of
either is never taken. A kill costs the window that was being computed. Knows nothing of how
features are made.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lcirc_cli import console
from lcirc_cli.documents.document import Document
from lcirc_cli.documents.kept_pages import NAME as PAGES
from lcirc_cli.errors import MemoryFileError, StorageError
from lcirc_cli.memory.contents import Fingerprints, MemoryContents
from lcirc_cli.memory.deferred import changed
from lcirc_cli.memory.file import load_memory, save_memory

_LENGTH = 8  # bytes that give a record's length
_DIGEST = 32
_MOST = 1 << 32  # bytes of a record
# What is made in the folder, and the temporary files of it.
_OURS = re.compile(r"\.?[0-9a-f]{32}\.(?:features|lcirc)(?:\..*)?")


def discard(folder: Path) -> None:
    """Remove what was kept in a folder, and the folder where nothing else is in it."""
    if folder.is_symlink():
        return
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            if _OURS.fullmatch(path.name) or PAGES.fullmatch(path.name):
                path.unlink()
        folder.rmdir()


class Kept:
    """The folder; made when something is first kept in it.

    Where it can't be written, that is told once and nothing more is kept.

    Args:
        settings: those of memories of these models.
    """

    def __init__(self, folder: Path, fingerprints: Fingerprints, settings: dict[str, Any]) -> None:
        self.folder, self.on = folder, True
        self._models = [vars(fingerprints), settings]
        if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
            self._stop("something else has its name")

    def holds(self, document: Document) -> bool:
        """Whether a document is done."""
        return self.on and self._path(document, ".lcirc").exists()

    def has_begun(self, document: Document) -> bool:
        """Whether an earlier run has left something of a document."""
        return self.on and (self.holds(document) or self._path(document, ".features").exists())

    def memory(self, document: Document) -> MemoryContents | None:
        """The memory of a document that is done."""
        path = self._path(document, ".lcirc")
        if not self.on or not path.exists():
            return None
        try:
            found = load_memory(path, whole=True)
        except MemoryFileError:
            path.unlink()
            return None
        # It isn't this file that anybody asks.
        return changed(found, sha256="", path="", lcirc_version="")

    def windows(self, document: Document) -> Windows:
        """The features of a document that is not done."""
        return Windows(self, self._path(document, ".features"))

    def finish(self, document: Document, contents: MemoryContents) -> MemoryContents:
        """Keep a document that is done; the same memory, read from the folder."""
        if self.on:
            with self.writing():
                save_memory(self._path(document, ".lcirc"), contents)
                self._path(document, ".features").unlink(missing_ok=True)
        return self.memory(document) or contents

    def remove(self) -> None:
        """Once the target is there."""
        discard(self.folder)

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Something is written into the folder, if that is possible."""
        try:
            self.folder.mkdir(mode=0o700, exist_ok=True)  # as private as any document
            yield
        except (OSError, StorageError) as error:
            self._stop(str(getattr(error, "strerror", None) or error))

    def _stop(self, reason: str) -> None:
        console.note(f"what is computed is not kept for a later run in {self.folder}: {reason}")
        self.on = False
        self.remove()

    def _path(self, document: Document, suffix: str) -> Path:
        fields = dict(vars(document))
        fields["text"] = hashlib.sha256(document.text.encode("utf-8", "surrogatepass")).hexdigest()
        fields["pages"] = [vars(page) for page in document.pages]
        named = json.dumps([fields, self._models], sort_keys=True, default=list)
        return self.folder / (hashlib.sha256(named.encode()).hexdigest()[:32] + suffix)


class Windows:
    """Records in a file, each as it was added or not there; one process writes them."""

    def __init__(self, kept: Kept, path: Path) -> None:
        self._kept, self._path = kept, path

    def read(self) -> Iterator[bytes]:
        """All whole records in order; what a killed process left behind them goes."""
        if not self._kept.on or not self._path.exists():
            return
        with self._path.open("r+b") as file:
            at, records = 0, os.fstat(file.fileno()).st_size
            while at < records:
                length = int.from_bytes(file.read(_LENGTH), "little")
                record = file.read(length) if length < _MOST else b""
                if hashlib.sha256(record).digest() != file.read(_DIGEST):
                    break
                yield record
                at += _LENGTH + length + _DIGEST
            file.truncate(at)

    def add(self, record: bytes) -> None:
        """Append a record: a killed process leaves it whole, or what `read` drops."""
        if self._kept.on:
            digest = hashlib.sha256(record).digest()
            with self._kept.writing(), self._path.open("ab") as file:
                file.write(len(record).to_bytes(_LENGTH, "little") + record + digest)

    def clear(self) -> None:
        """Begin anew."""
        self._path.unlink(missing_ok=True)
