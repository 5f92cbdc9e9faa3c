"""datatrove, tamed: its classes, our documents in its form, and its noise turned off.

Worker processes unpickle the steps of the pipeline and so import this module: what is turned off
here is off there too.
"""

from __future__ import annotations

from datatrove.data import Document
from datatrove.pipeline.base import PipelineStep
from loguru import logger

from lcirc_cli.lqa.records import SourceDocument

# datatrove reports every step at length on standard error, tracebacks included; what a person
# should know comes from us, and a worker's exception reaches the parent anyway.
logger.disable("datatrove")

__all__ = ["Document", "PipelineStep", "from_trove", "to_trove"]


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
