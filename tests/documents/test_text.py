"""Plain text, Markdown and encodings."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lcirc_cli.documents.cleaning import clean_text, describe_repairs
from lcirc_cli.documents.encoding import decode_text
from lcirc_cli.documents.text import read_text

MARKDOWN = b"""Before any heading.

# The *first* part #
Text of it.

```python
# a comment, not a heading
```

Second part
===========
More text.

## 2.1 Deeper
- a list
---
not a title above

| a | b |
|---|---|
"""


def test_text_is_one_page_without_a_number() -> None:
    document = read_text(b"\n  One line.\r\n\r\nAnother.\n", name="a.txt")
    assert document.text == "  One line.\n\nAnother."
    (page,) = document.pages
    assert (page.number, page.section, page.start, page.end) == (None, None, 0, 21)
    assert (document.format, document.page_count, document.notes) == ("text", None, ())


def test_headings_of_markdown_begin_sections() -> None:
    document = read_text(MARKDOWN, name="a.md", markdown=True)
    sections = [page.section for page in document.pages]
    assert sections == [None, "The *first* part", "Second part", "2.1 Deeper"]
    first = document.pages[1]
    assert document.text[first.start : first.end].startswith("# The *first* part #\nText of it.")
    assert "# a comment" in document.text[first.start : first.end]
    assert "".join(document.text.split()) == "".join(MARKDOWN.decode().split())


@pytest.mark.parametrize(
    ("text", "encoding", "note"),
    [
        ("Le café est fermé à Noël.", "utf-8", None),
        ("Le café est fermé à Noël.", "utf-8-sig", None),
        ("Le café est fermé à Noël.", "latin-1", "read as cp1252"),
        ("L’été – 5 €.", "cp1252", "read as cp1252"),
        ("Le café est fermé.", "utf-16", "read as utf-16"),
        ("Le café est fermé.", "utf-16-be", "read as utf-16-be"),
        ("Le café est fermé.", "utf-32-le", "read as utf-32-le"),
        ("Россия, крупнейшее государство мира.", "cp1251", "read as cp1251"),
        ("Россия, крупнейшее государство мира.", "koi8_r", "read as koi8_r"),
        ("これは日本語の文章です。", "cp932", "read as cp932"),
        ("これは日本語の文章です。", "euc_jp", "read as euc_jp"),
        ("중국은 세계에서 가장 오래된 나라이다.", "cp949", "read as cp949"),
        ("中国是世界上历史最悠久的国家之一。", "gb18030", "read as gb18030"),
        ("中國是世界上歷史最悠久的國家之一。", "big5", "read as big5"),
    ],
)
def test_encodings_are_detected_and_said(text: str, encoding: str, note: str | None) -> None:
    decoded, notes = decode_text(text.encode(encoding))
    assert clean_text(decoded)[0] == text
    assert notes == ([] if note is None else [note])


def test_one_bad_byte_does_not_turn_utf8_into_something_else() -> None:
    data = "It’s “fine” here".encode() + b" it\x92s"
    text, notes = decode_text(data)
    assert text == "It’s “fine” here it\ufffds"
    assert notes == ["1 damaged character (utf-8) replaced"]


@given(st.binary(max_size=300))
def test_any_bytes_become_text_that_can_be_written(data: bytes) -> None:
    text, _ = clean_text(decode_text(data)[0])
    text.encode("utf-8")
    assert "\0" not in text and "\r" not in text


@given(st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"]), max_size=200))
def test_utf8_is_read_as_it_is(text: str) -> None:
    decoded, notes = decode_text(b"\xef\xbb\xbf" + text.encode())
    assert decoded == text and not notes


def test_cleaning() -> None:
    text, repairs = clean_text("a\0b\r\nc\x0bd\x0ce\x85f\u2028g\ud83d\ude00h\ud800i\x07\ufeff\tj")
    assert text == "ab\nc\nd\ne\nf\ng😀h\ufffdi\tj"
    assert describe_repairs(repairs) == [
        "1 NUL removed",
        "2 control characters removed",
        "1 lone surrogate replaced",
    ]
