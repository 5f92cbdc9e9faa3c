"""Bad inputs of every format but PDF end in text or in one line, soon and in little space."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lcirc_cli.cost.peak import peak_bytes, restart_peak
from lcirc_cli.documents import ocr, read_document
from lcirc_cli.errors import DocumentError

from .bad_inputs import CASES

REFUSED = {  # what the message must say
    "text-empty.txt": "is empty",
    "text-blank.txt": "holds no text",
    "text-bom-only.txt": "holds no text",
    "text-long-line.txt": "more than 50,000,000 characters of text; split it",
    "text-noise.txt": "is not text and of no format that lcirc reads",
    "text-png.txt": "no picture" if ocr.version() else "run OCR first",
    "text-gzip.txt": "unpack it",
    "text-old-word.txt": "old or locked Office file; save it as DOCX or PDF",
    "html-nothing.html": "holds no text",
    "epub-empty.epub": "is empty",
    "epub-not-zip.epub": "damaged, or not EPUB; get another copy",
    "epub-cut.epub": "damaged or not a ZIP archive",
    "epub-no-package.epub": "no package file",
    "epub-bomb.epub": "expands 1,0",
    "epub-lying-sizes.epub": "damaged",
    "epub-up-and-out.epub": "unsafe name",
    "epub-link-out.epub": "unsafe name",
    "epub-drm.epub": "is protected (DRM)",
    "epub-locked.epub": "save it without a password",
    "epub-laughs.epub": "defines XML entities",
    "epub-many.epub": "more than 20,000 entries",
    "docx-no-document.docx": "no main part",
    "docx-cut.docx": "damaged or not a ZIP archive",
    "docx-bomb.docx": "expands 1,0",
    "docx-laughs.docx": "defines XML entities",
    "docx-deep.docx": "nested more than 250 deep",
    "docx-many-tags.docx": "more than 1,000,000 tags",
    "docx-unsafe.docx": "unsafe name",
}
READ = {  # what the text must hold
    "text-utf8-bom.txt": "Grüße",
    "text-utf16-le-bom.txt": "Grüße",
    "text-utf16-be-bom.txt": "Grüße",
    "text-utf16-le.txt": "Grüße",
    "text-utf32.txt": "Grüße",
    "text-latin1.txt": "Grüße aus Köln",
    "text-cp1252.txt": "“curly” – 5 €",
    "text-cp1251.txt": "крупнейшее",
    "text-koi8.txt": "крупнейшее",
    "text-sjis.txt": "日本語",
    "text-eucjp.txt": "日本語",
    "text-gb18030.txt": "中国",
    "text-cut-utf8.txt": "Россия",
    "text-surrogates.txt": "éé",
    "text-nuls.txt": "before  after",
    "text-line-ends.txt": "one\ntwo\nthree\nfour\nfive",
    "text-rtl.txt": "שלום",
    "text-many-lines.txt": "end",
    "markdown-fence-open.md": "# not a heading",
    "html-open-script.html": "seen",
    "html-open-comment.html": "never closed",
    "html-deep.html": "bottom",
    "html-wrong-charset.html": "café",
    "html-codec-trick.html": "café",
    "html-utf16.html": "café",
}
SECONDS = 20
MEMORY_BYTES = 1 << 30


def _processor_time() -> float:
    """Seconds of this process and of those that it has started."""
    return sum(os.times()[:4])


def test_there_are_sixty() -> None:
    assert len(CASES) >= 60
    assert not REFUSED.keys() & READ.keys()
    assert REFUSED.keys() | READ.keys() <= CASES.keys()


@pytest.mark.parametrize("name", CASES)
def test_bad_input(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(CASES[name]())
    before = restart_peak()
    start = _processor_time()
    try:
        document = read_document(path)
    except DocumentError as error:
        message = str(error)
        assert message.startswith(f"{name}: ") and "\n" not in message and len(message) < 400
        assert name not in READ, message
        assert REFUSED.get(name, "") in message
    else:
        assert name not in REFUSED, document.text[:100]
        assert READ.get(name, "") in document.text
        document.text.encode("utf-8")  # no lone surrogate is left
        assert "\0" not in document.text
        assert document.pages and document.pages[-1].end <= len(document.text)
    assert _processor_time() - start < SECONDS
    assert peak_bytes() - before < MEMORY_BYTES


@pytest.mark.parametrize(
    ("name", "note"),
    [
        ("text-latin1.txt", "read as cp1252"),
        ("text-utf16-le.txt", "read as utf-16-le"),
        ("text-koi8.txt", "read as koi8_r"),
        ("text-nuls.txt", "3 NULs removed"),
        ("text-controls.txt", "9 control characters removed"),
        ("text-cut-utf8.txt", "1 damaged character (utf-8) replaced"),
    ],
)
def test_repairs_are_told(name: str, note: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(CASES[name]())
    assert note in read_document(path).notes
