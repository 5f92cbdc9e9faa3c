"""Reads a PDF, or a picture, into pages of text, in a child process that may hang or crash.

Pages keep their physical numbers. A page that can't be read is reported by number and the rest is
read; a file of which nothing can be read is refused. Knows nothing about how pages are read.
"""

from __future__ import annotations

import math
import os
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lcirc_cli.console import one_line
from lcirc_cli.documents import ocr
from lcirc_cli.documents.assemble import Part, build_document, too_long
from lcirc_cli.documents.child import ChildProcess, WorkerLostError
from lcirc_cli.documents.cleaning import clean_text, describe_repairs
from lcirc_cli.documents.document import Document
from lcirc_cli.documents.kept_pages import KeptPages
from lcirc_cli.documents.limits import DEFAULT_LIMITS, ReadLimits
from lcirc_cli.documents.page_ranges import PageRanges, format_pages
from lcirc_cli.documents.pdf_notes import PdfNotes, label_of
from lcirc_cli.documents.reflow import Reflow
from lcirc_cli.errors import DocumentError

Password = str | Callable[[], str | None] | None
Watch = Callable[[int, int], object]  # pages that are done, pages in all

_GIVE_PASSWORD = "give it with --password-file FILE, LCIRC_PASSWORD or at the prompt on a terminal"
_DAMAGED = "damaged or no {}, try another copy"
_READERS = {"pdf": ("pdfium", "pypdf"), "picture": ("picture",)}
_PROMPTS = 3


def read_pdf(
    source: Path | bytes,
    *,
    name: str,
    sha256: str,
    format: str = "pdf",
    password: Password = None,
    pages: PageRanges | None = None,
    limits: ReadLimits = DEFAULT_LIMITS,
    watch: Watch | None = None,
    mode: str = "off",
    kept: KeptPages | None = None,
) -> Document:
    """Read a PDF, or a picture, from a file or from bytes in memory.

    `password` may be a function: it is called only if the file needs one, up to three times.
    `watch` is told how many pages are done, and of how many; what it raises ends the reading.
    `mode` says which pages are read by their pictures, one of `ocr.MODES`; those that `kept` has
    are not read so again.

    Raises:
        DocumentError: not readable, locked, without text, or over a limit.
        UsageError: `pages` lies outside the document.
    """
    reading = _Reading(source, name, password, pages, limits, watch, format, mode, kept)
    reading.run()
    return reading.document(sha256)


