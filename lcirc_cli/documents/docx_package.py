"""The parts of a Word file: which is the main one, and which belong to it.

Parts are found by their relations, whatever their names, and every one is parsed under the same
limits. Knows nothing about what a part says.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from lcirc_cli.documents.archive import Archive
from lcirc_cli.documents.strict_xml import with_prefixes
from lcirc_cli.errors import DocumentError

_USUAL_MAIN = "word/document.xml"


@dataclass(frozen=True)
class Relation:
    """What a part refers to."""

    kind: str  # the last word of its type: "footnotes", "header", "image"
    target: str  # the name of a member, there or not; "" outside of the file


class Package:
    """A Word file.

    Raises:
        DocumentError: damaged, or no Word document.
    """

    def __init__(self, archive: Archive) -> None:
        self.archive = archive
        targets = [r.target for r in self.relations("").values() if r.kind == "officeDocument"]
        self.main = next((name for name in [*targets, _USUAL_MAIN] if name in archive), "")
        if not self.main:
            raise DocumentError(f"{archive.name}: damaged Word document (no main part)")
        self.of_main = self.relations(self.main)

    def relations(self, part: str) -> dict[str, Relation]:
        """What `part` refers to, by the identifiers that it uses; "" for the file as a whole."""
        folder, name = posixpath.split(part)
        member = posixpath.join(folder, "_rels", f"{name}.rels")
        if member not in self.archive:
            return {}
        found = {}
        for element in self.archive.read_xml(member):
            target = element.get("Target", "")
            if element.get("TargetMode") == "External":
                target = ""
            elif target:
                target = posixpath.normpath(posixpath.join("/", folder, target)).lstrip("/")
            kind = element.get("Type", "").rsplit("/", 1)[-1]
            found[element.get("Id", "")] = Relation(kind, target)
        return found

    def root(self, part: str) -> Element:
        """The tree of a part, its names with the usual prefixes."""
        return with_prefixes(self.archive.read_xml(part))

    def part_of(self, kind: str) -> Element | None:
        """The part of this kind that belongs to the main one, if it is there."""
        for relation in self.of_main.values():
            if relation.kind == kind and relation.target in self.archive:
                return self.root(relation.target)
        return None
