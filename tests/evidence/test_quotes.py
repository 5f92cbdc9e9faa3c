"""What is quoted: whole sentences with what they need, and nothing that pages put between."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lcirc_cli.documents.document import Page
from lcirc_cli.evidence import Citation, PassageIndex, citations
from lcirc_cli.evidence.quotes import LONGEST, LONGEST_SENTENCE, SHORT, quotes
from lcirc_cli.evidence.running_heads import running_heads
from lcirc_cli.evidence.running_text import RunningText

from .memories import memory

FILLER = "The committee met on the second floor and discussed the usual business without result. "


def cite(text: str, question: str, answer: str = "", pages: list[Page] | None = None) -> Citation:
    index = PassageIndex(memory(text, pages=pages or ()))
    return citations(question, answer, index=index, scores=index.scores(question))[0]


def paged(*bodies: str, head: str = "Annual Report of the Harbour Board") -> tuple[str, list[Page]]:
    text, pages = "", []
    for number, body in enumerate(bodies, start=31):
        start = len(text)
        text += f"{head}\n{body}\n{number}"
        pages.append(Page(number, None, start, len(text)))
        text += "\n\n"
    return text.rstrip(), pages


@pytest.mark.parametrize("note", ["", "\n7 See the minutes of the board, folder 12."])
@pytest.mark.parametrize("second", ["the widow Tobias Rehn", "Tobias Rehn"])
def test_a_sentence_over_two_pages(note: str, second: str) -> None:
    first = "After three years of talks the new breakwater was finally paid for by"
    text, pages = paged(
        FILLER, FILLER * 2 + first + note, f"{second}, who gave much.\n\n{FILLER}", FILLER, FILLER
    )
    cited = cite(text, "Who paid for the new breakwater?", "Tobias Rehn", pages)
    assert cited.quote == f"{first}\n{second}, who gave much."
    assert (cited.pages, cited.page) == ((32, 33), 33)
    assert cite(text, "Who paid for the new breakwater?", "talks", pages).page == 32
    labelled = [replace(page, label=f"A-{page.number - 20}") for page in pages if page.number]
    assert cite(text, "Who paid for the new breakwater?", "Tobias Rehn", labelled).label == "A-13"
    assert "\n".join(text[a:b] for a, b in cited.parts) == cited.quote
    assert (cited.start, cited.end) == (cited.parts[0][0], cited.parts[-1][1])


def test_a_footnote_is_quoted_for_itself() -> None:
    first = "After three years of talks the new breakwater was finally paid for by"
    note = "7 See the minutes of the board, folder 12."
    text, pages = paged(FILLER, f"{FILLER}{first}\n{note}", f"a widow. {FILLER}", FILLER, FILLER)
    assert cite(text, "Which folder has the minutes of the board?", "12", pages).quote == note


def test_a_head_of_two_lines_and_a_foot() -> None:
    text, pages = paged(
        *[f"{FILLER}The boat {n} sank." for n in range(6)], head="Report\nVolume II"
    )
    found = [text[a:b] for a, b in running_heads(text, pages)]
    assert found.count("Report") >= 5 and found.count("Volume II") >= 5 and "33" in found
    for number in range(1, 5):
        assert (
            cite(text, f"Which boat {number} sank?", "", pages).quote == f"The boat {number} sank."
        )


@pytest.mark.parametrize("every", [1, 5])
def test_numbers_of_printed_lines_are_left_out(every: int) -> None:
    lines = ["the clerk read the oath and", "nobody spoke for a while until", "the judge asked for"]
    lines = lines * 4 + [
        "silence, and Ann Weller, who had",
        "seen the fire, gave the name of",
        "Pell.",
    ]
    lines += ["The court rose.", *lines[:8]]
    text = "\n".join(
        f"{n} {line}" if n % every == 0 else line for n, line in enumerate(lines, start=1)
    )
    quote = cite(text, "Whose name did Ann Weller give, who had seen the fire?").quote
    assert "seen the fire, gave the name of\nPell." in quote or "name of" in quote
    assert not any(character.isdigit() for character in quote)


def test_a_row_of_a_table_comes_with_its_header() -> None:
    text = (
        "Fares of the ferry\n\nLine\tClass\tFare\nNorth\tfirst\t14\nSouth\tthird\t5\n"
        "West\tfirst\t31\nWest\tthird\t8"
    )
    cited = cite(text, "What is the third class fare of the West line?")
    assert cited.quote == "Line\tClass\tFare\nWest\tthird\t8"
    markdown = "| Risk | Limit |\n|---|---|\n| Water | 40 |\n| Glass | 25 |"
    assert (
        cite(markdown, "What is the limit for glass?").quote == "| Risk | Limit |\n| Glass | 25 |"
    )


def test_rows_with_one_number_are_no_table_of_contents() -> None:
    text = "Stock of the yard\n\n1. Bolts\t340\n2. Boilers\t12\n3. Brass rods\t75\n4. Belts\t9"
    assert "2. Boilers\t12" in cite(text, "How many boilers are in stock?").quote


def test_a_label_comes_with_its_rows() -> None:
    label = "Copper-B7 in glaze, g"
    text = f"{FILLER}{FILLER}\n\nTin in glaze, g\n1.2 ± 3\n4.1 ± 2\n\n{label}\n5.2 ± 3\n6.1 ± 2"
    assert cite(text, "How much copper is in the glaze?").quote == f"{label}\n5.2 ± 3\n6.1 ± 2"


def test_an_item_comes_with_what_opens_its_list() -> None:
    text = (
        "The rules of the yard hold for all who live in it. In the morning the warden:\n\n"
        "1. sweeps the stairs\n2. feeds the cat\n3. locks the coal cellar\n\nIt closes at ten."
    )
    cited = cite(text, "What does the warden do with the coal cellar?", "locks it")
    assert "In the morning the warden:" in cited.quote and "locks the coal cellar" in cited.quote
    whole = cite(text, "What does the warden do in the morning?")
    assert all(word in whole.quote for word in ("warden:", "stairs", "cat", "cellar"))


@pytest.mark.parametrize(
    "distraction",
    [
        "Boilers and their pressure",
        "# Pressure of the boilers",
        "3.2 Pressure of the boilers",
        "Pressure of the boilers ........ 12\nCare of boilers ........ 14",
        "3. Boilers\t12\nThe pressure of boilers\t12\nBolts\t14\nBrass\t19",
        "Contents\n\nBoilers\t12\nThe pressure of boilers\t12\nBolts\t14\nBrass\t19",
        "boilers, pressure of, 12, 45–47\nbolts, 17, 31\nbrass, 19, 20",
        "iVBORw0KGgoAAAANSUhEUgAAboilers" + "pressure/" * 60,
        "Pressure of boilers: _______________",
        "BOILERS 13 MAY 2026",
        "Boilers-B100, pressure",
    ],
)
def test_what_says_nothing_is_quoted_only_where_nothing_else_is(distraction: str) -> None:
    sentence = "The pressure is 2 bar in all boilers that the works has built."
    for text in (f"{distraction}\n\n{sentence}", f"{sentence}\n\n{distraction}"):
        assert sentence in cite(text, "What is the pressure of the boilers?").quote
    assert cite(distraction, "pressure boilers").quote


def test_sentences_are_whole_and_short() -> None:
    long = "The parties " + ", and the parties agree to this" * 15 + "."
    assert LONGEST < len(long) < LONGEST_SENTENCE
    assert cite(f"{FILLER}{long} {FILLER}", "What do the parties agree to?").quote == long
    endless = "The parties " + ", and the parties agree to this" * 80 + "."
    cited = cite(f"{FILLER}{endless} {FILLER}", "What do the parties agree to?")
    assert len(cited.quote) <= LONGEST and cited.quote.endswith(",")


ASKED = "The ferry sank."
NEXT = "It lay off the western mole for a year. Then two divers raised it."


@pytest.mark.parametrize(
    ("after", "quote"),
    [
        (f" {NEXT}", f"{ASKED} {NEXT}"),
        (f"\n{NEXT}", f"{ASKED}\n{NEXT}"),
        (f"\n\n{NEXT}", ASKED),
        (f"\n\nWestern mole\n\n{NEXT}", ASKED),
        (f"\n\n- oil\n- rope\n\n{NEXT}", ASKED),
        (f" {NEXT} {FILLER}{FILLER}", f"{ASKED} {NEXT} {FILLER.strip()}"),
        (f" {'It lay there for a long time, '}{'and longer, ' * 30}and sank.", ASKED),
    ],
)
def test_a_short_quote_goes_on_in_its_paragraph(after: str, quote: str) -> None:
    found = cite(f"{FILLER}{FILLER}\n\n{ASKED}{after}", "Which ferry sank?").quote
    assert found == quote
    assert len(found) <= LONGEST


def test_a_quote_that_is_not_short_does_not_go_on() -> None:
    sentence = "The ferry sank off the western mole " + "after a long night of wind and rain " * 4
    assert SHORT < len(sentence) < LONGEST - len(NEXT)
    sentence = sentence.strip() + "."
    assert cite(f"{sentence} {NEXT}", "Which ferry sank?").quote == sentence


def test_a_short_item_goes_on_in_its_list() -> None:
    lists = "The warden:\n\n1. locks the cellar\n2. feeds the cat\n\nThe cook:\n\n1. bakes bread"
    whole = cite(lists, "Who locks the cellar and feeds?").quote
    assert "feeds the cat" in whole and "bread" not in whole
    last = cite(lists, "What about the cat, does he feed it?", "feeds").quote
    assert "feeds the cat" in last and "bread" not in last
    plain = "Stores of the yard\n\n- seven coils of rope\n- nine barrels of oil\n- a lamp"
    assert cite(plain, "How many coils of rope?").quote == plain


def test_a_short_quote_does_not_go_on_over_a_page() -> None:
    text, pages = paged(f"{FILLER}{ASKED}", NEXT, FILLER, FILLER, FILLER)
    assert cite(text, "Which ferry sank?", "", pages).quote == ASKED


@settings(max_examples=60, deadline=None)
@given(
    text=st.lists(
        st.sampled_from(
            [
                "One two. ",
                "\n",
                "\n\n",
                "Heading\n",
                "- item\n",
                "a\tb 3\n",
                "12 ",
                "and so on ",
                "文。",
                "x:",
            ]
        ),
        max_size=40,
    ).map("".join),
    cuts=st.lists(st.integers(0, 200), max_size=4).map(sorted),
)
def test_every_quote_is_verbatim(text: str, cuts: list[int]) -> None:
    ends = [0, *(min(cut, len(text)) for cut in cuts), len(text)]
    pages = [Page(n, None, a, b) for n, (a, b) in enumerate(pairwise(ends), 1)]
    running = RunningText(text, pages, running_heads(text, pages))
    for quote in quotes(running, 0, len(text)):
        assert quote.parts == tuple(sorted(quote.parts))
        for start, end in quote.parts:
            assert text[start:end] == text[start:end].strip() != ""
        assert len(quote.text(text)) <= LONGEST or quote.sentences == 1
        longer = quote.gone_on()
        assert longer.parts[-1][1] >= quote.parts[-1][1]
        assert longer.parts == quote.parts or len(longer.text(text)) <= LONGEST
