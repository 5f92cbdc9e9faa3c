"""What of a memory stays when its documents are read again: the plan of a sync.

A document is the same by its content: the source's bytes, the text that was read and the pages. Of
the same content the same name comes first, so that a renamed document is kept too. Knows nothing
about how documents are compressed.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from lcirc_cli.documents.document import Document
from lcirc_cli.memory.contents import MemoryContents, StoredDocument, append, select
from lcirc_cli.memory.deferred import changed


@dataclass(frozen=True)
class Plan:
    """Numbers are those of the memory's documents, names those of today's."""

    kept: tuple[int | None, ...]  # of each document that was read the one that holds it
    staying: tuple[int, ...]  # not among those that were read, and kept all the same
    replaced: tuple[str, ...]  # read with another content than the memory has
    added: tuple[str, ...]
    removed: tuple[str, ...]
    renamed: tuple[str, ...] = ()  # kept under a new name

    @property
    def compressed(self) -> list[int]:
        """Which of the documents that were read the memory doesn't hold."""
        return [at for at, number in enumerate(self.kept) if number is None]

    @property
    def changes_nothing(self) -> bool:
        """Whether the memory is what would be made."""
        held = [*self.kept, *self.staying]
        return held == list(range(len(held))) and not self.removed and not self.renamed

    @property
    def sizes(self) -> dict[str, int]:
        """How many documents are which."""
        return {
            "kept": sum(number is not None for number in self.kept) + len(self.staying),
            "changed": len(self.replaced),
            "new": len(self.added),
            "removed": len(self.removed),
        }


def plan(
    memory: MemoryContents | None,
    documents: Sequence[Document],
    *,
    keep_missing: bool = False,
    unread: Collection[str] = (),
) -> Plan:
    """What stays of a memory, if there is one, and what is to be compressed.

    Args:
        documents: as they were read, under the names that they shall have.
        keep_missing: documents of the memory that were not read stay in it, behind the others.
        unread: names of documents that are there and could not be read: they stay too.
    """
    stored = () if memory is None else memory.documents
    free = dict(enumerate(stored))
    by_hash: dict[str, list[int]] = {}
    for number, one in free.items():
        by_hash.setdefault(one.sha256, []).append(number)
    kept: list[int | None] = []
    for document in documents:
        alike = [number for number in by_hash.get(document.sha256, ()) if number in free]
        same = [number for number in alike if _same(free[number], document)]
        named = [number for number in same if free[number].name == document.name]
        found = next(iter(named or same), None)
        kept.append(found)
        if found is not None:
            del free[found]
    renamed = [
        document.name
        for document, number in zip(documents, kept, strict=True)
        if number is not None and stored[number].name != document.name
    ]
    names = {one.name for one in free.values()}
    new = [each.name for each, number in zip(documents, kept, strict=True) if number is None]
    replaced = [name for name in new if name in names]
    left = [number for number, one in free.items() if one.name not in replaced]
    staying = [n for n in left if keep_missing or free[n].name in unread]
    return Plan(
        kept=tuple(kept),
        staying=tuple(staying),
        replaced=tuple(replaced),
        added=tuple(name for name in new if name not in names),
        removed=tuple(free[number].name for number in left if number not in staying),
        renamed=tuple(renamed),
    )


def synced(
    plan: Plan,
    memory: MemoryContents | None,
    documents: Sequence[Document],
    *,
    fresh: MemoryContents | None,
    first: bool = False,
) -> MemoryContents:
    """The memory by a plan: the documents in the order in which they were read, then the others.

    Args:
        first: the others come first.
        fresh: the memory of those that the plan has compressed, in order; None where there are
            none.
    """
    held = [] if memory is None else [number for number in plan.kept if number is not None]
    held += plan.staying
    parts = [select(memory, held)] if memory is not None and held else []
    parts += [fresh] if fresh is not None else []
    whole = parts[0] if len(parts) == 1 else append(*parts)
    old, new, order = iter(range(len(held))), iter(range(len(held), len(whole.documents))), []
    for number in plan.kept:
        order.append(next(new if number is None else old))
    rest = list(old)
    whole = select(whole, [*rest, *order] if first else [*order, *rest])
    # What a reader says of a document may be told otherwise today, for the same content.
    told = list(whole.documents)
    for at, document in enumerate(documents, start=len(rest) if first else 0):
        told[at] = changed(
            told[at],
            name=document.name,
            asked=document.asked,
            ocr=document.ocr,
            scans=document.scans,
            page_count=document.page_count,
            empty_pages=document.empty_pages,
            notes=document.notes,
        )
    return changed(whole, documents=tuple(told))


def _same(stored: StoredDocument, document: Document) -> bool:
    return (stored.format, stored.pages, stored.text) == (
        *(document.format, document.pages, document.text),
    )
