"""Running heads are found by what repeats or counts; quotes neither begin nor end with one."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from lcirc_cli.documents.document import Page
from lcirc_cli.evidence import PassageIndex, citations
from lcirc_cli.evidence.running_heads import running_heads

from .memories import memory, sentences


def paged(parts: list[str]) -> tuple[str, list[Page]]:
    text, pages = "", []
    for number, part in enumerate(parts, start=1):
        start = len(text)
        text += part + "\n\n"
        pages.append(Page(number, None, start, start + len(part)))
    return text, pages


def bodies(count: int) -> list[str]:
    rng = random.Random(3)
    words = [f"{rng.choice('bdfglmnprst')}{rng.choice('aeiou')}{n}x" for n in range(400)]
    return [" ".join(rng.sample(words, 30)).capitalize() + "." for _ in range(count)]


@pytest.mark.parametrize(
    "head",
    [
        lambda page: f"{page}",
        lambda page: f"Chapter {1 + page // 3}: Arrays {page + 20}",
        lambda page: "The Handbook" if page % 2 else f"{page} Words of the chapter",
        lambda page: "The Handbook of Rivers",
    ],
)
@pytest.mark.parametrize("at", ["head", "foot"])
def test_what_repeats_or_counts(head: object, at: str) -> None:
    assert callable(head)
    heads = [head(page) for page in range(1, 9)]
    parts = [
        f"{one}\n{body}" if at == "head" else f"{body}\n{one}"
        for one, body in zip(heads, bodies(8), strict=True)
    ]
    text, pages = paged(parts)
    found = {
        page.number: text[start:end]
        for start, end in running_heads(text, pages)
        for page in pages
        if page.start <= start < page.end
    }
    expected = dict(enumerate(heads, start=1))
    assert {3, 4, 5, 6} <= set(found)  # at the ends fewer pages can agree
    assert found.items() <= expected.items()


def test_text_is_no_running_head() -> None:
    some = bodies(18)
    for parts in (
        [f"{one}\n{other}" for one, other in zip(some[:9], some[9:], strict=True)],
        [f"{year} {body[:20]}\n{body}" for year, body in zip((3, 9, 1), some[:3], strict=True)],
        ["12", "", "13"],  # all that these pages have
        [],
    ):
        assert running_heads(*paged(parts)) == []


def test_a_quote_neither_begins_nor_ends_with_one() -> None:
    parts = [f"The Book of Mills {n}\n{sentences('otter', words=40)}" for n in range(1, 9)]
    built = "The mill at Aldbourne was built in 1736."
    parts[4] = f"The Book of Mills 5\n{built}\n{sentences('owl', words=40)}"
    parts[6] = parts[6] + " The wheel at Ramsbury stood still"
    text, pages = paged(parts)
    index = PassageIndex(memory(text, pages=pages))
    for question, expected in (
        ("When was the mill at Aldbourne built?", "The mill at Aldbourne was built in 1736."),
        ("Which wheel at Ramsbury stood still?", "The wheel at Ramsbury stood still"),
    ):
        cited = citations(question, "", index=index, scores=index.scores(question))[0]
        assert expected in cited.quote and "Book of Mills" not in cited.quote
        assert text[cited.start : cited.end] == cited.quote


@pytest.mark.parametrize(
    "note",
    [
        "",
        "7 See the minutes of the board, folder 12.\n",
        "7. Cf. Holm (1899), p. 12; also Marsh.\n",
        "(7) Minutes of the board.\n",
    ],
)
def test_a_sentence_over_two_pages_is_shown_in_one_piece(note: str) -> None:
    first, second, third = bodies(3)
    cut = "After three years of talks the new breakwater was finally paid for by"
    parts = [
        f"Annual Report\n{first}\n1",
        f"Annual Report\n{second}\n2",
        f"Annual Report\n{third} {cut}\n{note}3",
        "Annual Report\nthe widow of the shipowner Tobias Rehn.\n4",
    ]
    text, pages = paged(parts)
    index = PassageIndex(memory(text, pages=pages))
    start, end = text.index(third), text.index("4", text.index("Tobias"))
    whole = replace(index.passages[0], start=start, end=end)
    half = start + len(f"{third} {cut}")
    for passages in (
        [whole],
        [replace(whole, end=half), replace(whole, start=text.index(note + "3", half))],
    ):
        (shown,) = index.shown(passages)
        assert f"{cut}\nthe widow of the shipowner Tobias Rehn." in shown
        assert sorted(shown.split()) == sorted(text[start:end].split())  # nothing is left out
    assert index.shown([replace(whole, start=0, end=40)]) == [text[:40]]


def cut_sentence(count: int) -> PassageIndex:
    """So many pages; a sentence of the third one ends on the fourth."""
    parts = [f"Annual Report\n{body}\n{n}" for n, body in enumerate(bodies(count), 1)]
    parts[2] = f"Annual Report\n{'word ' * 110} It was paid for by\n7 See the minutes of 1799.\n3"
    parts[3] = f"Annual Report\nthe widow of Tobias Rehn. {'more ' * 110}\n4"
    text, pages = paged(parts)
    return PassageIndex(memory(text, pages=pages))


def test_the_rest_of_a_sentence_goes_before_what_is_ranked_lower() -> None:
    index = cut_sentence(5)
    halves = [n for n, _ in enumerate(index.passages) if "paid" in index.text(n)]
    halves += [n for n, _ in enumerate(index.passages) if "widow" in index.text(n)]
    assert halves[0] + 1 == halves[1]
    for first, second in (halves, halves[::-1]):
        ranked = [index.passages[n] for n in (first, 0, second)]
        expected = [index.passages[n] for n in (first, second, 0)]
        assert list(index.with_halves(ranked)) == expected


def test_passages_with_others_between_them_are_not_joined() -> None:
    index = cut_sentence(6)
    text = index.texts[0].text
    ends = [index.passages[0], index.passages[len(index.passages) - 1]]
    assert index.shown(ends) == [text[passage.start : passage.end] for passage in ends]
    assert list(index.with_halves(ends)) == ends


def test_pages_that_end_with_sentences_are_shown_as_they_are() -> None:
    text, pages = paged([f"Annual Report\n{body}\n{n}" for n, body in enumerate(bodies(4), 1)])
    index = PassageIndex(memory(text, pages=pages))
    whole = replace(index.passages[0], start=0, end=len(text))
    assert index.shown([whole]) == [text]
    halves = [replace(whole, end=pages[1].end), replace(whole, start=pages[2].start)]
    assert index.shown(halves) == [text[: pages[1].end], text[pages[2].start :]]


def test_the_pages_of_a_short_document_have_heads_too() -> None:
    text, pages = paged([f"Annual Report\n{body}\n- {n} -" for n, body in enumerate(bodies(2), 3)])
    found = [text[start:end] for start, end in running_heads(text, pages)]
    assert found == ["Annual Report", "- 3 -", "Annual Report", "- 4 -"]
    one, two = bodies(2)
    text, pages = paged([f"Sales in 2019\n{one}", f"Profit in 2020\n{two}"])
    assert running_heads(text, pages) == []
    assert running_heads(*paged(["Annual Report\nOne page."])) == []
