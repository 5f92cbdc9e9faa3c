"""What `hostile.py` writes: a kind of hostile document a line, most of them a few hundred kB.

A kind is a function of a random generator that returns the bytes of a file; its name ends in the
extension that the file gets.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from random import Random

from bad_inputs import LAUGHS, docx, epub, flipped, locked, lying, page, paragraph, zipped

Kind = Callable[[Random], bytes]

_W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_RELATION = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"
_RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
ESCAPES = "\x1b]0;own\x07\x1b[666n\x9b31m\u202e\u2066\x00\x7f\x08"
REFERENCES = "&#27;]0;own&#7;&#x9b;31m&#x202e;&#0;&#xD800;&#xFFFF;"


def _html(body: str, head: str = "") -> bytes:
    return f"<!doctype html><html><head>{head}</head><body>{body}</body></html>".encode()


def _times(text: str, size: int = 300_000) -> str:
    return text * (size // len(text))


def _nested(tag: str, depth: int, inside: str = "bottom") -> str:
    return f"<{tag}>" * depth + inside + f"</{tag}>" * depth


def _main_part(name: str, xml: str) -> bytes:
    """A Word file whose main part is called so."""
    relation = f'<Relationship Id="r1" Target="{name}" Type="{_RELATION}"/>'
    root = f'<Relationships xmlns="{_RELATIONS}">{relation}</Relationships>'
    return zipped({"[Content_Types].xml": "<Types/>", "_rels/.rels": root, name: xml})


def _cells(count: int, span: str) -> str:
    return "".join(f"<tr>{f'<td {span}>x</td>' * 10}</tr>" for _ in range(count))


def _zip_in_zip(rng: Random) -> bytes:
    data = b"\0" * (1 << 20)
    for _ in range(5):
        data = zipped({"a.zip": data, "b.zip": data})
    return epub({"a.xhtml": page("One", "x")}, extra={"c.zip": data})


def _same_place(rng: Random) -> bytes:
    """Many entries that all unpack the same bytes of the archive."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", "<a>" + " " * 900_000 + "</a>")
        entry = archive.infolist()[0]
        for number in range(5_000):
            twin = zipfile.ZipInfo(f"word/{number}.xml")
            twin.compress_type, twin.CRC = entry.compress_type, entry.CRC
            twin.compress_size, twin.file_size = entry.compress_size, entry.file_size
            twin.header_offset = 0
            archive.filelist.append(twin)
        archive._didModify = True  # type: ignore[attr-defined]
    return out.getvalue()


def _names(names: list[str]) -> Kind:
    return lambda rng: epub({"a.xhtml": page("One", "x")}, extra=dict.fromkeys(names, "x"))


def _gzip_in_html(rng: Random) -> bytes:
    return b"<html><p>" + zlib.compress(b"\0" * 10_000_000)


def _numbering(rng: Random) -> bytes:
    """A list item at level 10^9 with a start of 10^4000."""
    level = f'<w:numPr><w:ilvl w:val="{10**9}"/><w:numId w:val="{"9" * 4_500}"/></w:numPr>'
    return docx(f"<w:p><w:pPr>{level}</w:pPr><w:r><w:t>item</w:t></w:r></w:p>" * 150)


def _paragraphs(rng: Random, count: int) -> str:
    """Paragraphs that don't pack well."""
    return "".join(
        f'<w:p w:rsidR="{rng.random()}" w:a{rng.randrange(99)}="1"><w:r><w:t>x</w:t></w:r></w:p>'
        for _ in range(count)
    )


def _spans(rng: Random) -> bytes:
    cell = f'<w:tc><w:tcPr><w:gridSpan w:val="{10**9}"/></w:tcPr>{paragraph("x")}</w:tc>'
    return docx(f"<w:tbl>{f'<w:tr>{cell * 5}</w:tr>' * 100}</w:tbl>")


def _pdf(rng: Random) -> bytes:
    """A PDF whose attachment and title hold escapes, cut in its middle."""
    body = b"%PDF-1.7\n1 0 obj << /Type /Catalog /Pages 2 0 R /Names << /EmbeddedFiles << /Names ["
    body += b"(" + ESCAPES.encode("utf-8") + b") 3 0 R] >> >> >> endobj\n"
    return body + b"2 0 obj << /Type /Pages /Kids [" + b"4 0 R " * 50_000 + b"] /Count 999999999 >>"


def _random_archive(rng: Random) -> bytes:
    data = bytearray(epub({"a.xhtml": page("One", _times("<p>x</p>", 5_000))}))
    for mark in (b"PK\x01\x02", b"PK\x05\x06"):
        at = data.find(mark)
        for offset in range(4, 20):
            data[at + offset] = rng.randrange(256)
    return bytes(data)


def _huge_directory(rng: Random) -> bytes:
    """An end of the directory that says 65,535 entries, and another size."""
    data = bytearray(epub({"a.xhtml": page("One", "x")}))
    at = data.find(b"PK\x05\x06")
    data[at + 8 : at + 12] = struct.pack("<HH", 65_535, 65_535)
    return bytes(data)


