"""Word files: what Word shows is read, in its order and once; what isn't read is counted."""

from __future__ import annotations

from pathlib import Path

import pytest

from lcirc_cli.documents import read_document
from lcirc_cli.documents.docx import read_docx
from lcirc_cli.errors import DocumentError

from .bad_inputs import LAUGHS, zipped
from .word import (
    STYLES,
    cell,
    para,
    part,
    read,
    relations,
    row,
    run,
    table,
    word,
)

SUP, SUB = '<w:vertAlign w:val="superscript"/>', '<w:vertAlign w:val="subscript"/>'


def math(inner: str) -> str:
    return f"<m:oMath>{inner}</m:oMath>"


def m(text: str) -> str:
    return f"<m:r><m:t>{text}</m:t></m:r>"


FRACTION = f"<m:f><m:num>{m('a+b')}</m:num><m:den>{m('c')}</m:den></m:f>"
NARY = (
    '<m:nary><m:naryPr><m:chr m:val="∑"/></m:naryPr>'
    f"<m:sub>{m('i=1')}</m:sub><m:sup>{m('n')}</m:sup><m:e>{m('i')}</m:e></m:nary>"
)
MATRIX = (
    f"<m:m><m:mr><m:e>{m('1')}</m:e><m:e>{m('2')}</m:e></m:mr>"
    f"<m:mr><m:e>{m('3')}</m:e><m:e>{m('4')}</m:e></m:mr></m:m>"
)
DELIMITED = (
    '<m:d><m:dPr><m:begChr m:val="["/><m:endChr m:val="]"/></m:dPr>'
    f"<m:e>{m('x')}</m:e><m:e>{m('y')}</m:e></m:d>"
)


@pytest.mark.parametrize(
    ("inner", "text"),
    [
        (m("P=7.5·k−0.3·h"), "P=7.5·k−0.3·h"),
        (FRACTION, "(a+b)/c"),
        (m("2") + FRACTION.replace("a+b", "1").replace(">c<", ">4<"), "2 1/4"),
        (f"<m:sSup><m:e>{m('x')}</m:e><m:sup>{m('2')}</m:sup></m:sSup>", "x^2"),
        (f"<m:sSub><m:e>{m('v')}</m:e><m:sub>{m('max')}</m:sub></m:sSub>", "v_max"),
        (f"<m:rad><m:deg/><m:e>{m('x+1')}</m:e></m:rad>", "√(x+1)"),
        (f"<m:rad><m:deg>{m('3')}</m:deg><m:e>{m('x')}</m:e></m:rad>", "root_3(x)"),
        (NARY, "∑_(i=1)^n i"),
        (MATRIX, "[1, 2; 3, 4]"),
        (DELIMITED, "[x|y]"),
        (f"<m:func><m:fName>{m('sin')}</m:fName><m:e>{m('x')}</m:e></m:func>", "sin x"),
        (f"<w:del>{m('old')}</w:del><w:ins>{m('new')}</w:ins>", "new"),
    ],
)
def test_equations(inner: str, text: str) -> None:
    body = para(run("Load ") + math(inner) + run(", see below."))
    assert read(body).text == f"Load {text}, see below."
    alone = para("A") + para(f"<m:oMathPara>{math(inner)}{math(m('z'))}</m:oMathPara>")
    assert read(alone).text == f"A\n\n{text}\nz"


def reference(kind: str, key: str, type: str = "default") -> str:
    return f'<w:{kind}Reference w:type="{type}" r:id="{key}"/>'


