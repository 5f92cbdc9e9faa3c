"""HTML: lists, tables, powers, notes and forms keep what they say; what isn't read is counted."""

from __future__ import annotations

import time

import pytest

from lcirc_cli.documents.html import html_parts, read_html
from lcirc_cli.documents.html_tokens import tokenize


def text_of(body: str) -> str:
    return read_html(f"<html><body>{body}".encode(), name="a.html").text


def notes_of(body: str) -> tuple[str, ...]:
    return read_html(f"<html><body>{body}".encode(), name="a.html").notes


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("<ol><li>a<li>b</ol>", "1. a\n2. b"),
        ("<ol start=7 type=a><li>a<li>b</ol>", "g. a\nh. b"),
        ("<ol type=A start=26><li>a<li>b</ol>", "Z. a\nAA. b"),
        ("<ol type=i start=3><li>a<li>b</ol>", "iii. a\niv. b"),
        ("<ol type=I start=1998><li>a<li>b</ol>", "MCMXCVIII. a\nMCMXCIX. b"),
        ("<ol style='list-style-type: upper-roman'><li>a</ol>", "I. a"),
        ("<ol style='list-style-type: lower-greek'><li>a<li>b</ol>", "α. a\nβ. b"),
        ("<ol start=9 style='list-style: decimal-leading-zero'><li>a<li>b</ol>", "09. a\n10. b"),
        ("<style>.c{list-style:cjk-ideographic}</style><ol class=c start=10><li>a</ol>", "十、 a"),
        ("<ol style='list-style: none'><li>a<li>b</ol>", "- a\n- b"),
        ("<ol style='LIST-STYLE:square inside'><li>a</ol>", "- a"),
        ("<ul style='list-style-type: lower-alpha'><li>a<li>b</ul>", "a. a\nb. b"),
        ("<ol><li style='list-style-type:none'>a<li>b</ol>", "- a\n2. b"),
        ("<style>ol {list-style-type: upper-alpha}</style><ol><li>a<li>b</ol>", "A. a\nB. b"),
        (
            "<style>/* ol{} */ p, ol.x, .y { color: red; list-style: lower-roman outside; }"
            "@media all { ul.x { list-style: decimal } }</style>"
            "<ol class='q x'><li>a</ol><ol class=y><li>b</ol><ol><li>c</ol><ul class=x><li>d</ul>",
            "i. a\n\ni. b\n\n1. c\n\n1. d",
        ),
        ("<style>ol {list-style: none}</style><ol><li>a</ol>", "- a"),
        (
            "<style>ol {list-style: none} li {counter-increment: n} li::before"
            " {content: counter(n) '.'}</style><ol><li>a</ol>",
            "1. a",
        ),
        ("<style>div ol {list-style: none} ol::x {list-style:none}</style><ol><li>a</ol>", "1. a"),
        ("<ol><li>a<li value=9>b<li>c</ol>", "1. a\n9. b\n10. c"),
        ("<ol reversed><li>a<li>b<li>c</ol>", "3. a\n2. b\n1. c"),
        ("<ol reversed start=10><li>a<li>b</ol>", "10. a\n9. b"),
        ("<ol start=-1><li>a<li>b</ol>", "-1. a\n0. b"),
        ("<ol start=0 type=a><li>a<li>b</ol>", "0. a\na. b"),
        ("<ol><li><p>a</p><p>b</p></li><li><p>c</p></li></ol>", "1. a\n\nb\n\n2. c"),
        ("<ol><li>a<ol type=a><li>x<li>y</ol><li>b</ol>", "1. a\n  a. x\n  b. y\n2. b"),
        ("<ul><li>a<ol><li>x</ol></li><li>b</ul>", "- a\n  1. x\n- b"),
        ("<p>x<ol><li>a</ol><p>y<ol><li>b</ol>", "x\n\n1. a\n\ny\n\n1. b"),
    ],
)
def test_numbered_lists(body: str, text: str) -> None:
    assert text_of(body) == text


