"""Writes PDF files byte by byte, so that tests can make them wrong in exactly one place."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence

FONT = 3  # object number of the font; 1 is the catalogue, 2 the page tree


def stream(data: bytes, extra: bytes = b"", *, length: int | None = None) -> bytes:
    """A stream object's body, with a /Length of its own if `length` is given."""
    size = len(data) if length is None else length
    return b"<< /Length %d %s >>\nstream\n%s\nendstream" % (size, extra, data)


def flate(data: bytes, extra: bytes = b"") -> bytes:
    """A compressed stream object's body."""
    return stream(zlib.compress(data), b"/Filter /FlateDecode " + extra)


def show(text: str) -> bytes:
    """Page content that shows lines of ASCII text in 12 point."""
    lines = [
        line.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
        for line in text.split("\n")
    ]
    shown = " ".join(f"({line}) Tj T*" for line in lines)
    return f"BT /F1 12 Tf 14 TL 72 720 Td {shown} ET".encode("ascii")


def objects(contents: Sequence[bytes]) -> dict[int, bytes]:
    """Catalogue, page tree, font, and a page and its content for each body in `contents`."""
    kids = b" ".join(b"%d 0 R" % (4 + 2 * i) for i in range(len(contents)))
    made = {
        1: b"<< /Type /Catalog /Pages 2 0 R >>",
        2: b"<< /Type /Pages /Kids [%s] /Count %d >>" % (kids, len(contents)),
        FONT: b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    }
    for i, content in enumerate(contents):
        made[4 + 2 * i] = (
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] "
            b"/Resources << /Font << /F1 3 0 R >> >> /Contents %d 0 R >>" % (5 + 2 * i)
        )
        made[5 + 2 * i] = content
    return made


def write(
    made: Mapping[int, bytes], *, trailer: bytes = b"", header: bytes = b"%PDF-1.7\n"
) -> bytes:
    """The file with these objects, a cross-reference table and a trailer."""
    out = bytearray(b"%PDF-1.7\n")
    offsets: dict[int, int] = {}
    for number, body in made.items():
        offsets[number] = len(out)
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    size = max(made) + 1
    out += b"xref\n0 %d\n0000000000 65535 f \n" % size
    for number in range(1, size):
        if number in offsets:
            out += b"%010d 00000 n \n" % offsets[number]
        else:
            out += b"0000000000 65535 f \n"
    out += b"trailer\n<< /Size %d /Root 1 0 R %s >>\nstartxref\n%d\n%%%%EOF\n" % (
        size,
        trailer,
        start,
    )
    return bytes(out)


def text_pdf(pages: Iterable[str], *, compress: bool = False) -> bytes:
    """A PDF with these texts, one a page; an empty text makes a page without any."""
    body = flate if compress else stream
    return write(objects([body(show(page) if page else b"") for page in pages]))
