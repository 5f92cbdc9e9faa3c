"""EPUB and DOCX: reading order, sections, links, and what is left out."""

from __future__ import annotations

from typing import Any

from lcirc_cli.documents.docx import read_docx
from lcirc_cli.documents.epub import read_epub

from .bad_inputs import docx, epub, page, paragraph

BOOK = {
    "text/b.xhtml": page("Second", "<p>Two.</p><h2>Deeper</h2><p>Three.</p>"),
    "text/a%20b.xhtml": page("First", "<p>One.</p>"),
}


def test_chapters_come_in_spine_order() -> None:
    book = epub({name.replace("%20", " "): text for name, text in BOOK.items()}, spine=[1, 0])
    document = read_epub(book, name="a.epub")
    assert [part.section for part in document.pages] == ["First", "Second", "Deeper"]
    assert document.text == "First\n\nOne.\n\nSecond\n\nTwo.\n\nDeeper\n\nThree."
    assert (document.format, document.page_count, document.notes) == ("epub", None, ())


def test_links_are_decoded() -> None:
    chapters, linked = {"c.xhtml": page("C", "c")}, ["a%20b.xhtml"]
    whole = epub(chapters, absent=linked, extra={"OEBPS/a b.xhtml": "d"})
    assert read_epub(whole, name="x").text == "C\n\nc\n\nd"
    document = read_epub(epub(chapters, absent=linked), name="x")
    assert document.notes == ("1 of 2 chapters are not in the file",)


def test_a_chapter_without_a_heading_is_named_by_its_title() -> None:
    html = "<html><head><title>Preface</title></head><body><p>Words.</p></body></html>"
    (part,) = read_epub(epub({"a.xhtml": html}), name="x").pages
    assert part.section == "Preface"


def test_scrambled_fonts_are_not_drm() -> None:
    method = '<e><EncryptionMethod Algorithm="http://www.idpf.org/2008/embedding"/></e>'
    book = epub({"a.xhtml": page("A", "a")}, extra={"META-INF/encryption.xml": method})
    assert read_epub(book, name="x").text == "A\n\na"


def test_a_word_document() -> None:
    row = f"<w:tr><w:tc>{paragraph('a')}</w:tc><w:tc>{paragraph('b')}</w:tc></w:tr>"
    body = paragraph("Title", heading=True) + paragraph("Hello &amp; welcome.")
    body += f"<w:tbl>{row}{row}</w:tbl>{paragraph('End.')}"
    document = read_docx(docx(body), name="a.docx")
    (part,) = document.pages
    assert (document.format, part.section) == ("docx", "Title")
    assert document.text == "Title\n\nHello & welcome.\n\na\tb\na\tb\n\nEnd."


def test_a_linked_image_is_never_opened(tmp_path: Any) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("do not read")
    drawing = (
        '<w:p><w:r><w:drawing><wp:inline xmlns:wp="http://schemas.openxmlformats.org/drawingml/2006/'
        'wordprocessingDrawing"><a:graphic xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/'
        'main"><a:graphicData><pic:pic xmlns:pic="http://schemas.openxmlformats.org/drawingml/2006/'
        'picture"><pic:blipFill><a:blip xmlns:r="http://schemas.openxmlformats.org/officeDocument/'
        '2006/relationships" r:link="rId9"/></pic:blipFill></pic:pic></a:graphicData></a:graphic>'
        "</wp:inline></w:drawing></w:r></w:p>"
    )
    relations = (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        f'<Relationship Id="rId9" Type="image" Target="file://{secret}" TargetMode="External"/>'
        "</Relationships>"
    )
    data = docx(drawing + paragraph("seen"), extra={"word/_rels/document.xml.rels": relations})
    assert read_docx(data, name="a.docx").text == "seen"