def test_headers_and_footers_are_read_once_each() -> None:
    sections = reference("header", "header1") + reference("header", "header2", "first")
    inner = para("x", f"<w:sectPr>{sections}</w:sectPr>") + para("y")
    body = inner + f"<w:sectPr>{reference('header', 'header1')}{reference('footer', 'footer1')}"
    document = read(
        f"{body}{reference('footer', 'footer2', 'even')}</w:sectPr>",
        header1=para("Contract QX-77"),
        header2=para("Contract QX-77"),
        footer1=para("Valid until 2031") + table(row(cell("a"), cell("b"))),
        footer2=para("12"),
    )
    assert document.text == (
        "x\n\ny\n\nPage header: Contract QX-77\n\nPage footer: Valid until 2031\n\na\tb"
    )
    assert [page.section for page in document.pages] == [None, "Page header", "Page footer"]


def box(text: str) -> str:
    content = f"<w:txbxContent>{para(text)}</w:txbxContent>"
    return (
        "<w:drawing><wp:inline><a:graphic><a:graphicData><wps:wsp><wps:txbx>"
        f"{content}</wps:txbx></wps:wsp></a:graphicData></a:graphic></wp:inline></w:drawing>"
    )


def vml(text: str) -> str:
    content = f"<w:txbxContent>{para(text)}</w:txbxContent>"
    return f"<w:pict><v:shape><v:textbox>{content}</v:textbox></v:shape></w:pict>"


def choice(first: str, second: str | None) -> str:
    fallback = "" if second is None else f"<mc:Fallback>{second}</mc:Fallback>"
    return (
        f'<mc:AlternateContent><mc:Choice Requires="wps">{first}</mc:Choice>{fallback}'
        "</mc:AlternateContent>"
    )


@pytest.mark.parametrize(
    "inner",
    [
        choice(box("8 tonnes"), vml("8 tonnes")),
        choice(box("8 tonnes"), None),
        choice("<w:unknown/>", vml("8 tonnes")),
        box("8 tonnes"),
        vml("8 tonnes"),
    ],
)
def test_text_boxes_are_read_once_after_their_paragraph(inner: str) -> None:
    document = read(para(f"{run('The crane ')}<w:r>{inner}</w:r>{run('lifts.')}") + para("End"))
    assert document.text == "The crane lifts.\n\n8 tonnes\n\nEnd"
    assert document.notes == ()


@pytest.mark.parametrize(
    ("inner", "text"),
    [
        (run("10") + run("6", SUP) + run(" spores"), "10^6 spores"),
        (run("10") + run("1", SUP) + run("2", SUP) + run(" x"), "10^12 x"),
        (run("10") + run("-3", '<w:rStyle w:val="Up"/>'), "10^-3"),
        (run("in 250") + run("9", SUP) + run(" towns"), "in 250 [9] towns"),
        (run("H") + run("2", SUB) + run("O"), "H_2O"),
        (run("10") + run("6", '<w:position w:val="10"/>') + run(" spores"), "10^6 spores"),
        (run("H") + run("2", '<w:position w:val="-6"/>') + run("O"), "H_2O"),
        (run("10") + run("6", '<w:position w:val="2"/>') + run(" cm"), "106 cm"),
        (run("the 1") + run("st", SUP) + run(" day"), "the 1st day"),
        (run("was ") + run("50", "<w:strike/>") + run(" 60"), "was ~~50~~ 60"),
        (run("a") + "<w:r><w:noBreakHyphen/><w:softHyphen/></w:r>" + run("b"), "a-b"),
        (run("a") + "<w:r><w:tab/><w:t>b</w:t><w:br/><w:t>c</w:t></w:r>", "a\tb\nc"),
        ('<w:r><w:sym w:font="Wingdings" w:char="F0FE"/></w:r>' + run(" bees"), "☑ bees"),
        ('<w:r><w:sym w:font="Symbol" w:char="F061"/></w:r>', "α"),
        (f"<w:hyperlink>{run('link')}</w:hyperlink>", "link"),
        (f"<w:sdt><w:sdtPr/><w:sdtContent>{run('Anna')}</w:sdtContent></w:sdt>", "Anna"),
        (f'<w:fldSimple w:instr="DATE">{run("3 May")}</w:fldSimple>', "3 May"),
        (f"<w:ins>{run('new')}</w:ins><w:moveTo>{run(' moved')}</w:moveTo>", "new moved"),
        (f"<w:smartTag><w:customXml>{run('kept')}</w:customXml></w:smartTag>", "kept"),
    ],
)
def test_runs(inner: str, text: str) -> None:
    document = read(para(inner), styles=STYLES)
    assert document.text == text
    assert document.notes == ()


