"""How much time and memory the reading of one document may take.

Knows nothing about formats.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ReadLimits:
    """Limits for one document; a book of 2,000 pages stays far below them.

    A reader that meets a limit raises `DocumentError` that names it: nothing is cut silently.
    """

    seconds: float = 1800.0  # the whole document
    page_seconds: float = 60.0  # one PDF page, or the opening of a PDF
    memory_bytes: int = 2 << 30  # address space of the process that reads, and ...
    ocr_memory_bytes: int = 1 << 30  # ... so much more where it reads pictures
    ocr_page_seconds: float = 180.0  # a page by its picture, beside `seconds`
    characters: int = 50_000_000  # of text, about 12 million tokens
    source_bytes: int = 512 << 20  # of a source that is held in memory whole (all but PDF files)
    lost_workers: int = 3  # pages of one PDF that may hang or crash their reader
    whole_seconds: float = 15.0  # of processor time for a document that is no PDF, and ...
    whole_seconds_per_mib: float = 8.0  # ... for each MiB of its file
    whole_memory_bytes: int = 256 << 20  # that reading it may take, and ...
    whole_memory_share: int = 150  # ... so many times its file, up to `memory_bytes`


DEFAULT_LIMITS = ReadLimits()