@dataclass
class _Reading:
    """The reading of one PDF, over as many child processes as it takes."""

    source: Path | bytes
    name: str
    password: Password
    pages: PageRanges | None
    limits: ReadLimits
    watch: Watch | None = None
    format: str = "pdf"
    mode: str = "off"
    kept: KeptPages | None = None
    page_count: int = 0
    wanted: list[int] | None = None  # page numbers, known once the file is open
    reflow: Reflow = field(default_factory=Reflow)
    read: dict[int, str | None] = field(default_factory=dict)  # pages in `reflow`: their labels
    failures: dict[int, str] = field(default_factory=dict)
    repairs: Counter[str] = field(default_factory=Counter)
    notes: PdfNotes = field(default_factory=PdfNotes)
    readers: tuple[str, ...] = ()
    scans: list[ocr.Scan] = field(default_factory=list)
    wants: bool = False  # whether a page was read by its picture, or should be
    characters: int = 0
    deadline: float = 0.0  # by the monotonic clock

    def run(self) -> None:
        """Fill `read`, `reflow` and `failures` for all wanted pages."""
        self.deadline = time.monotonic() + self.limits.seconds
        self.readers = self.readers or _READERS[self.format]
        lost = 0
        while self.wanted is None or self._remaining():
            with self._start() as process:
                if not self._open(process):
                    continue
                try:
                    self._read_pages(process)
                except WorkerLostError as loss:
                    lost += 1
                    if remaining := self._remaining():  # else it died after its last page
                        self._lost_at(remaining[0], str(loss), lost)

    def _start(self) -> ChildProcess:
        """A child that opens the file."""
        limits, looks = self.limits, bool(ocr.engine(self.mode))
        seconds = math.ceil(limits.seconds) + 1
        most = limits.memory_bytes + (limits.ocr_memory_bytes if looks else 0)
        process = ChildProcess(
            "pdf_worker", memory_bytes=most, cpu_seconds=None if looks else seconds
        )
        how = {
            "mode": self.mode,
            "threads": ocr.threads(),
            "cpu_seconds": seconds,
            "memory_bytes": limits.memory_bytes,
            "page_seconds": math.ceil(limits.ocr_page_seconds),
            "looking_bytes": most,
        }
        request = {
            "path": None if isinstance(self.source, bytes) else os.fspath(self.source),
            "readers": self.readers,
            "ocr": how if looks else None,
        }
        process.send(request, self.source if isinstance(self.source, bytes) else b"")
        return process

    def _lost_at(self, page: int, reason: str, lost: int) -> None:
        """Give up a page whose reading hung or crashed; refuse the file if that is one too many."""
        if time.monotonic() >= self.deadline:
            raise DocumentError(
                f"{self.name}: reading took longer than {self.limits.seconds:,.0f} s and was "
                f"stopped at page {page:,} of {self.page_count:,}; read fewer with --pages"
            )
        if lost > self.limits.lost_workers:
            raise DocumentError(f"{self.name}: page {page:,} can't be read ({reason})")
        self.failures[page] = reason

    def _remaining(self) -> list[int]:
        done = {*self.read, *self.failures}
        return [number for number in self.wanted or [] if number not in done]

    def _receive(self, process: ChildProcess) -> dict[str, Any]:
        left = self.deadline - time.monotonic()
        return process.receive(min(self.limits.page_seconds, left))[0]

    def _open(self, process: ChildProcess) -> bool:
        """Whether the file is open; where opening it crashed, the second reader is to try."""
        try:
            message = self._receive(process)
            for _ in range(_PROMPTS):
                if "password" not in message:
                    break
                process.send({"password": self._next_password(message["password"])})
                message = self._receive(process)
        except WorkerLostError as loss:
            if len(self.readers) > 1 and time.monotonic() < self.deadline:
                self.readers = self.readers[1:]
                return False
            raise DocumentError(f"{self.name}: {self._damaged()} ({loss})") from None
        if "password" in message:
            raise DocumentError(f"{self.name}: the password is wrong; {_GIVE_PASSWORD}")
        if "error" in message:
            raise DocumentError(f"{self.name}: {self._damaged()} ({message['error']})")
        if self.wanted is None:
            if self.pages is not None:
                message["texts"] = []  # whoever asks for some pages wants nothing else
            self.notes.file(message)
            self.page_count = message["page_count"]
            self.wanted = self._resolve_pages()
        return True

    def _next_password(self, state: str) -> str:
        if callable(self.password):
            asked = time.monotonic()
            given = self.password()
            self.deadline += time.monotonic() - asked  # a person's time does not count
        else:
            given = self.password
            if given is not None and state == "wrong":
                raise DocumentError(f"{self.name}: the password is wrong; {_GIVE_PASSWORD}")
        if given is None:
            raise DocumentError(f"{self.name}: locked with a password; {_GIVE_PASSWORD}")
        return given

    def _resolve_pages(self) -> list[int]:
        if self.page_count == 0:
            raise DocumentError(f"{self.name}: this PDF has no pages")
        if self.pages is None:
            return list(range(1, self.page_count + 1))
        return self.pages.resolve(self.page_count, name=self.name)

    def _damaged(self) -> str:
        return _DAMAGED.format("PDF" if self.format == "pdf" else "picture")

    def _read_pages(self, process: ChildProcess) -> None:
        done = {} if self.kept is None else self.kept.pages
        wanted = self._remaining()
        ahead = [number for number in wanted if number in done]
        process.send({"pages": [number for number in wanted if number not in done]})
        while "done" not in (message := self._receive(process)):
            if "page" not in message:  # the child failed outside of any page
                raise WorkerLostError(message["error"])
            while ahead and ahead[0] < message["page"]:
                self._take(done[ahead.pop(0)])
            if "looking" in message:
                message = self._receive_look(process)
            if "error" in message:
                self.failures[message["page"]] = message["error"]
                continue
            if self.kept is not None and "words" in message:
                self.kept.add(message)
            self._take(message)
        for number in ahead:
            self._take(done[number])

    def _receive_look(self, process: ChildProcess) -> dict[str, Any]:
        """The answer on a page whose picture is read, in time of its own."""
        begun = time.monotonic()
        try:
            return process.receive(self.limits.ocr_page_seconds)[0]
        finally:
            self.deadline += time.monotonic() - begun

    def _take(self, message: dict[str, Any]) -> None:
        """A page that was read."""
        self.notes.page(message)
        self.wants |= "ocr" in message or "pictured" in message
        if "words" in message:
            self.scans.append(ocr.scan_of(message))
        text, repairs = clean_text(message["text"])
        self.repairs.update(repairs)
        self.characters += len(text)
        if self.characters > self.limits.characters:
            raise too_long(self.name, self.limits)
        self.reflow.add(text)  # while the child reads the next page
        self.read[message["page"]] = label_of(message)
        if self.watch is not None:
            self.watch(len(self.read), len(self.wanted or ()))

    def document(self, sha256: str) -> Document:
        """What was read, as a Document; refuses one without any text."""
        parts = [
            Part(text, number=number, label=label)
            for (number, label), text in zip(self.read.items(), self.reflow.pages(), strict=True)
        ]
        parts += self._attached()
        empty = [part.number for part in parts if part.number and not part.text.strip()]
        if len(empty) == len(self.read):
            raise DocumentError(f"{self.name}: {self._why_empty(empty)}")
        notes = [*self.notes.lines(ocr.remedy(self.mode)), *describe_repairs(self.repairs)]
        if self.failures:
            notes.append(self._failed_pages())
        document = build_document(
            self.name,
            parts,
            sha256=sha256,
            format=self.format,
            limits=self.limits,
            page_count=self.page_count,
            empty_pages=empty,
            notes=notes,
        )
        mark = ocr.mark(self.mode, wanted=self.wants or self.mode == "all")
        return replace(document, ocr=mark, scans=tuple(self.scans))

    def _attached(self) -> list[Part]:
        """The attached texts, each a section without a page."""
        parts = []
        for name, text in self.notes.facts.get("texts", []):
            text, repairs = clean_text(text)
            self.repairs.update(repairs)
            named = " ".join(one_line(name).split())
            parts.append(Part(text.strip("\n"), section=f"attached file {named}"))
        return parts

    def _failed_pages(self) -> str:
        failed = sorted(self.failures)
        where = "" if len(failed) == 1 else f"page {failed[0]:,}: "
        return f"{format_pages(failed)} can't be read ({where}{self.failures[failed[0]]})"

    def _why_empty(self, empty: list[int]) -> str:
        if self.failures:
            return f"{self._failed_pages()}, and no other page holds text"
        scope = "" if self.pages is None else f"{format_pages(empty)}: "
        if self.notes.pages["silent"]:
            return f"{scope}no text layer, and OCR finds no text in its pictures"
        remedy = f", {ocr.remedy(self.mode)}" if self.wants else ""  # else they show nothing
        return f"{scope}no text layer; run OCR first, e.g. ocrmypdf{remedy}"
