"""Function words that are written as names are searched, and no others."""

from __future__ import annotations

import pytest

from lcirc_cli.evidence import PassageIndex, citations
from lcirc_cli.evidence.terms import terms

from .memories import memory

MONTHS = {"January": 310, "April": 518, "May": 777, "June": 640}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("How many came in May?", "MAY"),
        ("how many came in may?", "MAY"),
        ("HOW MANY CAME IN MAY?", "MAY"),
        ("In May the museum was full.", "MAY"),
        ("May was the busiest month.", "MAY"),
        ("Month\tVisitors\nMay\t777", "MAY"),
        ("- May: 777", "MAY"),
        ("From April to May it was full.", "MAY"),
        ("He left in\nMay and came back.", "MAY"),
        ("Jan Feb Mar Apr May Jun", "MAY"),
        ("Who is Theresa May?", "MAY"),
        ("On 5 May Can Demir met WHO.", "MAY"),
        ("Where did Will Parker live?", "WILL"),
        ("Will was born in 1920.", "WILL"),
        ("Will Marsh was born in 1920.", "WILL"),
        ("Is the game Might and Magic old?", "MIGHT"),
        ("What does the WHO recommend?", "WHO"),
        ("what does the who recommend?", "WHO"),
        ("Who leads the IT department?", "IT"),
        ("How large is the US economy?", "US"),
        ("How large is the U.S. economy?", "US"),
        ("Country\tGDP\nUS\t12", "US"),
        ("What does AM Holdings own?", "AM"),
        ("What is vitamin D good for?", "D"),
        ("See Exhibit A for the list.", "A"),
    ],
)
def test_names(text: str, name: str) -> None:
    assert name in terms(text)


@pytest.mark.parametrize(
    "text",
    [
        "May I bring a dog?",
        "Tenants may leave.",
        "Will Marsh come? May Germany and France agree?",
        "who may leave, and will they pay?",
        "Will the rent rise? It may. Who knows?",
        "WHAT WE WILL DO FOR YOU",
        "THE SELLER MAY NOT BE LIABLE. IT WILL PAY.",
        "The Lord Of The Rings",
        "What Is The Purpose Of This Document",
        "What It Does and Why",
        "Heading\nIt was so.\n\nWho came?",
        'He said, "It is so", and: “Will you?”',
        "It was us who did it.",
        "",
    ],
)
def test_no_names(text: str) -> None:
    assert not [term for term in terms(text) if term != term.lower()]


@pytest.mark.parametrize("form", [str, str.lower, str.upper])
@pytest.mark.parametrize("month", MONTHS)
def test_a_month_is_found_by_its_name(form: type[str], month: str) -> None:
    filler = "The keeper swept the hall, oiled the hinges and may have counted the lamps. " * 8
    text = "\n\n".join(
        f"In {name} the museum counted {count} visitors. {filler}" for name, count in MONTHS.items()
    )
    index = PassageIndex(memory(text))
    question = form(f"How many visitors did the museum count in {month}?")
    cited = citations(question, "", index=index, scores=index.scores(question))
    sentence = f"In {month} the museum counted {MONTHS[month]} visitors."
    assert cited[0].quote.startswith(sentence)
