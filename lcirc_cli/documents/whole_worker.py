"""Reads documents of all formats but PDF in the child process (`worker.py`), for `whole.py`.

Protocol, one JSON object a line (see `protocol.py`), the child's answers indented:
    {"format": str, "name": str, "characters": int, "cpu_seconds": int, "memory_bytes": int}
                                                            with the bytes of the file
        {"format": str, "sha256": str, "notes": [str, ...],
         "pages": [[number, section, start, end], ...]}     with the text in UTF-8
        {"refused": str}                       instead: the whole message of a DocumentError
        {"error": str}                         instead: what else went wrong, in a few words
"last": true in an answer says that the child ends after it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import IO

from lcirc_cli.documents.allowance import address_space, allow_memory, allow_seconds
from lcirc_cli.documents.document import Document
from lcirc_cli.documents.limits import ReadLimits
from lcirc_cli.documents.protocol import Message, describe, receive, send
from lcirc_cli.errors import DocumentError

_GROWTH = 128 << 20  # bytes of address space that a child may keep from document to document

Reader = Callable[..., Document]


def serve(requests: IO[bytes], answers: IO[bytes]) -> None:
    """Answer for one document after another."""
    begun = address_space()
    while (request := receive(requests)) is not None:
        answer, text = _answer(*request)
        del request
        if address_space() - begun > _GROWTH:
            answer["last"] = True
        send(answers, answer, text)
        if answer.get("last", False):
            return


def _answer(message: Message, data: bytes) -> tuple[Message, bytes]:
    allow_seconds(message["cpu_seconds"])
    allow_memory(message["memory_bytes"])
    try:
        document = _read(data, message)
        return _told(document), document.text.encode("utf-8", "surrogatepass")
    except DocumentError as error:
        return {"refused": str(error)}, b""
    except MemoryError:
        size = f"{message['memory_bytes'] / (1 << 20):,.0f} MiB"
        return {"error": f"needs more than {size} of memory", "last": True}, b""
    except Exception as error:  # of a reader or a library, which may have left anything behind
        return {"error": describe(error), "last": True}, b""


def _read(data: bytes, message: Message) -> Document:
    """The document, by the reader of its format."""
    limits = ReadLimits(characters=message["characters"])
    name, format = message["name"], message["format"]
    if format == "zip":
        from lcirc_cli.documents.archive import Archive
        from lcirc_cli.documents.detect import HEAD_BYTES, detect_zip

        archive = Archive(data, name=name, max_member_bytes=0)
        format = detect_zip(data[:HEAD_BYTES], archive.names(), name=name)
    return _reader(format)(data, name=name, limits=limits)


def _reader(format: str) -> Reader:
    """The reader of a format, imported when it is needed: most folders hold one or two."""
    if format == "html":
        from lcirc_cli.documents.html import read_html

        return read_html
    if format == "epub":
        from lcirc_cli.documents.epub import read_epub

        return read_epub
    if format == "docx":
        from lcirc_cli.documents.docx import read_docx

        return read_docx
    from lcirc_cli.documents.text import read_text

    return partial(read_text, markdown=format == "markdown")


def _told(document: Document) -> Message:
    return {
        "format": document.format,
        "sha256": document.sha256,
        "notes": document.notes,
        "pages": [(page.number, page.section, page.start, page.end) for page in document.pages],
    }
