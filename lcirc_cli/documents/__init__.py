"""Readers: one small file a format, all of them returning a `Document`.

document = read_document("book.pdf", pages=parse_page_ranges("1-40,52"))
document.page_at(1_000).number
"""

from __future__ import annotations

from lcirc_cli.documents.document import Document, Page
from lcirc_cli.documents.limits import ReadLimits
from lcirc_cli.documents.page_ranges import PageRanges, parse_page_ranges
from lcirc_cli.documents.reading import read_document
from lcirc_cli.documents.sources import Source, collect_sources
from lcirc_cli.documents.whole import WholeReader

__all__ = [
    "Document",
    "Page",
    "PageRanges",
    "ReadLimits",
    "Source",
    "WholeReader",
    "collect_sources",
    "parse_page_ranges",
    "read_document",
]
