"""`lcirc show`: a memory's text as it was read, with marks where pages begin. Needs no model."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lcirc_cli import console
from lcirc_cli.commands.common import takes
from lcirc_cli.commands.memories import memory_path
from lcirc_cli.errors import UsageError
from lcirc_cli.settings import CommonSettings

if TYPE_CHECKING:
    from lcirc_cli.documents import Page
    from lcirc_cli.memory.contents import StoredDocument

_AROUND = 300  # characters on either side of what was looked for


@takes("json")
def show(
    memory: Annotated[str, typer.Argument(metavar="MEMORY.lcirc", help="A memory file.")],
    page: Annotated[
        int | None,
        typer.Option("--page", metavar="N", min=1, help="This page alone, counted from 1."),
    ] = None,
    around: Annotated[
        str | None,
        typer.Option("--around", metavar="WORDS", help="The places where these words stand."),
    ] = None,
    *,
    settings: CommonSettings,
) -> None:
    """Print the text as it was read, with page marks: what an answer can rest on.

    A page or words that are not in it end with exit code 2.
    """
    from lcirc_cli.memory.info import read_texts

    if page is not None and around is not None:
        raise UsageError("give --page or --around, not both")
    documents = read_texts(memory_path(memory))
    if around is not None:
        parts = [part for document in documents for part in _places(document, around)]
        if not parts:
            raise UsageError(f"the words {around!r} are nowhere in {memory}; try fewer of them")
    else:
        parts = [
            _part(document, each, each.start, each.end)
            for document in documents
            for each in _pages_of(document)
            if page is None or each.number == page
        ]
        if not parts:
            raise UsageError(f"there is no page {page} in {memory}: {_pages(documents)}")
    if settings.json:
        console.out_json({"schema": 1, "parts": parts})
        return
    for part in parts:
        console.out(console.one_line(f"--- {_mark(part)} ---"))
        console.out(part["text"].strip("\n"))


def _pages_of(document: StoredDocument) -> Sequence[Page]:
    """Its pages, or all of it as one that has no number."""
    from lcirc_cli.documents import Page

    return document.pages or (Page(None, None, 0, len(document.text)),)


def _part(document: StoredDocument, page: Page, start: int, end: int) -> dict[str, Any]:
    return {
        "document": document.name,
        "page": page.number,
        "label": page.label,
        "section": page.section,
        "start": start,
        "end": end,
        "text": document.text[start:end],
    }


def _places(document: StoredDocument, words: str) -> Iterator[dict[str, Any]]:
    """Each place of some words, whatever their case and spaces, with whole lines around it."""
    pattern = r"\s+".join(map(re.escape, words.split()))
    if not pattern:
        raise UsageError("--around needs words to look for")
    text, shown = document.text, 0
    for found in re.finditer(pattern, text, re.IGNORECASE):
        if found.start() < shown:  # it stands in the part that was shown last
            continue
        page = [each for each in _pages_of(document) if each.start <= found.start()][-1]
        start = max(page.start, shown, found.start() - _AROUND)
        start = max(page.start, shown, text.rfind("\n", 0, start) + 1)
        end = max(found.end(), min(page.end, found.end() + _AROUND))
        line = text.find("\n", end)
        shown = max(end, min(page.end, len(text) if line < 0 else line))
        yield _part(document, page, start, shown)


def _mark(part: dict[str, Any]) -> str:
    """`book.pdf, p. 3 (printed iii)`, or the section where there are no pages."""
    place = [part["document"]]
    if part["page"] is not None:
        printed = part["label"] if part["label"] not in (None, str(part["page"])) else None
        place.append(f"p. {part['page']}" + (f" (printed {printed})" if printed else ""))
    elif part["section"] is not None:
        place.append(part["section"])
    return ", ".join(place)


def _pages(documents: Sequence[StoredDocument]) -> str:
    """What pages there are, for somebody who asked for another."""
    from lcirc_cli.documents.page_ranges import format_pages

    numbers = sorted({p.number for d in documents for p in d.pages if p.number is not None})
    return f"it holds {format_pages(numbers)}" if numbers else "its documents have no pages"
