"""Files that are attached to a PDF: their names, and the text of those that are plain text.

Runs in the child process (`worker.py`), under its limits. Knows nothing about pages.
"""

from __future__ import annotations

import contextlib
from typing import Any

NAMED_FILES, NAME_LENGTH = 5, 80  # that are named; the rest is counted
_TEXTS = (".txt", ".text", ".md", ".markdown", ".csv", ".tsv")
_LOOKED_AT = 100
_MOST_BYTES = 4 << 20  # of one, and of all together


def read_attachments(document: Any) -> tuple[list[str], list[list[str]]]:
    """(names of files that aren't read, [name, text] of those that are)."""
    names: list[str] = []
    texts: list[list[str]] = []
    room = _MOST_BYTES
    for number in range(min(document.count_attachments(), _LOOKED_AT)):
        with contextlib.suppress(Exception):  # a damaged one costs the file nothing else
            attachment = document.get_attachment(number)
            name = attachment.get_name()[:NAME_LENGTH]
            text = _text(attachment, room) if name.lower().endswith(_TEXTS) else None
            if text is not None:
                texts.append([name, text])
                room -= len(text)
            elif len(names) < NAMED_FILES:
                names.append(name)
    return names, texts


def _text(attachment: Any, room: int) -> str | None:
    """The text of one; None for one that is too large, empty or no text."""
    import ctypes

    import pypdfium2.raw as pdfium

    size = ctypes.c_ulong()
    if not pdfium.FPDFAttachment_GetFile(attachment, None, 0, size) or size.value > room:
        return None
    data = bytes(attachment.get_data())
    if b"\0" in data[:4096]:
        return None
    from lcirc_cli.documents.encoding import decode_text  # few files have attachments

    text, notes = decode_text(data)
    return text if text.strip() and not notes else None
