"""HTML: text, sections, damage, and time that grows no faster than the input."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lcirc_cli.documents.detect import detect_format
from lcirc_cli.documents.html import declared_encoding, html_parts, read_html
from lcirc_cli.documents.html_tokens import tokenize

PAGE = """<!DOCTYPE html><html><head><title>The &amp; title</title><style>p { x }</style>
<script>if (a < b) { document.write("</p>") }</script></head><body class=it's>
<p>Intro &eacute; text<br>second line, <b>bold</b>ly</p><!-- <p>hidden</p> -->
<h1>One <i>and</i>  two</h1><ul><li>first<li>second</ul>
<table><tr><th>A<th>B</tr> <tr><td>1</td> <td>2 &lt; 3</td></tr></table>
<pre>def f():
    return 1</pre><h2></h2><p>a < b <a title="x > y" href='q'>link</a>.<img alt="A map"></p>
<noscript><p>Enable scripts</p></noscript></body></html>"""


def test_a_page() -> None:
    document = read_html(PAGE.encode(), name="a.html")
    assert [page.section for page in document.pages] == [
        "The & title",
        "One and two",
        "One and two",
    ]
    assert document.text == (
        "Intro é text\nsecond line, boldly\n\n"
        "One and two\n\n- first\n- second\n\nA\tB\n1\t2 < 3\n\ndef f():\n    return 1\n\n"
        "a < b link. A map\n\nEnable scripts"
    )


def test_the_declared_encoding_is_used_where_it_is_needed() -> None:
    russian = "<meta http-equiv=Content-Type content='text/html; charset=windows-1251'><p>Да"
    assert read_html(russian.encode("cp1251"), name="a.html").text == "Да"
    assert declared_encoding(b'<?xml version="1.0" encoding="ISO-8859-1"?>') == "iso-8859-1"
    japanese = "<meta charset=iso-2022-jp><p>日本語".encode("iso-2022-jp")
    assert read_html(japanese, name="a.html").text == "日本語"
    wrong = "<meta charset=windows-1251><p>naïve".encode()
    assert read_html(wrong, name="a.html").text == "naïve"


NO_ENCODINGS = ["idna", "undefined", "punycode", "utf-16", "UTF-16LE", "utf_32", "utf-7", "hex"]
NO_ENCODINGS += ["unicode_escape", "raw-unicode-escape", "rot13", "none", "x" * 300, "mbcs"]


@pytest.mark.parametrize("charset", NO_ENCODINGS)
def test_what_no_page_is_written_in_is_not_believed(charset: str) -> None:
    page = f"<meta charset={charset}><p>C:\\new \\u0041 caf\u00e9 1+1-2".encode("cp1252")
    assert read_html(page, name="a.html").text == "C:\\new \\u0041 caf\u00e9 1+1-2"


UNITS = ["<", "</", "<!", "<?", "<!--", "<a ", '<a x="', "<a x='b ", "</a ", "x<", "<a/", "&", "&#"]
UNITS += ["<![CDATA[", "<!DOCTYPE ", "<script>", "<script></", "<title>", "<h1>", "<h1></h1>"]
UNITS += ["<td>", "<li>", "<pre> \n", "<svg>", "<img alt=", "<br><h2>", "\n", " ", "= "]


@pytest.mark.parametrize("unit", UNITS)
def test_time_is_linear(unit: str) -> None:
    for tail in ("", ">", '">', "'>"):
        start = time.process_time()
        list(html_parts(unit * (30_000 // len(unit)) + tail))
        assert time.process_time() - start < 5


@pytest.mark.parametrize("unit", ["<!-- x -->\n", "<?xml?> ", "<!-- ", " \n", "<!----"])
def test_time_is_linear_before_the_first_tag_too(unit: str) -> None:
    start = time.process_time()
    assert detect_format((unit * 2000 + "# Title").encode(), name="a.md") == "markdown"
    assert time.process_time() - start < 5
    closed = "-->" if unit.startswith("<!--") and "-->" not in unit else ""
    head = (unit * 2000 + closed + "<html>").encode()
    assert detect_format(head, name="a.txt") == "html"


@given(st.text(alphabet="<>/!-a=\"' &;b", max_size=80))
def test_any_markup_becomes_tokens(html: str) -> None:
    tokens = list(tokenize(html))
    assert all(token.kind in ("text", "start", "end") for token in tokens)
    if "<" not in html and "&" not in html:
        assert "".join(token.value for token in tokens) == html


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>a<!-- open", "a open"),
        ("<p>a</p <p>b", "a"),
        ("a <3 b", "a <3 b"),
        ("<script>x", "x"),
        ("<p>a<b", "a<b"),
        ("1 < 2 > 0", "1 < 2 > 0"),
    ],
)
def test_damage_loses_no_text(html: str, text: str) -> None:
    (part,) = html_parts(html)
    assert part.text.startswith(text)
