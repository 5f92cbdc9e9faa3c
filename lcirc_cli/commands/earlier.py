"""What a command that reads the same documents again and again has read of them before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from lcirc_cli.errors import DocumentError

if TYPE_CHECKING:
    from lcirc_cli.documents import Document, Source
    from lcirc_cli.documents.watching import Version


class Earlier:
    """Documents, and why some could not be read, as long as their files stay as they are."""

    def __init__(self) -> None:
        self._held: dict[Path, tuple[Version, Document | DocumentError]] = {}

    def read(
        self, source: Source, read: Callable[[], Document]
    ) -> tuple[Document | DocumentError, bool]:
        """What was read or raised, and whether that is new; standard input always is."""
        from lcirc_cli.documents.watching import version_of

        path = source.path
        version = () if path is None else version_of(path)
        if path is not None and version and path in self._held:
            before, held = self._held[path]
            if before == version and isinstance(held, DocumentError):
                return held, False
            if before == version and not isinstance(held, DocumentError):
                notes = (*source.notes, *held.notes)
                return replace(held, name=source.name, notes=notes), False
        try:
            found: Document | DocumentError = read()
        except DocumentError as error:
            found = error
        if path is not None:
            kept = found
            if not isinstance(kept, DocumentError):  # what its folder skipped is told anew
                kept = replace(kept, notes=kept.notes[len(source.notes) :])
            self._held[path] = version, kept
        return found, True

    def keep_only(self, sources: Sequence[Source]) -> None:
        """Forget files that are gone."""
        there = {source.path for source in sources}
        self._held = {path: held for path, held in self._held.items() if path in there}
