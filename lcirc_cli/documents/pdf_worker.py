"""Reads a PDF page by page in the child process (`worker.py`), for `pdf.py`.

Protocol, one JSON object a line (see `protocol.py`), the child's answers indented:
    {"path": str | null, "readers": [str, ...]}                     with the file's bytes, or a path
        {"password": "missing" | "wrong"}      answered by {"password": str}
        {"page_count": int, ...}               answered by {"pages": [int, ...]}
        {"page": int, "text": str, ...} or {"page": int, "error": str}, one for each page
        {"done": true}
        {"error": str}                         instead of any of these: the file can't be read
`pdf_notes.py` says what else may be in an answer.
"""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path
from typing import IO, Any

from lcirc_cli.documents.protocol import Message, describe, receive, send

_MOST_CHECKS = 200  # empty pages that the second reader looks at


def serve(requests: IO[bytes], answers: IO[bytes]) -> None:
    """Answer for one PDF."""
    request, data = _next(requests)
    source = data if request["path"] is None else Path(request["path"])
    reader = _open(source, request["readers"], requests, answers)
    send(answers, reader.facts())
    wanted = _next(requests)[0]["pages"]
    threading.Thread(target=_end_with_input, daemon=True).start()
    doubts = _Doubts(source)
    for number in wanted:
        send(answers, _read_page(reader, number, doubts))
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
    for reader in (PdfiumReader, PypdfReader):
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


def _read_page(reader: Any, number: int, doubts: _Doubts) -> Message:
    try:
        answer = reader.page(number)
        if answer.pop("nothing", False):
            doubts.ask(number)
    except Exception as error:
        return {"page": number, "error": describe(error)}
    return {"page": number, **answer}


def _end_with_input() -> None:
    while os.read(0, 4096):
        pass
    os._exit(0)