def test_the_text_of_an_item_stands_beside_its_number() -> None:
    body = "<ol><li><div>One</div><div>more</div></li><li><p>Two</p></li>"
    body += "<li><div><ol><li><div>In</div></ol></div></li></ol>"
    assert text_of(body) == "1. One\nmore\n2. Two\n\n3.\n  1. In"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("3 &times; 10<sup>8</sup> cells", "3 × 10^8 cells"),
        ("1.4 x 10<sup>-3</sup> m<sup>3</sup>/h", "1.4 x 10^-3 m^3/h"),
        ("9&nbsp;m<sup>2</sup> and 5 km<sup>2</sup>.", "9 m^2 and 5 km^2."),
        ("x<sup>n+1</sup>, (a+b)<sup>2</sup>", "x^(n+1), (a+b)^2"),
        ("12<sup>2</sup> = 144", "12^2 = 144"),
        ("2<sup>10</sup> bytes", "2^10 bytes"),
        ("E = mc<sup>2</sup> in it<sup>2</sup>", "E = mc^2 in it [2]"),
        ("H<sub>2</sub>O, CO<sub>2</sub>", "H_2O, CO_2"),
        ("SO<sub>4</sub><sup>2-</sup>", "SO_4^2-"),
        ("x<sub>max</sub>", "x_max"),
        ("e<sup>x<sup>2</sup></sup>", "e^(x^2)"),
        ("<sup>14</sup>C", "^14C"),
        ("The town had 250<sup>9</sup> inhabitants", "The town had 250 [9] inhabitants"),
        ("in 1918<sup>4</sup>.", "in 1918 [4]."),
        ("the inhabitants<sup>12</sup>", "the inhabitants [12]"),
        ("He left.<sup>3</sup> She", "He left. [3] She"),
        ("57 %<sup><a href='#fn1'>1</a></sup>", "57 % [1]"),
        ("10<a href='#fn6'><sup>6</sup></a> men", "10 [6] men"),
        ("old<sup class=reference><a href='#c'>[7]</a></sup> x", "old [7] x"),
        ("5.3<sup>a</sup> and 14<sup>*</sup>", "5.3 [a] and 14 [*]"),
        ("<sup>1</sup> See the minutes.", "[1] See the minutes."),
        ("the 1<sup>st</sup>, 22<sup>nd</sup>, 3<sup>e</sup>", "the 1st, 22nd, 3e"),
        ("M<sup>me</sup> Curie, Acme<sup>TM</sup>", "Mme Curie, AcmeTM"),
        ("<a href='/x'>9 m<sup>2</sup></a>", "9 m^2"),
        ("<p>a<sup>2<p>next", "a^2\n\nnext"),
        ("log<sub>2</sub>8, 10<sup>6</sup>5", "log_(2)8, 10^(6)5"),
        ("10<span style='vertical-align: Super'><span>6</span></span> men", "10^6 men"),
        ("CO<span style='color:red;vertical-align:sub'>2</span> and <span>3</span>", "CO_2 and 3"),
        ("<style>.up {vertical-align: super}</style>m<small class='x up'>3</small>", "m^3"),
        ("<span style='vertical-align:baseline'>6</span>", "6"),
        ("<h1>Area in m<sup>2</sup></h1>x", "Area in m^2\n\nx"),
    ],
)
def test_powers_indices_and_marks_of_notes(body: str, text: str) -> None:
    assert text_of(body) == text


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("<tr><td rowspan=2>W<td>1<tr><td>2", "W\t1\nW\t2"),
        ("<tr><td>a<td rowspan=3>M<td>1<tr><td>b<td>2<tr><td>c<td>3", "a\tM\t1\nb\tM\t2\nc\tM\t3"),
        ("<tr><td rowspan=0>W<td>1<tr><td>2<tr><td>3", "W\t1\nW\t2\nW\t3"),
        ("<tr><th>x<th colspan=2>20<tr><td>a<td>1<td>2", "x\t20\t20\na\t1\t2"),
        ("<tr><td colspan=2>Total<td>5<tr><td>a<td>b<td>c", "Total\tTotal\t5\na\tb\tc"),
        ("<tr><td rowspan=2 colspan=2>A<td>1<tr><td>2<tr><td>x<td>y<td>3", None),
        ("<tr><td colspan=3>North<tr><td>a<td>b<td>c", "North\na\tb\tc"),
        ("<tr><td>a<td><td>c", "a\t\tc"),
        ("<tr><td><p>a</p><p>b</p><td>c", "a b\tc"),
        ("<tr><td>5<br>7<td><ul><li>x<li>y</ul>", "5 7\t- x - y"),
        ("<tr><td>10<sup>6</sup><td>250<sup>9</sup>", "10^6\t250 [9]"),
        ("<caption>Table 1</caption><tr><td>a<td>b", "Table 1\na\tb"),
        ("<tr><td>E<td><table><tr><td>oil<td>5<tr><td>salt<td>7</table>", "E\toil\t5\nE\tsalt\t7"),
        ("<tr><td rowspan=99999999>a<td>b<tr><td>c", "a\tb\nc"),
        ("<tbody><tr><td rowspan=0>a<td>1<tr><td>2<tbody><tr><td>3<td>4", "a\t1\na\t2\n3\t4"),
        ("<tr><td rowspan=5>a<td>1</tr><tfoot><tr><td>b<td>2", "a\t1\nb\t2"),
    ],
)
def test_tables(body: str, text: str | None) -> None:
    expected = "A\tA\t1\nA\tA\t2\nx\ty\t3" if text is None else text
    assert text_of(f"<table>{body}</table>") == expected
    assert text_of(f"before<table>{body}</table>after") == f"before\n\n{expected}\n\nafter"


