"""Plain texts for the evidence tests, with tokens of three characters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lcirc_cli.documents.document import Page
from lcirc_cli.evidence import Text, texts_of

from ..memory.samples import make_contents, make_document


def memory(*texts: str, pages: Sequence[Page] = ()) -> list[Text]:
    """The texts as a memory's documents."""
    documents = [
        replace(make_document(text, name=f"document {number}"), pages=tuple(pages))
        for number, text in enumerate(texts)
    ]
    return texts_of([make_contents(documents)])


def sentences(*subjects: str, words: int = 30) -> str:
    """A text with one sentence of about `words` words for each subject."""
    filler = "and so it went on for a long while as things of that kind often will"
    body = " ".join((filler.split() * 4)[: words - 4])
    return " ".join(f"Here the {subject} came {body}." for subject in subjects)
