"""Numbers of lists in letters and signs of several scripts."""

from __future__ import annotations

import pytest

from lcirc_cli.documents.docx import read_docx
from lcirc_cli.documents.numerals import numeral

from .word import item, level, lists, word


@pytest.mark.parametrize(
    ("style", "written"),
    [
        ("一", "一 十 十一 二十 一百零一 一百一十 一千零五 二千零二十四 10000"),
        ("a", "a j k t cw df alq byv ntp"),
        ("①", "① ⑩ ⑪ ⑳ 101 110 1005 2024 10000"),
        ("א", "א י יא כ קא קי 1005 2024 10000"),
    ],
)
def test_numerals(style: str, written: str) -> None:
    numbers = (1, 10, 11, 20, 101, 110, 1005, 2024, 10000)
    assert " ".join(numeral(number, style) for number in numbers) == written
    assert numeral(0, style) == "0" and numeral(-3, style) == "-3"


def test_hebrew_has_two_numbers_of_its_own() -> None:
    assert [numeral(number, "א") for number in (14, 15, 16, 17, 115)] == [
        "יד",
        "טו",
        "טז",
        "יז",
        "קטו",
    ]


@pytest.mark.parametrize(
    ("format", "first", "next"),
    [
        ("decimalEnclosedCircle", "⑳", "21"),
        ("decimalFullWidth", "２０", "２１"),
        ("chineseCountingThousand", "二十", "二十一"),
        ("russianLower", "ф", "х"),
        ("hebrew1", "כ", "כא"),
        ("ideographTraditional", "甲癸", "乙甲"),
    ],
)
def test_numbers_of_other_scripts(format: str, first: str, next: str) -> None:
    numbers = lists({1: level(0, format, "%1)", start=20)}, {1: (1, "")})
    body = item("a", 1) + item("b", 1)
    assert read_docx(word(body, numbering=numbers), name="a.docx").text == f"{first}) a\n{next}) b"