def test_a_long_table_repeats_its_header() -> None:
    rows = "".join(f"<tr><td>{i}<td>{i * i}" for i in range(50))
    lines = text_of(f"<table><tr><th>n<th>square{rows}</table>").split("\n")
    assert lines.count("n\tsquare") == 3
    assert [line for line in lines if line != "n\tsquare"] == [f"{i}\t{i * i}" for i in range(50)]


def test_a_page_laid_out_as_a_table_keeps_its_sections() -> None:
    body = "<tr><td>menu<td><h1>One</h1><p>first</p><h2>Two</h2><p>second</p>"
    parts = list(html_parts(f"<table>{body}</table><p>end"))
    assert [part.section for part in parts] == [None, "One", "Two"]
    assert [part.text for part in parts] == ["menu", "One\n\nfirst", "Two\n\nsecond\n\nend"]
    assert text_of(f"<table role=presentation><tr><td>a<td>b<tr><td>c{'</table>'}") == "a\n\nb\n\nc"


@pytest.mark.parametrize("span", ["colspan=1000", "rowspan=65534", "rowspan=9 colspan=900"])
def test_spans_of_a_small_page_do_not_fill_the_memory(span: str) -> None:
    wide = "<tr>" + "<td>x" * 1000
    rows = f"<tr><td {span}>{'w' * 200}" * 2000
    start = time.process_time()
    assert len(text_of(f"<table>{wide}{rows}</table>")) < 4_000_000
    assert time.process_time() - start < 20


