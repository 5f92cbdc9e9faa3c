"""The child process that reads a PDF, page by page, under limits. Run as a script, never imported.

pypdf is pure Python and meets files from strangers: a file can make it loop, fill the memory or
fail in any way. All of that happens here, and the parent (`pdf.py`) sees pages, an error or a dead
process. Imports nothing of lcirc and no torch.

Protocol, one JSON object a line, the child's answers indented:
    {"path": str | null, "size": int, "memory_bytes": int, "cpu_seconds": int}   then `size` bytes
        {"password": "missing" | "wrong"}      answered by {"password": str}
        {"page_count": int}                    answered by {"pages": [int, ...]}
        {"page": int, "text": str} or {"page": int, "error": str}, one for each page
        {"done": true}
        {"error": str}                         instead of any of these: the file can't be read
When its standard input closes, the parent is gone and the child ends.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import IO, Any

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

OUT_OF_MEMORY = 70  # exit status of a child that its own watchdog stopped
_PR_SET_PDEATHSIG = 1
_ERROR_CHARACTERS = 200


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
    try:
        _serve(request["path"], data, requests, answers)
    except Exception as error:
        _send(answers, {"error": _describe(error)})
    answers.flush()
    os._exit(0)  # taking a large object graph apart would only cost time


def _serve(path: str | None, data: bytes, requests: IO[bytes], answers: IO[str]) -> None:
    from pypdf import PdfReader

    _mend_space_width()
    with Path(path).open("rb") if path is not None else io.BytesIO(data) as stream:
        reader = PdfReader(stream)
        if reader.is_encrypted:
            _unlock(reader, requests, answers)
        _send(answers, {"page_count": len(reader.pages)})
        wanted = json.loads(requests.readline())["pages"]
        threading.Thread(target=_end_with_input, daemon=True).start()
        for number in wanted:
            _send(answers, _read_page(reader, number))
        _send(answers, {"done": True})


def _mend_space_width() -> None:
    """Keep the words of composite fonts without a space glyph apart.

    pypdf takes the width of glyph 32 for that of a space, whatever glyph 32 is. Where it is wide,
    narrower gaps between words are lost: in one 193-page manual half of all words stick together.
    Without a space character pypdf falls back to its own default width, which fits.
    """
    try:
        from pypdf.generic._font import Font

        original = Font.from_font_resource.__func__  # type: ignore[attr-defined]
    except (ImportError, AttributeError):
        return  # another pypdf than the tested ones; the words of such files stick together

    def from_font_resource(cls: type[Font], resource: Any) -> Font:
        font: Font = original(cls, resource)
        if font.sub_type == "Type0" and " " not in font.character_map.values():
            font.space_char = ""
        return font

    Font.from_font_resource = classmethod(from_font_resource)  # type: ignore


def _unlock(reader: Any, requests: IO[bytes], answers: IO[str]) -> None:
    """Ask for passwords until one opens the file; files without a user password open at once."""
    opened = reader.decrypt("")
    state = "missing"
    while not opened:
        _send(answers, {"password": state})
        opened = reader.decrypt(json.loads(requests.readline())["password"])
        state = "wrong"


def _read_page(reader: Any, number: int) -> dict[str, Any]:
    known = len(reader.resolved_objects)
    try:
        page = reader.pages[number - 1]
        answer = {"page": number, "text": page.extract_text()}
    except Exception as error:
        return {"page": number, "error": _describe(error)}
    with contextlib.suppress(Exception):  # its text is here, whatever is odd about the page
        _forget_streams(reader, page, known)
    return answer


def _forget_streams(reader: Any, page: Any, known: int) -> None:
    """Drop what this page alone needed, so that memory does not grow with the page count.

    pypdf keeps every object that it has resolved, and a decoded copy of every stream. Fonts and
    object streams stay: many pages share them. What is dropped would be read again from the file.
    """
    resolved = reader.resolved_objects
    contents = page.get("/Contents")
    direct = getattr(contents, "indirect_reference", None)
    references = [direct, *(contents if isinstance(contents, list) else [])]
    for reference in references:
        resolved.pop((getattr(reference, "generation", 0), getattr(reference, "idnum", 0)), None)
    added = itertools.islice(reversed(resolved), max(0, len(resolved) - known))
    for key in list(added):
        stream = resolved[key]
        if isinstance(stream, dict) and stream.get("/Subtype") in ("/Image", "/Form"):
            del resolved[key]


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
