"""Our documents in datatrove's form, and back."""

from __future__ import annotations

from datatrove.data import Document

from lcirc_cli.lqa.records import SourceDocument


def to_trove(document: SourceDocument) -> Document:
    """A document in datatrove's form."""
    return Document(
        text=document.text,
        id=document.id,
        metadata={
            "title": document.title,
            "source": document.source,
            "license": document.license,
            "language": document.language,
            "tokens": document.tokens,
        },
    )


def from_trove(document: Document, *, license: str = "") -> SourceDocument:
    """The other way; `license` is for a document that names none."""
    found = document.metadata
    return SourceDocument(
        id=document.id,
        title=found["title"],
        text=document.text,
        source=found["source"],
        license=found["license"] or license,
        language=found["language"],
        tokens=found["tokens"],
    )
