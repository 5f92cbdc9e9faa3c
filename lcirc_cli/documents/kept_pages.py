"""Pages that were read by their pictures, in a file, so that a killed ingest need not read them so
again.

    KEY.pages    the answers of the child process, one JSON object a line

KEY stands for the document's bytes and for what reads it: pages of another version of either are
never taken. Only what takes long is kept. Knows nothing about how pages are read.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from functools import partial
from pathlib import Path
from typing import Any

from lcirc_cli.documents.ocr import SIDE, engine
from lcirc_cli.documents.reader_version import reader_version
from lcirc_cli.files.schema import Check, items, number, optional, parse, table, text, truth, whole

NAME = re.compile(r"[0-9a-f]{32}\.pages")


def _word(value: Any, name: str) -> Any:
    if not isinstance(value, list) or len(value) != 5:
        raise ValueError(f"{name} must be a word and its box")
    text(value[0], name)
    return [whole(side, name, most=SIDE) for side in value[1:]]


_PAGE: dict[str, Check] = {
    "page": partial(whole, least=1),
    "text": text,
    "ocr": partial(number, least=0, most=1),
    "words": partial(items, each=_word),
    "unsure": optional(truth),
    "unread": optional(partial(items, each=whole, most=2)),
    "label": optional(text),
}


class KeptPages:
    """The file of one document; made when something is first kept in it.

    Attributes:
        pages: those that an earlier run has read, by number.
    """

    def __init__(self, folder: Path, *, sha256: str, mode: str) -> None:
        named = json.dumps([sha256, mode, engine(mode), reader_version()])
        self._path = folder / f"{hashlib.sha256(named.encode()).hexdigest()[:32]}.pages"
        self._on = not folder.is_symlink()
        self.pages: dict[int, dict[str, Any]] = {}
        lines: list[bytes] = []
        with contextlib.suppress(OSError):
            lines = self._path.read_bytes().splitlines() if self._on else []
        for line in lines:
            with contextlib.suppress(ValueError):  # a killed run leaves half a line
                page = table(parse(line, "a page"), "a page", fields=_PAGE, closed=True)
                self.pages[page["page"]] = page

    def add(self, page: dict[str, Any]) -> None:
        """Keep a page; where that is not possible, it is read again next time."""
        if not self._on:
            return
        try:
            self._path.parent.mkdir(mode=0o700, exist_ok=True)  # as private as any document
            with self._path.open("ab") as file:
                file.write(b"\n" + json.dumps(page).encode("ascii"))  # after half a line too
        except OSError:
            self._on = False
