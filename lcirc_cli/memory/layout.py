"""How a memory's documents and pages are laid out in the parts of a `.lcirc` file.

    text              U8  [bytes]   the documents' texts in UTF-8, one after another
    pages             I64 [P, 4]    number, section (index into its document's list), start, end;
                                    -1 stands for None
    segment_lengths   I32 [S]
    scan_words, scan_boxes          see scans.py; only where there are any

The rest of a document is JSON in the header: its pages' printed numbers (`labels`, one or null a
page), the pages that were `asked` for and what `ocr` read only where there are any. Texts and pages
are read when they are used, a document at a time. The other parts: tokens.py, words.py, rows.py.
Never imports torch.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from lcirc_cli.documents.document import Page
from lcirc_cli.memory.arrays import array_part, read_array
from lcirc_cli.memory.container import Container
from lcirc_cli.memory.contents import StoredDocument
from lcirc_cli.memory.pages import check_pages
from lcirc_cli.memory.scans import (
    after_scans,
    check_scans,
    read_scans,
    scan_parts,
    sizes_of_scans,
)
from lcirc_cli.memory.writing import Part

MOST_PAGES = 2**31  # the highest number of a page
# A str may hold lone surrogates (file names do); in valid text this is plain UTF-8.
_UTF8 = ("utf-8", "surrogatepass")


def write_documents(
    documents: Sequence[StoredDocument], *, jumps: Sequence[int]
) -> tuple[str, list[Part]]:
    """The documents as JSON for the header, and the parts `text` and `pages`.

    Args:
        jumps: of each document; see tokens.py.
    """
    texts = [document.text.encode(*_UTF8) for document in documents]
    records, rows = [], []
    for document, text, far in zip(documents, texts, jumps, strict=True):
        sections = list(dict.fromkeys(p.section for p in document.pages if p.section is not None))
        index = {section: position for position, section in enumerate(sections)}
        for page in document.pages:
            number = -1 if page.number is None else page.number
            section = -1 if page.section is None else index[page.section]
            rows.append((number, section, page.start, page.end))
        records.append(
            {
                "name": document.name,
                "sha256": document.sha256,
                "format": document.format,
                "text_bytes": len(text),
                "characters": len(document.text),
                "pages": len(document.pages),
                "sections": sections,
                "page_count": document.page_count,
                "empty_pages": document.empty_pages,
                "notes": document.notes,
                "tokens": document.num_tokens,
                "segments": document.num_segments,
                "jumps": far,
            }
        )
        if document.asked:
            records[-1]["asked"] = document.asked
        if document.ocr:
            records[-1]["ocr"] = document.ocr
        if document.scans:
            records[-1]["scans"] = sizes_of_scans(document.scans)
        if any(page.label is not None for page in document.pages):
            records[-1]["labels"] = [page.label for page in document.pages]
    pages = np.array(rows, np.int64).reshape(len(rows), 4)
    parts = [
        Part("text", "U8", (sum(map(len, texts)),), texts),
        array_part("pages", pages),
        *scan_parts([scan for document in documents for scan in document.scans]),
    ]
    return json.dumps(records), parts


def read_documents(
    container: Container, records: Sequence[dict[str, Any]]
) -> tuple[StoredDocument, ...]:
    """What `write_documents` wrote; each document's tokens and segments follow the one before.

    Texts and pages are read when they are asked for.

    Args:
        records: those of the header, `records.document_records`.

    Raises:
        ValueError: the records or their sizes don't agree.
    """
    documents: list[StoredDocument] = []
    at_scan = (0, 0)  # words, bytes
    at_text = at_page = at_token = at_segment = 0
    for record in records:
        end_text, end_page = at_text + record["text_bytes"], at_page + record["pages"]
        labels = record.get("labels")
        if labels is not None and len(labels) != record["pages"]:
            raise ValueError(f"the labels of {record['name']!r} are not those of its pages")
        documents.append(
            StoredDocument(
                name=record["name"],
                sha256=record["sha256"],
                format=record["format"],
                text=partial(_text, container, record, (at_text, end_text)),
                pages=partial(_pages, container, record, (at_page, end_page)),
                page_count=record["page_count"],
                empty_pages=tuple(record["empty_pages"]),
                notes=tuple(record["notes"]),
                first_token=at_token,
                num_tokens=record["tokens"],
                first_segment=at_segment,
                num_segments=record["segments"],
                asked=record.get("asked") or "",
                ocr=record.get("ocr") or "",
                scans=partial(read_scans, container, record, at_scan),
            )
        )
        at_scan = after_scans(record, at_scan)
        at_text, at_page = end_text, end_page
        at_token, at_segment = at_token + record["tokens"], at_segment + record["segments"]
    sizes = {"text": (at_text,), "pages": (at_page, 4)}
    if any(name not in container.entries for name in sizes):
        raise ValueError("the text or the pages are missing")
    if any(container.entries[name].shape != shape for name, shape in sizes.items()):
        raise ValueError("the documents don't fill the text or the pages")
    check_scans(container, at_scan)
    return tuple(documents)


def _text(container: Container, record: dict[str, Any], place: tuple[int, int]) -> str:
    with container.consistent():
        text = read_array(container, "text", dtype="U8", rows=place).tobytes().decode(*_UTF8)
        if len(text) != record["characters"]:
            raise ValueError(f"the text of {record['name']!r} has another length than it says")
    return text


def _pages(
    container: Container, record: dict[str, Any], place: tuple[int, int]
) -> tuple[Page, ...]:
    with container.consistent():
        rows = read_array(container, "pages", dtype="I64", dims=2, rows=place).tolist()
        labels = record.get("labels") or [None] * len(rows)
        pages = tuple(
            _page(row, record["sections"], label) for row, label in zip(rows, labels, strict=True)
        )
        check_pages(pages, characters=record["characters"], name=record["name"])
    return pages


def _page(row: list[int], sections: list[str], label: str | None) -> Page:
    number, section, start, end = row
    if not -1 <= number <= MOST_PAGES or not -1 <= section < len(sections):
        raise ValueError("a page's number or section is out of range")
    return Page(
        number=None if number == -1 else number,
        section=None if section == -1 else sections[section],
        start=start,
        end=end,
        label=label,
    )
