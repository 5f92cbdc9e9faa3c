"""Numbered lists of Word files: formats, starts, restarts, and numbers that styles give."""

from __future__ import annotations

from .word import (
    STYLES,
    item,
    level,
    lists,
    para,
    read,
)

LEGAL = level(0, "decimal", "%1.") + level(1, "decimal", "%1.%2") + level(2, "lowerLetter", "(%3)")


OTHER = (
    level(0, "upperRoman", "Article %1", start=4)
    + level(1, "decimalZero", "%1-%2")
    + level(2, "decimal", "%1.%3", more="<w:isLgl/>")
)


START = '<w:lvlOverride w:ilvl="0"><w:startOverride w:val="7"/></w:lvlOverride>'


BULLET = level(0, "bullet", "\uf0b7")


NUMBERS = lists(
    {0: LEGAL, 1: OTHER, 2: level(0, "decimal", "%1)"), 3: BULLET},
    {1: (0, ""), 2: (2, ""), 3: (1, ""), 4: (2, START), 5: (3, "")},
)


def styled(text: str, style: str) -> str:
    return para(text, f'<w:pStyle w:val="{style}"/>')


def test_numbered_lists() -> None:
    body = item("a", 1) + item("b", 1) + item("c", 1, 1) + item("d", 1, 1) + item("e", 1, 2)
    body += item("f", 1) + item("g", 1, 1) + para("between") + item("h", 1)
    assert read(body, numbering=NUMBERS).text == (
        "1. a\n2. b\n  2.1 c\n  2.2 d\n    (a) e\n3. f\n  3.1 g\n\nbetween\n\n4. h"
    )


def test_formats_starts_and_restarts_of_numbers() -> None:
    body = item("a", 3) + item("b", 3, 1) + item("c", 3, 2) + item("d", 3)
    assert read(body, numbering=NUMBERS).text == ("Article IV a\n  IV-01 b\n    4.1 c\nArticle V d")
    body = item("a", 2) + item("b", 2) + item("c", 4) + item("d", 4) + item("e", 5) + item("f", 0)
    assert read(body, numbering=NUMBERS).text == "1) a\n2) b\n7) c\n8) d\n- e\n\nf"


def test_numbers_that_styles_give() -> None:
    body = styled("One", "berschrift1") + styled("Deeper", "berschrift2") + styled("x", "Num")
    body += styled("y", "Num") + styled("Two", "berschrift1") + styled("Again", "berschrift2")
    document = read(body, numbering=NUMBERS, styles=STYLES)
    assert [page.section for page in document.pages] == [
        "1. One",
        "1.1 Deeper",
        "2. Two",
        "2.1 Again",
    ]
    assert "1.1 Deeper\n\n1) x\n2) y" in document.text
