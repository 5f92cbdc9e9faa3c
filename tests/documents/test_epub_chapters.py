"""EPUB: every chapter is read whatever its type and name; what isn't read is counted."""

from __future__ import annotations

import time

import pytest

from lcirc_cli.cost.peak import peak_bytes, restart_peak
from lcirc_cli.documents.epub import read_epub
from lcirc_cli.errors import DocumentError

from .bad_inputs import epub, page, zipped

CONTAINER = '<container><rootfiles><rootfile full-path="c.opf"/></rootfiles></container>'


def book(
    items: list[tuple[str, str, str]], members: dict[str, str | bytes], more: str = ""
) -> bytes:
    """A book of (href, media type, further attributes), each also in the spine."""
    manifest = "".join(
        f'<item id="i{i}" href="{href}" media-type="{kind}" {attributes}/>'
        for i, (href, kind, attributes) in enumerate(items)
    )
    spine = "".join(f'<itemref idref="i{i}"/>' for i in range(len(items)))
    package = f"<package><manifest>{manifest}{more}</manifest><spine>{spine}</spine></package>"
    start: dict[str, str | bytes] = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": CONTAINER,
        "c.opf": package,
    }
    return zipped(start | members)


TYPES = [
    "application/xhtml+xml",
    "text/html",
    "text/x-oeb1-document",
    "application/xml",
    "text/xml",
]
TYPES += ["", "application/octet-stream", "application/x-dtbook+xml", "TEXT/HTML"]


@pytest.mark.parametrize("media_type", TYPES)
def test_chapters_of_any_type(media_type: str) -> None:
    data = book([("a.x", media_type, "")], {"a.x": page("One", "<p>words</p>")})
    document = read_epub(data, name="x")
    assert document.text == "One\n\nwords"
    assert document.notes == ()


@pytest.mark.parametrize(
    ("href", "member"),
    [
        ("chapter%201.xhtml", "chapter 1.xhtml"),
        ("chapter%201.xhtml", "chapter%201.xhtml"),
        ("caf%C3%A9.xhtml#top", "café.xhtml"),
        ("a#b.xhtml", "a#b.xhtml"),
        ("./x/../a.xhtml", "a.xhtml"),
        ("Chapter.XHTML", "chapter.xhtml"),
    ],
)
def test_names_of_chapters(href: str, member: str) -> None:
    data = book([(href, "text/html", "")], {member: page("One", "")})
    assert read_epub(data, name="x").text == "One"


def test_pictures_drawings_and_what_stands_in_for_them() -> None:
    items = [
        ("cover.jpg", "image/jpeg", ""),
        ("plan.svg", "image/svg+xml", ""),
        ("film.mp4", "video/mp4", 'fallback="f"'),
        ("data.bin", "application/x-unknown", ""),
    ]
    members: dict[str, str | bytes] = {
        "cover.jpg": b"\xff\xd8\xff",
        "plan.svg": "<svg><text>Plan of the tower</text><path/></svg>",
        "film.mp4": b"\0\1\2",
        "film.html": "<p>What the film shows.</p>",
        "data.bin": b"\0\1\2\3" * 50,
    }
    more = '<item id="f" href="film.html" media-type="text/html"/>'
    document = read_epub(book(items, members, more), name="x")
    assert document.text == "Plan of the tower\n\nWhat the film shows."
    assert document.notes == ("1 of 4 chapters can't be read", "1 picture not read")


def test_the_table_of_contents_is_no_text() -> None:
    toc = '<html><body><nav epub:type="toc"><ol><li>One</li></ol></nav></body></html>'
    members: dict[str, str | bytes] = {"nav.xhtml": toc, "a.xhtml": page("One", "<p>words</p>")}
    for attributes in ("", 'properties="nav"'):
        items = [("nav.xhtml", "text/html", attributes), ("a.xhtml", "text/html", "")]
        document = read_epub(book(items, members), name="x")
        assert document.text == "One\n\nwords"
        assert document.notes == ("1 table of contents of the book left out",)


def test_notes_and_printed_pages() -> None:
    body = (
        '<p>in 1871<a epub:type="noteref" href="#n1">1</a>. It'
        '<span epub:type="pagebreak" title="12"/> burned'
        '<span epub:type="pagebreak">13</span> oil'
        '<a role="doc-noteref" href="#n2"><sup>2</sup></a></p>'
        '<aside epub:type="footnote">Some say 1872.</aside>'
    )
    document = read_epub(epub({"a.xhtml": page("One", body)}), name="x")
    assert document.text == "One\n\nin 1871 [1]. It burned oil [2]\n\nSome say 1872."
    assert document.notes == ("2 printed page numbers left out",)


def test_letters_that_a_style_sheet_raises() -> None:
    css = "p.x{margin:0} span.up {font-size: .7em; vertical-align: super} ol.r{list-style:none}"
    body = "10<span class='up'>6</span> in 1899<span class='up'>3</span><ol class='r'><li>a</ol>"
    more = '<item id="s" href="s.css" media-type="text/css"/>'
    more += '<item id="t" href="gone.css" media-type="text/css"/>'
    items = [("a.xhtml", "text/html", ""), ("b.xhtml", "text/html", "")]
    pages = {"a.xhtml": page("One", body), "b.xhtml": page("Two", body)}
    text = read_epub(book(items, {**pages, "s.css": css}, more), name="x").text
    assert text == "\n\n".join(f"{n}\n\n10^6 in 1899 [3]\n\n- a" for n in ("One", "Two"))


def test_damaged_chapters_are_counted_and_the_rest_is_read() -> None:
    data = epub({"a.xhtml": page("One", "first"), "b.xhtml": page("Two", "second" * 50)})
    at = data.rfind(b"second" if b"second" in data else b"b.xhtml", 0, data.find(b"PK\x01\x02"))
    broken = bytearray(data)
    for offset in range(at + 20, at + 40):  # in the packed bytes of the second chapter
        broken[offset] ^= 0x5A
    document = read_epub(bytes(broken), name="x")
    assert document.text == "One\n\nfirst"
    assert document.notes == ("1 of 2 chapters can't be read",)


def test_encodings_of_chapters_are_told() -> None:
    old = '<?xml version="1.0" encoding="windows-1251"?><p>Да</p>'.encode("cp1251")
    document = read_epub(epub({"a.xhtml": old, "b.xhtml": old}), name="x")
    assert document.text == "Да\n\nДа"
    assert document.notes == ("read as cp1251 (2 chapters)",)


def test_a_long_namespace_is_refused() -> None:
    items = "".join(f"<x:item x:a{i}='' id='i{i}'/>" for i in range(20_000))
    package = f"<package xmlns:x='{'n' * 3_000_000}'>{items}</package>"
    members: dict[str, str | bytes] = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": CONTAINER,
        "c.opf": package,
    }
    before, start = restart_peak(), time.process_time()
    with pytest.raises(DocumentError, match="has a namespace that is too long"):
        read_epub(zipped(members), name="x")
    assert time.process_time() - start < 10
    assert peak_bytes() - before < 200 << 20


def test_default_attributes_are_refused() -> None:
    doctype = f"<!DOCTYPE package [<!ATTLIST item x CDATA '{'n' * 1000}'>]>"
    members: dict[str, str | bytes] = {
        "META-INF/container.xml": CONTAINER,
        "c.opf": f"{doctype}<package><item/></package>",
    }
    with pytest.raises(DocumentError, match="defines XML entities or attributes"):
        read_epub(zipped(members), name="x")
