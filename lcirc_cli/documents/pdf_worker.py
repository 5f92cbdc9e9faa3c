"""Reads a PDF page by page in the child process (`worker.py`), for `pdf.py`.

Protocol, one JSON object a line (see `protocol.py`), the child's answers indented:
    {"path": str | null, "readers": [str, ...], "ocr": {...} | null}
                                                                    with the file's bytes, or a path
        {"password": "missing" | "wrong"}      answered by {"password": str}
        {"page_count": int, ...}               answered by {"pages": [int, ...]}
        {"page": int, "looking": true}         before a page whose picture is read
        {"page": int, "text": str, ...} or {"page": int, "error": str}, one for each page
        {"done": true}
        {"error": str}                         instead of any of these: the file can't be read
`pdf_notes.py` says what else may be in an answer. "ocr" is how pictures of pages are read:
    {"mode": "auto" | "all", "threads": int, "cpu_seconds": int, "memory_bytes": int,
     "page_seconds": int, "looking_bytes": int}     the last two for those pages, the others for all
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from pathlib import Path
from typing import IO, Any

from lcirc_cli.documents.allowance import allow_seconds, limit_memory
from lcirc_cli.documents.protocol import Message, describe, receive, send

_MOST_CHECKS = 200  # empty pages that the second reader looks at


def serve(requests: IO[bytes], answers: IO[bytes]) -> None:
    """Answer for one PDF."""
    request, data = _next(requests)
    looks = _Looks(request.get("ocr"), answers)
    source = data if request["path"] is None else Path(request["path"])
    reader = _open(source, request["readers"], requests, answers)
    send(answers, reader.facts())
    wanted = _next(requests)[0]["pages"]
    threading.Thread(target=_end_with_input, daemon=True).start()
    doubts = _Doubts(source)
    for number in wanted:
        send(answers, _read_page(reader, number, doubts, looks))
    send(answers, {"done": True})


def _next(requests: IO[bytes]) -> tuple[Message, bytes]:
    """The parent's next message; without a parent the process ends."""
    request = receive(requests)
    if request is None:
        os._exit(0)
    return request


def _open(source: Path | bytes, names: list[str], requests: IO[bytes], answers: IO[bytes]) -> Any:
    """The first of the readers that can open the file; passwords are asked for as it needs them."""
    from lcirc_cli.documents.pdf_pdfium import LockedError, PdfiumReader
    from lcirc_cli.documents.pdf_pypdf import PypdfReader

    password, state = "", "missing"
    failure: Exception = ValueError("no reader")
    known: list[Any] = [PdfiumReader, PypdfReader]
    if "picture" in names:
        from lcirc_cli.documents.picture import PictureReader

        known.append(PictureReader)
    for reader in known:
        if reader.name not in names:
            continue
        while True:
            try:
                return reader(source, password)
            except LockedError:
                send(answers, {"password": state})
                password = _next(requests)[0]["password"]
                state = "wrong"
            except Exception as error:
                failure = error
                break
    raise failure


class _Doubts:
    """Asks the second reader what is wrong with a page on which pdfium finds nothing at all.

    pdfium says nothing of a page whose content it can't decode.
    """

    def __init__(self, source: Path | bytes) -> None:
        self._source = source
        self._reader: Any = None
        self._left = _MOST_CHECKS

    def ask(self, number: int) -> None:
        """Raise what is wrong with the page, if anything is."""
        from lcirc_cli.documents.pdf_pypdf import PypdfReader

        if self._left == _MOST_CHECKS:
            with contextlib.suppress(Exception):
                self._reader = PypdfReader(self._source, "")
        self._left -= 1
        if self._reader is not None and self._left >= 0:
            self._reader.check(number)


class _Looks:
    """Reads pages by their pictures, each in processor time and address space of its own."""

    def __init__(self, how: dict[str, Any] | None, answers: IO[bytes]) -> None:
        self._how, self._answers = how, answers
        self._engine: Any = None
        self._spent = 0.0  # processor time of the pages so far
        if how is not None:
            allow_seconds(how["cpu_seconds"])
            limit_memory(how["memory_bytes"])

    @property
    def always(self) -> bool:
        return self._how is not None and self._how["mode"] == "all"

    def page(self, reader: Any, number: int) -> Message | None:
        """What the page's picture says; None where pictures are not read."""
        if self._how is None or not hasattr(reader, "look"):
            return None
        send(self._answers, {"page": number, "looking": True})
        begun = time.process_time()
        allow_seconds(self._how["page_seconds"] * self._how["threads"])
        limit_memory(self._how["looking_bytes"])
        try:
            if self._engine is None:
                from lcirc_cli.documents.ocr_engine import OcrEngine

                self._engine = OcrEngine(self._how["threads"])
            answer: Message = reader.look(number, self._engine)
        finally:
            now = time.process_time()
            self._spent += now - begun
            allow_seconds(self._how["cpu_seconds"] + self._spent - now)
        return answer


def _read_page(reader: Any, number: int, doubts: _Doubts, looks: _Looks) -> Message:
    try:
        if looks.always and (seen := looks.page(reader, number)) is not None:
            return {"page": number, **seen}
        answer = reader.page(number)
        if answer.pop("nothing", False):
            doubts.ask(number)
        if answer.get("pictured") and (seen := looks.page(reader, number)) is not None:
            # What few letters there are is better than nothing.
            answer.pop("scan", None)
            answer = seen if seen["text"].strip() else {**answer, "ocr": seen["ocr"]}
    except Exception as error:
        return {"page": number, "error": describe(error)}
    return {"page": number, **answer}


def _end_with_input() -> None:
    while os.read(0, 4096):
        pass
    os._exit(0)