KINDS: dict[str, Kind] = {
    # Text and Markdown
    "escapes.txt": lambda rng: f"A treaty {ESCAPES} of {'many words ' * 20}.\n".encode() * 1_000,
    "nul.txt": lambda rng: b"words \0 and words of a text that goes on " * 2_000,
    "utf7.txt": lambda rng: b"+ADw-script+AD4- is only text here. " * 500,
    "utf16-halves.txt": lambda rng: b"\xff\xfe" + b"\x00\xd8A\x00" * 50_000,
    "utf32-over.txt": lambda rng: b"\xff\xfe\0\0" + b"\xff\xff\xff\x7f" * 20_000 + b"A\0\0\0",
    "iso2022-escapes.html": lambda rng: (
        b"<html><meta charset=iso-2022-jp><p>" + b"\x1b$B\x1b(B\x1b$(D" * 60_000
    ),
    "odd-bytes.txt": lambda rng: bytes(rng.randrange(128, 256) for _ in range(200_000)),
    "dots.txt": lambda rng: ("Contents " + "." * 60_000 + " 1\n").encode() * 5,
    "blanks.txt": lambda rng: (" " * 200_000 + "x\n" + "\t " * 100_000).encode(),
    "data-uris.md": lambda rng: _times("![a](data:image/png;base64,").encode(),
    "base64-lines.md": lambda rng: (("A" * 64 + "\n") * 3 + "-\n").encode() * 1_500,
    "base64-run.txt": lambda rng: ("A" * 399 + "=").encode() * 700,
    "hashes.md": lambda rng: (("# " + "#" * 2_000 + " x\n") * 150).encode(),
    "headings.md": lambda rng: b"# a\nb\n" * 60_000,
    "long-heading.md": lambda rng: b"# " + b"title " * 60_000 + b"\ntext\n" + b"# \n" * 50_000,
    "underlines.md": lambda rng: b"a\n===\n" * 50_000,
    "fences.md": lambda rng: (("`" * 500 + "\n") * 600).encode(),
    "combining.txt": lambda rng: ("Z" + "\u0301" * 150_000).encode(),
    # HTML
    "nested.html": lambda rng: _html(_nested("div", 30_000)),
    "nested-lists.html": lambda rng: _html(_nested("ul><li", 20_000)),
    "nested-tables.html": lambda rng: _html(_nested("table><tr><td", 10_000)),
    "nested-raised.html": lambda rng: _html(_nested("sup", 30_000)),
    "nested-math.html": lambda rng: _html("<math>" + _nested("mfrac", 20_000)),
    "nested-svg.html": lambda rng: _html(_nested("svg><text", 20_000)),
    "nested-frames.html": lambda rng: _html(
        "<iframe srcdoc='" + "<iframe srcdoc=&quot;" * 10_000 + "x'>"
    ),
    "unclosed.html": lambda rng: _html(
        _times(rng.choice(("<a ", "<!--", "<![CDATA[", "<?", "</")))
    ),
    "unclosed-raw.html": lambda rng: _html(_times("<title><textarea><script><style><xmp>")),
    "unclosed-quotes.html": lambda rng: _html(_times("<b x=\"y='")),
    "ordered.html": lambda rng: _html(_times("<ol ")),
    "reversed.html": lambda rng: _html(_times("<ol reversed><li>x")),
    "spans.html": lambda rng: _html(
        f"<table>{_cells(300, f'colspan={10**9} rowspan={10**9}')}</table>"
    ),
    "spans-down.html": lambda rng: _html(f"<table>{_cells(1_500, 'rowspan=65534')}</table>"),
    "wide.html": lambda rng: _html("<table><tr>" + "<td>x" * 60_000 + "</table>"),
    "repeated-cell.html": lambda rng: _html(
        "<table><tr><td colspan=1000>" + "x" * 100_000 + "</td></tr>" + "<tr>" + "<td>y" * 1_000
    ),
    "headings.html": lambda rng: _html(
        "<h1>" + "title " * 20_000 + "</h1>" + "<h2></h2>x" * 30_000
    ),
    "list-numbers.html": lambda rng: _html(f"<ol start={'9' * 5_000} type=I><li value=999999999>x"),
    "roman.html": lambda rng: _html("<ol type=I start=999999999>" + "<li>x" * 20_000),
    "digits.html": lambda rng: _html(f"The treaty &#{'9' * 100_000}; &#x{'f' * 100_000}; ended."),
    "zeros.html": lambda rng: _html(f"The treaty &#{'0' * 100_000}65; ended."),
    "references.html": lambda rng: _html(_times(REFERENCES), head=f"<title>{REFERENCES}</title>"),
    "ampersands.html": lambda rng: _html(_times("&") + "x"),
    "half-references.html": lambda rng: _html(_times(rng.choice(("&#", "&#x", "&lt", "&a")))),
    "attributes.html": lambda rng: _html("<img alt=x " + _times("a=b ") + ">" + "<td " * 1_000),
    "long-attribute.html": lambda rng: _html("<img alt='" + _times("<b>") + "'>"),
    "base-charset.html": lambda rng: _html("x", head=_times("<meta charset=")),
    "codec.html": lambda rng: _html(
        "caf\xe9",
        head=f"<meta charset={rng.choice(('rot13', 'idna', 'unicode_escape'))}>",
    ),
    "compressed.html": _gzip_in_html,
    "drawing-references.html": lambda rng: _html("<svg>" + "<use href='#a'/>" * 20_000 + "</svg>x"),
    "doctype.html": lambda rng: (LAUGHS + "<html><body>&d;</body></html>").encode(),
    # EPUB
    "bomb.epub": lambda rng: epub({"a.xhtml": b"<p>" + b"<b>" * (20 << 20)}),
    "many-bombs.epub": lambda rng: epub(
        {f"{i}.xhtml": b"<p>" + bytes([97 + i]) * 1_000_000 for i in range(26)}
    ),
    "zip-in-zip.epub": _zip_in_zip,
    "lying.epub": lambda rng: lying(epub({"a.xhtml": b"<p>" + b"words " * 3_000_000})),
    "locked.epub": lambda rng: locked(epub({"a.xhtml": page("One", "x")})),
    "flipped.epub": lambda rng: flipped(epub({"a.xhtml": page("One", "x")}), rng.randrange(99)),
    "directory.epub": _random_archive,
    "huge-directory.epub": _huge_directory,
    "up.epub": _names(["../../etc/passwd", "..\\..\\x"]),
    "root.epub": _names(["/etc/passwd", "C:\\x"]),
    "odd-names.epub": _names([ESCAPES.replace("\0", ""), "a" * 60_000, "con", "\u202egpj.exe"]),
    "loop.epub": lambda rng: epub(
        {"a.xhtml": page("One", "x")}, spine=[0] * 50_000, absent=["OEBPS/content.opf"]
    ),
    "laughs.epub": lambda rng: epub(
        {"a.xhtml": page("One", "x")}, extra={"META-INF/encryption.xml": LAUGHS + "<l>&d;</l>"}
    ),
    "namespace.epub": lambda rng: epub(
        {"a.xhtml": "x"},
        extra={"META-INF/container.xml": f'<a xmlns="{"n" * 3_000_000}">' + "<b/>" * 20_000},
    ),
    "namespaces.epub": lambda rng: epub(
        {"a.xhtml": "x"},
        extra={
            "META-INF/container.xml": "<a "
            + " ".join(f'xmlns:a{i}="{"n" * 900}{i}"' for i in range(5_000))
            + ">"
            + "".join(f"<a{i % 5_000}:b/>" for i in range(100_000))
            + "</a>"
        },
    ),
    "attributes.epub": lambda rng: epub(
        {"a.xhtml": "x"},
        extra={
            "META-INF/container.xml": "<a "
            + " ".join(f'b{i}="{rng.randrange(99)}"' for i in range(100_000))
            + "/>"
        },
    ),
    "fallbacks.epub": lambda rng: epub(
        {f"{i}.xhtml": page("One", REFERENCES) for i in range(300)}, spine=list(range(300)) * 50
    ),
    # DOCX
    "bomb.docx": lambda rng: docx(paragraph("a" * (40 << 20))),
    "tags.docx": lambda rng: docx(_paragraphs(rng, 60_000)),
    "nested.docx": lambda rng: docx(
        "".join(f'<w:sdt w:a="{rng.random()}"><w:sdtContent>' for _ in range(20_000))
    ),
    "nested-tables.docx": lambda rng: docx(
        "<w:tbl><w:tr><w:tc>" * 80 + paragraph("x") + "</w:tc></w:tr></w:tbl>" * 80
    ),
    "laughs.docx": lambda rng: docx(paragraph("&d;"), before=LAUGHS),
    "laughs-elsewhere.docx": lambda rng: _main_part("word/evil.bin", LAUGHS + "<l>&d;</l>"),
    "elsewhere.docx": lambda rng: _main_part(
        "somewhere/x.y",
        f'<w:document xmlns:w="{_W}"><w:body>{paragraph("x")}</w:body></w:document>',
    ),
    "itself.docx": lambda rng: _main_part("_rels/.rels", "x"),
    "attribute-list.docx": lambda rng: docx(
        paragraph("x"), before='<!DOCTYPE a [<!ATTLIST w:p a CDATA "' + "x" * 50_000 + '">]>'
    ),
    "external.docx": lambda rng: docx(
        paragraph("&e;"), before='<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
    ),
    "numbers.docx": _numbering,
    "spans.docx": _spans,
    "references.docx": lambda rng: docx(paragraph("The treaty &#x9b;31m &#x202e; &#133; ended.")),
    "bad-references.docx": lambda rng: docx(paragraph(REFERENCES)),
    "wide-encoding.docx": lambda rng: docx(
        paragraph("x"), before='<?xml version="1.0" encoding="utf-32-and-more"?>'
    ),
    "same-place.docx": _same_place,
    # PDF and what is not what it says
    "broken.pdf": _pdf,
    "html-as.docx": lambda rng: _html("x"),
    "zip-as.txt": lambda rng: zipped({"a": "b"}),
    "program.html": lambda rng: b"\x7fELF" + rng.randbytes(100_000),
}
