"""Sixty bad or odd text, HTML, EPUB and DOCX inputs, and makers of sound ones.

`CASES` maps a file name to a function that makes its bytes; the name's first word is the format
that the file pretends to have.
"""

from __future__ import annotations

import io
import random
import struct
import zipfile
from collections.abc import Callable, Mapping, Sequence

_CONTAINER = """<?xml version="1.0"?>
<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>
<rootfile full-path="OEBPS/content.opf" media-type="application/oebps-package+xml"/>
</rootfiles></container>"""
_WORD = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
_OFFICE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
_TYPES = (
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="xml" ContentType="application/xml"/>'
    f'<Override PartName="/word/document.xml" ContentType="{_OFFICE}"/></Types>'
)
_RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
_ROOT_RELATION = (
    f'<Relationships xmlns="{_RELATIONS}"><Relationship Id="r1" Target="word/document.xml" Type='
    '"http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"/>'
    "</Relationships>"
)
LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;"><!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;">]>'
)


def zipped(members: Mapping[str, str | bytes]) -> bytes:
    """A ZIP archive with these members."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            how = zipfile.ZIP_STORED if name == "mimetype" else zipfile.ZIP_DEFLATED
            archive.writestr(zipfile.ZipInfo(name), data, how)
    return out.getvalue()


def page(title: str, body: str) -> str:
    """A chapter of an EPUB."""
    return f"<html><head><title>{title}</title></head><body><h1>{title}</h1>{body}</body></html>"


def epub(
    chapters: Mapping[str, str | bytes],
    *,
    spine: Sequence[int] | None = None,
    extra: Mapping[str, str | bytes] | None = None,
    absent: Sequence[str] = (),
) -> bytes:
    """An EPUB of these chapters, in the order of `spine`; `absent` ones are only listed."""
    names = [*chapters, *absent]
    items = "".join(
        f'<item id="c{i}" href="{name}" media-type="application/xhtml+xml"/>'
        for i, name in enumerate(names)
    )
    order = range(len(names)) if spine is None else spine
    references = "".join(f'<itemref idref="c{i}"/>' for i in order)
    package = (
        '<package xmlns="http://www.idpf.org/2007/opf">'
        f"<manifest>{items}</manifest><spine>{references}</spine></package>"
    )
    members: dict[str, str | bytes] = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": _CONTAINER,
        "OEBPS/content.opf": package,
    }
    members |= {f"OEBPS/{name}": data for name, data in chapters.items()}
    return zipped(members | dict(extra or {}))


def paragraph(text: str, *, heading: bool = False) -> str:
    """A paragraph of a Word document."""
    style = '<w:pPr><w:pStyle w:val="Heading1"/></w:pPr>' if heading else ""
    return f"<w:p>{style}<w:r><w:t>{text}</w:t></w:r></w:p>"


def docx(body: str, *, extra: Mapping[str, str | bytes] | None = None, before: str = "") -> bytes:
    """A Word document with this body."""
    members: dict[str, str | bytes] = {
        "[Content_Types].xml": _TYPES,
        "_rels/.rels": _ROOT_RELATION,
        "word/document.xml": f"{before}<w:document {_WORD}><w:body>{body}</w:body></w:document>",
    }
    return zipped(members | dict(extra or {}))


def locked(data: bytes) -> bytes:
    """The archive with every member marked as locked."""
    out = bytearray(data)
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = out.find(mark)
        while at >= 0:
            out[at + offset] |= 1
            at = out.find(mark, at + 1)
    return bytes(out)


def lying(data: bytes) -> bytes:
    """The archive with the unpacked size of every member given as one byte."""
    out = bytearray(data)
    at = out.find(b"PK\x01\x02")
    while at >= 0:
        out[at + 24 : at + 28] = struct.pack("<I", 1)
        at = out.find(b"PK\x01\x02", at + 1)
    return bytes(out)


def flipped(data: bytes, seed: int) -> bytes:
    out = bytearray(data)
    rng = random.Random(seed)
    for _ in range(20):
        out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)
    return bytes(out)


def noise(size: int) -> bytes:
    return random.Random(size).randbytes(size)


_BOOK = {"a.xhtml": page("One", "<p>first</p>"), "b.xhtml": page("Two", "<p>second</p>")}
_TEXT = "Grüße aus Köln: der Fluß ist größer als früher.\n"
_RUSSIAN = "Россия, крупнейшее государство мира. Население страны составляет сто миллионов.\n"
_JAPANESE = "これは日本語の文章です。東京は日本の首都であり、カタカナも使います。\n"

CASES: dict[str, Callable[[], bytes]] = {
    # Text. The long line is 100 MB.
    "text-empty.txt": lambda: b"",
    "text-blank.txt": lambda: b" \n\t\n" * 10,
    "text-bom-only.txt": lambda: b"\xef\xbb\xbf",
    "text-utf8-bom.txt": lambda: b"\xef\xbb\xbf" + _TEXT.encode(),
    "text-utf16-le-bom.txt": lambda: _TEXT.encode("utf-16"),
    "text-utf16-be-bom.txt": lambda: b"\xfe\xff" + _TEXT.encode("utf-16-be"),
    "text-utf16-le.txt": lambda: _TEXT.encode("utf-16-le"),
    "text-utf16-odd.txt": lambda: _TEXT.encode("utf-16")[:-1],
    "text-utf32.txt": lambda: _TEXT.encode("utf-32"),
    "text-latin1.txt": lambda: _TEXT.encode("latin-1"),
    "text-cp1252.txt": lambda: "“curly” – 5 €".encode("cp1252"),
    "text-cp1251.txt": lambda: _RUSSIAN.encode("cp1251"),
    "text-koi8.txt": lambda: _RUSSIAN.encode("koi8_r"),
    "text-sjis.txt": lambda: _JAPANESE.encode("cp932"),
    "text-eucjp.txt": lambda: _JAPANESE.encode("euc_jp"),
    "text-gb18030.txt": lambda: "中国是世界上历史最悠久的国家之一。".encode("gb18030"),
    "text-cut-utf8.txt": lambda: (_RUSSIAN * 3).encode()[:-3],
    "text-surrogates.txt": lambda: b"a \xed\xa0\x80 b \xed\xbf\xbf c \xc3\xa9\xc3\xa9\xc3\xa9" * 9,
    "text-nuls.txt": lambda: b"before \0 after, in a text that goes on for a while\n" * 3,
    "text-controls.txt": lambda: b"a\x08b\x1b[31mred\x1b[0m and plain words that follow\n" * 3,
    "text-line-ends.txt": lambda: "one\rtwo\r\nthree\u2028four\x0cfive".encode(),
    "text-rtl.txt": lambda: "שלום עולם. مرحبا بالعالم. \u202eevil\u202c".encode(),
    "text-cjk.txt": lambda: "日本語と中文と한국어".encode(),
    "text-combining.txt": lambda: ("Z" + "\u0301" * 5000).encode(),
    "text-long-line.txt": lambda: b"word " * 20_000_000,
    "text-many-lines.txt": lambda: b"\n" * 2_000_000 + b"end",
    "text-noise.txt": lambda: noise(50_000),
    "text-noise-high.txt": lambda: bytes(range(128, 256)) * 100,
    "text-png.txt": lambda: b"\x89PNG\r\n\x1a\n" + noise(1000),
    "text-gzip.txt": lambda: b"\x1f\x8b\x08" + noise(1000),
    "text-old-word.txt": lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + noise(1000),
    # Markdown and HTML.
    "markdown-fence-open.md": lambda: b"# A\n```\n# not a heading\n" * 3,
    "markdown-hashes.md": lambda: b"#" * 100_000 + b"\n# \n#\n",
    "html-open-tags.html": lambda: b"<html>" + b"<a " * 100_000,
    "html-deep.html": lambda: b"<html>" + b"<div>" * 100_000 + b"bottom",
    "html-open-comment.html": lambda: b"<html><!-- never closed, and a word",
    "html-open-script.html": lambda: b"<html><p>seen</p><script>var a = 1;",
    "html-quotes.html": lambda: b"<html><p class='a\"b>text" + b'<b x="' * 50_000,
    "html-entities.html": lambda: b"<html>&#0; &#xD800; &#99999999999; &unknown; &amp &lt;b&gt;",
    "html-nothing.html": lambda: b"<html><head><script>x</script></head><body></body></html>",
    "html-wrong-charset.html": lambda: b"<html><meta charset='nonsense'><p>caf\xe9</p>",
    "html-codec-trick.html": lambda: b"<html><meta charset='zlib'><p>caf\xe9</p>",
    "html-utf16.html": lambda: "<html><p>café</p></html>".encode("utf-16"),
    # EPUB.
    "epub-empty.epub": lambda: b"",
    "epub-not-zip.epub": lambda: b"just words",
    "epub-cut.epub": lambda: epub(_BOOK)[:-200],
    "epub-flipped.epub": lambda: flipped(epub(_BOOK), 4),
    "epub-no-package.epub": lambda: zipped({"mimetype": "application/epub+zip"}),
    "epub-bomb.epub": lambda: epub({"a.xhtml": b"<p>" + b" " * (48 << 20)}),
    "epub-lying-sizes.epub": lambda: lying(epub({"a.xhtml": b"<p>" + b"words " * 5_000_000})),
    "epub-up-and-out.epub": lambda: epub(_BOOK, extra={"../../etc/passwd": "x"}),
    "epub-link-out.epub": lambda: epub({"../../a.xhtml": page("Out", "x")}, absent=["/etc/passwd"]),
    "epub-drm.epub": lambda: epub(
        _BOOK,
        extra={"META-INF/encryption.xml": '<e><EncryptionMethod Algorithm="http://x#aes"/></e>'},
    ),
    "epub-locked.epub": lambda: locked(epub(_BOOK)),
    "epub-laughs.epub": lambda: epub(
        _BOOK, extra={"META-INF/container.xml": LAUGHS + "<l>&d;</l>"}
    ),
    "epub-many.epub": lambda: epub(_BOOK, extra={f"x{i}": "" for i in range(21_000)}),
    # DOCX.
    "docx-no-document.docx": lambda: zipped({"[Content_Types].xml": _TYPES}),
    "docx-cut.docx": lambda: docx(paragraph("hello"))[:-100],
    "docx-bomb.docx": lambda: docx(paragraph("a" * (48 << 20))),
    "docx-laughs.docx": lambda: docx(paragraph("&d;"), before=LAUGHS),
    "docx-deep.docx": lambda: docx("<w:sdt><w:sdtContent>" * 20_000),
    "docx-nested.docx": lambda: docx(
        "<w:tbl><w:tr><w:tc>" * 3_000 + paragraph("bottom") + "</w:tc></w:tr></w:tbl>" * 3_000
    ),
    "docx-many-tags.docx": lambda: docx(
        "".join(f'<w:p w:rsidR="{i * 7919 % 0xFFFFFF:x}"/>' for i in range(1_100_000))
    ),
    "docx-unsafe.docx": lambda: docx(paragraph("hello"), extra={"C:\\evil.xml": "<a/>"}),
}
