"""Where what was dropped in is kept: a folder for each document, with its memory once that is made.

    ID/name.json    {"name": "book.pdf", "since": 1700000000}
    ID/document     the bytes that came
    ID/memory.lcirc

A folder without its memory is one whose making was interrupted; it goes on at the next start.
"""

from __future__ import annotations

import json
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lcirc_cli.console import one_line
from lcirc_cli.errors import LcircError
from lcirc_cli.files import atomic_write, make_folder, schema, storage_error

_ID = re.compile(r"[0-9a-f]{16}")
_LONGEST_NAME = 200
_FIELDS: dict[str, schema.Check] = {"name": schema.text, "since": schema.whole}


@dataclass(frozen=True)
class Place:
    """The folder of one document."""

    folder: Path
    name: str
    since: int

    @property
    def document(self) -> Path:
        return self.folder / "document"

    @property
    def memory(self) -> Path:
        return self.folder / "memory.lcirc"

    def remove(self) -> None:
        """All of it."""
        shutil.rmtree(self.folder, ignore_errors=True)


def document_name(given: str) -> str:
    """A name that a client gave as one that is shown: the last part of it, cleaned.

    Raises:
        LcircError: nothing is left of it.
    """
    name = one_line(given).replace("\\", "/").rsplit("/", 1)[-1].strip()
    if name in ("", ".", ".."):
        raise LcircError("the document has no name")
    stem, dot, suffix = name.rpartition(".")
    if len(name) > _LONGEST_NAME:
        name = (stem or suffix)[: _LONGEST_NAME - 12] + (dot + suffix[:11] if stem else "")
    return name


def new_place(root: Path, name: str) -> Place:
    """A folder for a document that nobody else may read.

    Raises:
        StorageError: it can't be made.
    """
    make_folder(root)
    folder = root / secrets.token_hex(8)
    try:
        root.chmod(0o700)
        folder.mkdir(mode=0o700)
    except OSError as error:
        raise storage_error(error, folder) from error
    made = Place(folder, name, int(time.time()))
    record = json.dumps({"name": made.name, "since": made.since})
    atomic_write(folder / "name.json", record.encode("ascii"))
    return made


def places(root: Path) -> Iterator[Place]:
    """Those of earlier runs, oldest first; what never came whole is removed."""
    found = []
    for folder in sorted(root.iterdir()) if root.is_dir() else ():
        if not _ID.fullmatch(folder.name) or folder.is_symlink():
            continue
        try:
            record = schema.parse((folder / "name.json").read_bytes(), "name.json")
            schema.table(record, "name.json", fields=_FIELDS)
            place = Place(folder, document_name(record["name"]), record["since"])
        except (OSError, ValueError, LcircError):
            place = Place(folder, "", 0)
        if not place.document.is_file():
            place.remove()
        elif place.name:
            found.append(place)
    yield from sorted(found, key=lambda each: each.since)
