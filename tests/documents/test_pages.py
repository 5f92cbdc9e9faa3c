"""Pages of a document: in order, apart, and covering every visible character."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lcirc_cli.documents import Document, Page, ReadLimits, parse_page_ranges
from lcirc_cli.documents.assemble import Part, build_document
from lcirc_cli.documents.html import html_parts
from lcirc_cli.documents.page_ranges import format_pages
from lcirc_cli.documents.reflow import Reflow
from lcirc_cli.documents.text import markdown_parts, read_text
from lcirc_cli.errors import DocumentError, UsageError

TEXT = st.text(alphabet=st.sampled_from("aB é-#=<>&;.\n\t 中،1​"), max_size=60)


def check_pages(document: Document) -> None:
    """Every promise that Document makes about its pages."""
    covered = 0
    for page in document.pages:
        assert 0 <= page.start < page.end <= len(document.text)
        assert page.start >= covered
        assert not document.text[covered : page.start].strip()
        covered = page.end
    assert not document.text[covered:].strip()
    for page in document.pages:
        for character in {page.start, page.end - 1, (page.start + page.end) // 2}:
            assert document.page_at(character) == page


def build(parts: list[Part]) -> Document | None:
    try:
        return build_document("x", parts, sha256="", format="text", limits=ReadLimits())
    except DocumentError:
        assert not any(part.text.strip() for part in parts)
        return None


@given(st.lists(TEXT, max_size=12))
def test_pages_of_any_texts(texts: list[str]) -> None:
    document = build([Part(text, number=n) for n, text in enumerate(texts, start=1)])
    if document is not None:
        check_pages(document)
        for page in document.pages:
            assert page.number is not None
            assert document.text[page.start : page.end] == texts[page.number - 1]


@given(st.lists(TEXT, min_size=1, max_size=8))
def test_every_character_of_a_reflowed_pdf_finds_its_page(texts: list[str]) -> None:
    reflow = Reflow()
    for text in texts:
        reflow.add(text)
    document = build([Part(text, number=n) for n, text in enumerate(reflow.pages(), start=1)])
    if document is not None:
        check_pages(document)
        for character in range(len(document.text)):
            page = document.page_at(character)
            assert page.start <= character
            if not document.text[character].isspace():
                assert character < page.end


@given(TEXT)
def test_sections_of_any_markdown(text: str) -> None:
    document = build(list(markdown_parts(text)))
    if document is not None:
        check_pages(document)
        assert "".join(document.text.split()) == "".join(text.split())


@given(
    st.lists(
        st.sampled_from("<h1> </h1> <p> a b&lt; <pre> \n < > </pre> <title> <td> é".split(" "))
    )
)
def test_sections_of_any_html(pieces: list[str]) -> None:
    document = build(list(html_parts("".join(pieces))))
    if document is not None:
        check_pages(document)


def test_page_at_outside_of_the_text() -> None:
    document = read_text(b"hello", name="a.txt")
    assert document.page_at(0) == document.page_at(4) == Page(None, None, 0, 5)
    for character in (-1, 5, 99):
        with pytest.raises(IndexError):
            document.page_at(character)


def test_page_ranges_are_parsed() -> None:
    assert parse_page_ranges("1-40,52, 60-").ranges == ((1, 40), (52, 52), (60, None))
    assert parse_page_ranges("3,1-2,2").resolve(5, name="x") == [1, 2, 3]
    assert parse_page_ranges("2-").resolve(4, name="x") == [2, 3, 4]


@pytest.mark.parametrize("text", ["", "a", "1-2-3", "-3", "1,,2", "0", "5-2", "1.5", "٣", "9" * 20])
def test_page_ranges_that_make_no_sense(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_page_ranges(text)
    assert "\n" not in str(caught.value)


@given(st.sets(st.integers(1, 60), min_size=1))
def test_pages_are_shown_as_they_are_parsed(numbers: set[int]) -> None:
    shown = format_pages(sorted(numbers)).split(" ", 1)[1]
    assert parse_page_ranges(shown).resolve(60, name="x") == sorted(numbers)
