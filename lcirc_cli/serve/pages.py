"""Pages of documents: their text with the marked parts, and where there is the PDF, its picture.

    GET /api/memories/ID/documents/NUMBER/page?at=INDEX&parts=START-END.START-END
    GET /api/memories/ID/documents/NUMBER/picture?page=N

INDEX counts the document's pages, or its sections, from 0; without it the page on which the first
part begins. Parts are characters of the document's text, as a citation has them.
"""

from __future__ import annotations

import asyncio
import re
from bisect import bisect_right
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lcirc_cli import console
from lcirc_cli.documents.document import Page
from lcirc_cli.serve.library import Held, Library, pages_of
from lcirc_cli.serve.pictures import Box, Pictures
from lcirc_cli.serve.problems import Problem
from lcirc_cli.serve.responses import answered, json_response

_PARTS = re.compile(r"\d{1,12}-\d{1,12}(?:\.\d{1,12}-\d{1,12}){0,39}")
_LONGEST = 20_000  # characters of all parts together

Part = tuple[int, int]


def routes(library: Library, pictures: Pictures) -> list[Route]:
    """Both of them."""

    async def page(request: Request) -> Response:
        held, number = _document(library, request)
        parts = _parts(request.query_params.get("parts", ""))
        record = await asyncio.to_thread(
            page_record, held, number, pictures, at=_index(request, "at"), parts=parts
        )
        return json_response(record)

    async def picture(request: Request) -> Response:
        held, number = _document(library, request)
        path, page = held.pdfs.get(number), _index(request, "page")
        if path is None or page is None or not _has_page(held, number, page):
            raise Problem("there is no picture of it", status=404, code="not_found")
        data = await asyncio.to_thread(pictures.picture, path, page)
        headers = {"cache-control": "private, max-age=600"}
        return Response(data, media_type="image/png", headers=headers)

    base = "/api/memories/{id}/documents/{number}"
    return [
        Route(f"{base}/page", answered(page), methods=["GET"]),
        Route(f"{base}/picture", answered(picture), methods=["GET"]),
    ]


def page_record(
    held: Held,
    number: int,
    pictures: Pictures,
    *,
    at: int | None = None,
    parts: list[Part] | None = None,
) -> dict[str, Any]:
    """One page: text, marks in it, and boxes on its picture.

    Raises:
        Problem: 404 there is no such page.
    """
    document, parts = held.document(number), parts or []
    pages, text = pages_of(document), document.text
    if at is None:
        start = parts[0][0] if parts else 0
        at = max(0, bisect_right([page.start for page in pages], start) - 1)
    if not 0 <= at < len(pages):
        raise Problem("there is no such page", status=404, code="not_found")
    page = pages[at]
    own = [(max(a, page.start), min(b, page.end)) for a, b in parts]
    own = [(a, b) for a, b in own if a < b]
    path, boxes, shown = held.pdfs.get(number), list[Box](), False
    if path is not None and page.number is not None:
        shown = True
        if own:
            texts = [(text[a:b], text[page.start : a]) for a, b in own]
            try:
                scanned = {scan.number: scan.words for scan in document.scans}
                words = scanned.get(page.number)
                found = pictures.boxes(path, page.number, texts, words=words)
                boxes = [box for each in found for box in each]
            except Problem:
                shown = False
    return {
        "memory": held.id,
        "document": held.first + number,
        "name": document.name,
        "at": at,
        "of": len(pages),
        "page": page.number,
        "label": page.label,
        "section": page.section,
        "text": console.printable(text[page.start : page.end]),  # as long as before
        "marks": [[a - page.start, b - page.start] for a, b in own],
        "picture": shown,
        "boxes": [[round(side, 5) for side in box] for box in boxes],
    }


def numbered(held: Held, number: int, page: int) -> tuple[int, Page]:
    """The index of a page by its number, or of a section where there are no pages, from 1.

    Raises:
        Problem: 404 there is none.
    """
    pages = pages_of(held.document(number))
    for at, each in enumerate(pages):
        if page == (at + 1 if each.number is None else each.number):
            return at, each
    raise Problem(f"there is no page {page}", status=404, code="not_found")


def _has_page(held: Held, number: int, page: int) -> bool:
    return any(each.number == page for each in held.memory.documents[number].pages)


def _document(library: Library, request: Request) -> tuple[Held, int]:
    """A memory, and which of its documents a number that clients know is."""
    held, number = library.get(request.path_params["id"]), request.path_params["number"]
    if not number.isascii() or not number.isdigit() or len(number) > 9:
        raise Problem("there is no such document", status=404, code="not_found")
    if int(number) < held.first:
        raise Problem("this document has changed since; ask again", status=404, code="not_found")
    held.document(int(number) - held.first)
    return held, int(number) - held.first


def _index(request: Request, name: str) -> int | None:
    given = request.query_params.get(name)
    if given is None:
        return None
    if not given.isascii() or not given.isdigit() or len(given) > 9:
        raise Problem(f"{name} must be a whole number", param=name)
    return int(given)


def _parts(given: str) -> list[Part]:
    if not given:
        return []
    if not given.isascii() or not _PARTS.fullmatch(given):
        raise Problem("parts are START-END, a dot between two", param="parts")
    parts = [tuple(map(int, each.split("-"))) for each in given.split(".")]
    found = [(first, last) for first, last in parts if first < last]
    if sum(last - first for first, last in found) > _LONGEST:
        raise Problem(f"parts hold more than {_LONGEST:,} characters", param="parts")
    return found
