"""The child process that reads a PDF, page by page, under limits. Run as a script, never imported.

A file from strangers can make its reader loop, fill the memory or fail in any way. All of that
happens here, and the parent (`pdf.py`) sees pages, an error or a dead process. Imports no torch,
and of lcirc only what reads a PDF.

Protocol, one JSON object a line, the child's answers indented:
    {"path": str | null, "size": int, "memory_bytes": int, "cpu_seconds": int,
     "readers": [str, ...]}                                                    then `size` bytes
        {"password": "missing" | "wrong"}      answered by {"password": str}
        {"page_count": int, ...}               answered by {"pages": [int, ...]}
        {"page": int, "text": str, ...} or {"page": int, "error": str}, one for each page
        {"done": true}
        {"error": str}                         instead of any of these: the file can't be read
`pdf_notes.py` says what else may be in an answer. When its standard input closes, the parent is
gone and the child ends.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path
from types import ModuleType
from typing import IO, Any

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

OUT_OF_MEMORY = 70  # exit status of a child that its own watchdog stopped
_PR_SET_PDEATHSIG = 1
_ERROR_CHARACTERS = 200
_MOST_CHECKS = 200  # empty pages that the second reader looks at


def main() -> None:
    """Serve one request on standard input and output, then end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what Ctrl-C means
    _die_with_parent()
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # nothing else may write into the protocol
    logging.disable(logging.CRITICAL)
    requests = sys.stdin.buffer
    request = json.loads(requests.readline())
    data = requests.read(request["size"])
    _limit(request["memory_bytes"], request["cpu_seconds"])
    source = data if request["path"] is None else Path(request["path"])
    try:
        _serve(source, request["readers"], requests, answers)
    except Exception as error:
        _send(answers, {"error": _describe(error)})
    answers.flush()
    os._exit(0)  # taking a large object graph apart would only cost time


def _serve(source: Path | bytes, names: list[str], requests: IO[bytes], answers: IO[str]) -> None:
    _import_alone()
    reader = _open(source, names, requests, answers)
    _send(answers, reader.facts())
    wanted = json.loads(requests.readline())["pages"]
    threading.Thread(target=_end_with_input, daemon=True).start()
    doubts = _Doubts(source)
    for number in wanted:
        _send(answers, _read_page(reader, number, doubts))
    _send(answers, {"done": True})


def _import_alone() -> None:
    """Let the files beside this one be imported without what their packages import."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # each takes 32 MiB of the memory limit
    folder = Path(__file__).resolve().parent
    for name, place in (("lcirc_cli", folder.parent), ("lcirc_cli.documents", folder)):
        package = ModuleType(name)
        package.__path__ = [str(place)]
        sys.modules.setdefault(name, package)


def _open(source: Path | bytes, names: list[str], requests: IO[bytes], answers: IO[str]) -> Any:
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
                _send(answers, {"password": state})
                password = json.loads(requests.readline())["password"]
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


def _read_page(reader: Any, number: int, doubts: _Doubts) -> dict[str, Any]:
    try:
        answer = reader.page(number)
        if answer.pop("nothing", False):
            doubts.ask(number)
    except Exception as error:
        return {"page": number, "error": _describe(error)}
    return {"page": number, **answer}


def _describe(error: BaseException) -> str:
    text = " ".join(str(error).split())
    text = "".join(c if c.isprintable() else "?" for c in text)[:_ERROR_CHARACTERS]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _send(answers: IO[str], message: dict[str, Any]) -> None:
    answers.write(json.dumps(message) + "\n")  # ASCII only, so lone surrogates survive
    answers.flush()


def _end_with_input() -> None:
    while os.read(0, 4096):
        pass
    os._exit(0)


def _die_with_parent() -> None:
    """Ask Linux to kill this process when its parent dies, whatever it is busy with then."""
    if sys.platform != "linux":
        return
    import ctypes

    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _limit(memory_bytes: int, cpu_seconds: int) -> None:
    """Hard limits by the kernel where it has them; Windows has neither."""
    if resource is None:
        return
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds))
    with contextlib.suppress(OSError, ValueError):  # a stricter limit may be there already
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    if sys.platform != "linux":  # macOS takes the limit and does not keep it
        threading.Thread(target=_watch_memory, args=(memory_bytes,), daemon=True).start()


def _watch_memory(memory_bytes: int) -> None:
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB elsewhere
    while resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit <= memory_bytes:
        time.sleep(0.2)
    os._exit(OUT_OF_MEMORY)


if __name__ == "__main__":
    main()
