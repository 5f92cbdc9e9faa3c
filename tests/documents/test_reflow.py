"""Lines of PDF pages: joined where a paragraph runs on, left where they end on purpose."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lcirc_cli.documents.reflow import Reflow


def reflow(pages: list[str]) -> list[str]:
    joined = Reflow()
    for page in pages:
        joined.add(page)
    return joined.pages()


def one(page: str) -> str:
    (text,) = reflow([page])
    return text


def test_a_paragraph_becomes_one_line() -> None:
    page = (
        "Dynamic languages such as JavaScript are more difficult to com-\n"
        "pile than statically typed ones. Since no concrete type information\n"
        "is available, traditional compilers need to emit generic code.\n"
        "The next paragraph begins after a short line.\n"
    )
    assert one(page) == (
        "Dynamic languages such as JavaScript are more difficult to compile than statically typed "
        "ones. Since no concrete type information is available, traditional compilers need to emit "
        "generic code. The next paragraph begins after a short line."
    )


def test_a_short_line_ends_its_paragraph() -> None:
    page = PROSE * 3 + "and ends here.\n" + PROSE * 2
    assert "and ends here.\nThis is a line" in one(page)


PROSE = "This is a line of running text that is about as long as the others\n"


@pytest.mark.parametrize(
    "kept",
    [
        "4.3 Changes to the sources that are about as long as the other lines",
        "• a point in a list that is about as long as all of the other lines",
        "1. a point in a list that is about as long as all of the other lines",
        "(b) a point in a list that is about as long as the other lines here",
        "[12] A. Author. A title of a work that is about as long as the others",
        "$ command --with many --options that is about as long as the others",
        "int value = compute(first, second); // about as long as the others",
        "12.50 13.75 99.10 45.00 12.50 13.75 99.10 45.00 12.50 13.75 99.10",
    ],
)
def test_what_begins_afresh_stays_on_its_own_line(kept: str) -> None:
    lines = one(PROSE * 3 + kept + "\n" + PROSE * 3).split("\n")
    assert any(line.startswith(kept[:25]) for line in lines), lines


def test_blank_lines_end_paragraphs_and_are_not_heaped() -> None:
    page = PROSE * 2 + "\n\n \n\n" + PROSE * 2
    assert one(page).count("\n\n") == 1 and "\n\n\n" not in one(page)


def test_short_lines_stay() -> None:
    poem = "Two roads diverged\nin a yellow wood,\nAnd sorry I could not\ntravel both\n"
    assert one(poem + "\n" + PROSE * 8).startswith("Two roads diverged\nin a yellow wood,\n")


def test_headings_after_a_sentence_stay_apart() -> None:
    page = PROSE * 3 + "and this is where the whole paragraph comes to its well earned end.\n"
    page += "Introduction\n" + PROSE * 3
    assert "end.\nIntroduction\nThis is a line" in one(page)


@pytest.mark.parametrize(
    ("before", "after", "elsewhere", "wanted"),
    [
        ("inter", "net", "", "internet"),
        ("mixed", "mode", "a mixed-mode engine", "mixed-mode"),
        ("mixed", "mode", "mixedmode, mixed-mode, mixedmode", "mixedmode"),
        ("Trace", "Monkey", "called TraceMonkey here", "TraceMonkey"),
        ("non", "English", "", "non-English"),
        ("just-in", "time", "", "just-in-time"),
        ("page2", "page3", "", "page2-page3"),
    ],
)
def test_hyphens_at_line_ends(before: str, after: str, elsewhere: str, wanted: str) -> None:
    start = "This is a line of running text that is about as long as its nei "
    page = (
        f"{PROSE}{start}{before}-\n{after} and so on, as long as the others are, up to the end.\n"
    )
    joined, _ = reflow([page, elsewhere])
    assert f"nei {wanted} and so on" in joined


def test_a_soft_hyphen_goes_and_ligatures_are_spelt_out() -> None:
    assert one("the ﬁrst eﬀort of a di\u00adﬃcult inter\u00ad\nnet") == (
        "the first effort of a difficult internet"
    )


def test_dot_leaders_are_cut_short() -> None:
    assert one("1.1 The environment ............... 2\n1.2 More . . . . . . . . 3") == (
        "1.1 The environment ... 2\n1.2 More ... 3"
    )


def test_chinese_lines_are_joined_without_blanks() -> None:
    line = "中国是世界上历史最悠久的国家之一人民生活水平不断提高经济发展迅速\n"
    assert one(line * 3) == line.strip() * 3


@given(st.lists(st.text(alphabet="ab-\n ﬁ.\u00ad中1", max_size=80), max_size=4))
def test_nothing_visible_is_lost(pages: list[str]) -> None:
    def kept(text: str) -> str:
        return "".join(c for c in text.replace("ﬁ", "fi") if c not in " \n-.\u00ad")

    assert [kept(page) for page in reflow(pages)] == [kept(page) for page in pages]


@pytest.mark.parametrize(
    "unit", ["a", " ", ".", ". ", "-\n", "a-\n", "\n", "\u00ad ", "1.", "a-", "ab cd ef gh ij\n"]
)
def test_time_is_linear(unit: str) -> None:
    start = time.process_time()
    reflow([unit * (200_000 // len(unit))])
    assert time.process_time() - start < 5