def complex_field(instruction: str, result: str | None, data: str = "") -> str:
    pieces = [f'<w:fldChar w:fldCharType="begin">{data}</w:fldChar>']
    pieces.append(f"<w:instrText>{instruction}</w:instrText>")
    if result is not None:
        pieces.append(f'<w:fldChar w:fldCharType="separate"/></w:r>{result}<w:r>')
    pieces.append('<w:fldChar w:fldCharType="end"/>')
    return f"<w:r>{''.join(pieces)}</w:r>"


def test_fields_are_read_by_their_results() -> None:
    nested = complex_field("IF x", run("yes ") + complex_field("REF b", run("chapter 4")))
    box_data = '<w:ffData><w:checkBox><w:default w:val="1"/></w:checkBox></w:ffData>'
    choices = '<w:ffData><w:ddList><w:result w:val="1"/><w:listEntry w:val="red"/>'
    choices += '<w:listEntry w:val="blue"/></w:ddList></w:ffData>'
    body = para(run("see ") + nested) + para(
        complex_field("FORMCHECKBOX", None, box_data) + run("a")
    )
    body += para(complex_field("FORMDROPDOWN", None, choices)) + para(complex_field("EQ x", None))
    document = read(body + para(complex_field("XE entry", None) + run("z")))
    assert document.text == "see yes chapter 4\n\n[x] a\n\nblue\n\nz"
    assert document.notes == ("1 field without a stored result",)


def test_notes_and_comments() -> None:
    foot = f'<w:r><w:rPr>{SUP}</w:rPr><w:footnoteReference w:id="5"/></w:r>'
    body = para(run("250") + foot + run(" men.") + foot.replace("foot", "end"))
    body += para(
        '<w:commentRangeStart w:id="0"/>' + run("The rent") + '<w:commentRangeEnd w:id="0"/>'
        '<w:r><w:commentReference w:id="0"/></w:r>' + run(" is 50.")
    )
    note = para("<w:r><w:footnoteRef/></w:r>" + run(" See minutes."))
    separator = f'<w:footnote w:type="separator" w:id="-1">{para("---")}</w:footnote>'
    document = read(
        body,
        footnotes=f'{separator}<w:footnote w:id="5">{note}</w:footnote>',
        endnotes=f'<w:endnote w:id="5">{para("The end.")}</w:endnote>',
        comments=f'<w:comment w:id="0" w:author="Ann">{para("Too high?")}</w:comment>',
    )
    assert document.text == (
        "250 [1] men. [i]\n\nThe rent is 50.\n\n[1] See minutes.\n\n[i] The end.\n\n"
        "[Comment by Ann on “The rent”] Too high?"
    )
    sections = [page.section for page in document.pages]
    assert sections == [None, "Footnotes", "Endnotes", "Comments"]


def test_merged_cells_are_repeated() -> None:
    start, goes_on = '<w:vMerge w:val="restart"/>', "<w:vMerge/>"
    two = '<w:gridSpan w:val="2"/>'
    body = table(
        row(cell("Region"), cell("Yield", two), properties="<w:tblHeader/>"),
        row(cell("North", start), cell("2020"), cell("41")),
        row(cell("", goes_on), cell("2021"), cell("44")),
        row(cell("", goes_on), cell("2022"), cell("47")),
        row(cell("Sum", two), cell("132")),
        row(cell("x"), properties='<w:gridBefore w:val="2"/>'),
    )
    assert read(body + para("End")).text == (
        "Region\tYield\tYield\nNorth\t2020\t41\nNorth\t2021\t44\nNorth\t2022\t47\n"
        "Sum\tSum\t132\n\t\tx\n\nEnd"
    )