@pytest.mark.parametrize("unit", ["<table><tr><td>x", "<table>", "<td>", "<tr>", "<table><td>"])
def test_nested_tables_take_linear_time(unit: str) -> None:
    start = time.process_time()
    assert unit.count("x") <= text_of("a" + unit * 20_000).count("x")
    assert time.process_time() - start < 20


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("<dl><dt>Arden<dd>A town.<dt>Vorn<dd>A river.</dl>", "Arden: A town.\n\nVorn: A river."),
        ("<dl><dt>a<dt>b<dd>x<dd>y</dl>", "a\nb: x\ny"),
        ("<dl><dt>Why?<dd><p>So.</dl>", "Why? So."),
        ("<details><summary>More</summary>hidden</details>", "More\nhidden"),
        ("<figure><img alt='A map'><figcaption>Map 1</figcaption></figure>", "A map\nMap 1"),
        ("<center>I</center>one<hgroup>II</hgroup>two", "I\n\none\n\nII\n\ntwo"),
        ("<dialog open>ask</dialog><search>find</search>go", "ask\n\nfind\n\ngo"),
        ("<q>yes</q> he said", "“yes” he said"),
        ("was <s>50</s> 60", "was ~~50~~ 60"),
        ("is <del>50</del><ins>60</ins> pounds", "is 60 pounds"),
        ("<input value='Anna'><input type=checkbox checked>bees", "Anna [x] bees"),
        ("<input type=hidden value=x><input type=radio>no", "[ ] no"),
        ("<select><option>a<option selected>b</select>", "a\n[x] b"),
        ("<textarea>as <b> typed</textarea>", "as <b> typed"),
        ("<noscript><p>plain</noscript>", "plain"),
        ("<iframe srcdoc='<p>in &amp;lt;ner</p>'>old</iframe>", "in <ner"),
        ("<object data=x>instead</object>", "instead"),
        ("<svg><title>Plan</title><style>x</style><text>Tower</text></svg>", "Plan\nTower"),
        ("<svg><path><p>after", "after"),
        ("<template>no</template>yes", "yes"),
        ("<template shadowrootmode=open>shown</template>", "shown"),
        ("<math><mi>P</mi><mo>=</mo><mfrac><mn>1</mn><mn>2</mn></mfrac></math>", "P=1/2"),
        (
            "<math><msup><mi>x</mi><mn>2</mn></msup><mo>+</mo><msqrt><mn>3</mn></msqrt></math>",
            "x^2+√(3)",
        ),
        (
            "<math><mn>2</mn><mfrac><mi>a</mi><mrow><mi>b</mi><mo>+</mo><mn>1</mn></mrow></mfrac>",
            "2a/(b+1)",
        ),
        ("<del>never closed", "never closed"),
        ("<math><mi>x", "x"),
    ],
)
def test_other_elements(body: str, text: str) -> None:
    assert text_of(body) == text


@pytest.mark.parametrize(
    ("body", "note"),
    [
        ("x<img src=a><img alt='b'><img alt=''><img width=1 height=1>", "2 pictures not read"),
        ("x<iframe src=other.html></iframe>", "1 frame with another page not read"),
        ("x<video></video><object></object>", "2 embedded objects not read"),
        ("x<template>y</template>", "1 template of scripts not read"),
        ("x<del>a</del><del>b</del>", "2 deleted passages left out"),
    ],
)
def test_what_is_not_read_is_counted(body: str, note: str) -> None:
    assert notes_of(body) == (note,)


def test_references_are_cleaned_after_they_are_decoded() -> None:
    document = read_html(
        b"<html><h1>Ti&#x9d;tle</h1>Queen&#x9d;0;x&#129; &#x202e;exe &#65; &#0065;", name="a.html"
    )
    assert document.text == "Title\n\nQueen0;x exe A A"
    assert document.pages[0].section == "Title"
    assert document.notes == ("1 change of direction removed", "3 control characters removed")


@pytest.mark.parametrize(
    "digits", [f"#{'1' * 5000}", f"#x{'f' * 9000}", f"#{'0' * 6000}9999999999"]
)
def test_references_of_too_many_digits(digits: str) -> None:
    document = read_html(f"<html>a &{digits}; b<img alt='&{digits};'>".encode(), name="a.html")
    assert document.text.startswith("a \ufffd b")
    assert "1 character reference without a character replaced" in document.notes
    assert [token.value for token in tokenize(f"&#{'0' * 6000}65;")] == ["A"]