def test_tables_in_cells() -> None:
    inner = table(row(cell("oil"), cell("5")), row(cell("salt"), cell("7")))
    outer = table(row(cell("East"), f"<w:tc>{inner}<w:p/></w:tc>"))
    assert read(outer).text == "East\toil\t5\nEast\tsalt\t7"


def test_tracked_deletions_and_hidden_text_are_counted() -> None:
    deleted = "<w:del><w:r><w:delText>50</w:delText></w:r></w:del>"
    body = para(f"{run('pays ')}{deleted}<w:ins>{run('60')}</w:ins>{run(' now', '<w:vanish/>')}")
    body += table(row(cell("a")), row(cell("gone"), properties="<w:del/>"))
    body += para("<w:del><m:oMath><m:r><m:t>q=7</m:t></m:r></m:oMath></w:del>")
    document = read(body)
    assert document.text == "pays 60\n\na"
    assert document.notes == ("3 deleted passages left out", "1 passage of hidden text left out")


def test_pictures_objects_and_charts() -> None:
    picture = (
        '<w:drawing><wp:inline><wp:docPr descr="Map of Arden"/><pic:pic/></wp:inline></w:drawing>'
    )
    old = '<w:object><v:imagedata/><o:OLEObject ProgID="Equation.3"/></w:object>'
    sheet = '<w:object><v:imagedata/><o:OLEObject ProgID="Excel.Sheet.12"/></w:object>'
    chart = '<w:drawing><c:chart r:id="chart1"/></w:drawing>'
    points = "".join(f'<c:pt idx="{i}"><c:v>{v}</c:v></c:pt>' for i, v in enumerate((4, 9)))
    years = "".join(f'<c:pt idx="{i}"><c:v>{v}</c:v></c:pt>' for i, v in enumerate((1901, 1902)))
    series = (
        f"<c:ser><c:tx><c:v>Ships</c:v></c:tx><c:cat>{years}</c:cat><c:val>{points}</c:val></c:ser>"
    )
    body = para(f"<w:r>{picture}{old}{sheet}{chart}</w:r>" + run("end"))
    document = read(
        body, chart1=f"<c:title><a:p><a:r><a:t>Trade</a:t></a:r></a:p></c:title>{series}"
    )
    assert document.text == "Map of Arden end\n\nTrade\n\n\tShips\n1901\t4\n1902\t9"
    assert document.notes == (
        "1 picture not read",
        "1 equation of an old kind not read",
        "1 embedded object not read",
    )


def test_the_main_part_may_have_any_name_and_the_strict_form(tmp_path: Path) -> None:
    path = tmp_path / "a.docx"
    for main in ("word/document2.xml", "word/main.bin"):
        path.write_bytes(word(para("hello"), main=main, strict=True, styles=""))
        assert read_document(path).text == "hello"


def test_entities_are_refused_whatever_the_part_is_called() -> None:
    members: dict[str, str | bytes] = {
        "_rels/.rels": relations({"r1": ("officeDocument", "word/evil.bin")}),
        "word/document.xml": part("document", ""),
        "word/evil.bin": LAUGHS + "<w:document xmlns:w='w'>&d;</w:document>",
    }
    with pytest.raises(DocumentError, match="'word/evil.bin' defines XML entities"):
        read_docx(zipped(members), name="a.docx")


def test_a_part_that_is_no_word_document_is_refused() -> None:
    members = {
        "_rels/.rels": relations({"r1": ("officeDocument", "word/x.xml")}),
        "word/x.xml": "<a/>",
    }
    with pytest.raises(DocumentError, match="damaged Word document"):
        read_docx(zipped(members), name="a.docx")
