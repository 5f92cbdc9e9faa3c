"""Citations are verbatim, on the right page, different, and the ones that answer."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lcirc_cli.documents.document import Page
from lcirc_cli.evidence import Backing, PassageIndex, citations

from .memories import memory, sentences

STORY = [
    sentences("otter", "heron", words=60),
    "The mill at Aldbourne was built in 1736. Its wheel turned until the great flood. "
    + sentences("miller", "baker", words=50),
    sentences("beaver", "falcon", words=60),
    "Ann Weller bought the mill in 1802. She paid four hundred pounds for it. "
    + sentences("weaver", "tailor", words=50),
]
TEXT = "\n\n".join(STORY)
STARTS = [TEXT.index(part) for part in STORY]
PAGES = [
    Page(number + 1, f"Part {number + 1}", start, end)
    for number, (start, end) in enumerate(zip(STARTS, [*STARTS[1:], len(TEXT)], strict=True))
]


@pytest.fixture(scope="module")
def index() -> PassageIndex:
    return PassageIndex(memory(TEXT, pages=PAGES))


def test_the_sentence_that_answers(index: PassageIndex) -> None:
    question = "Who bought the mill in 1802?"
    cited = citations(question, "Ann Weller", index=index, scores=index.scores(question))
    sentence = "Ann Weller bought the mill in 1802. She paid four hundred pounds for it."
    assert cited[0].quote.startswith(sentence)
    assert (cited[0].page, cited[0].section) == (4, "Part 4")
    assert (cited[0].document, cited[0].document_index) == ("document 0", 0)


def test_two_sentences_where_both_are_needed(index: PassageIndex) -> None:
    question = "What did Ann Weller pay for the mill?"
    answer = "four hundred pounds"
    cited = citations(question, answer, index=index, scores=index.scores(question))
    assert "Ann Weller bought" in cited[0].quote and "four hundred pounds" in cited[0].quote


def test_the_answer_decides_between_sentences(index: PassageIndex) -> None:
    question = "What happened to the mill?"
    scores = index.scores(question)
    built = citations(question, "built in 1736", index=index, scores=scores)[0]
    sold = citations(question, "bought by Ann Weller", index=index, scores=scores)[0]
    assert "1736" in built.quote and "Weller" in sold.quote


@settings(max_examples=100, deadline=None)
@given(
    question=st.text(alphabet="the milotr 1736ABn?\0", max_size=40),
    answer=st.text(max_size=20),
    limit=st.integers(0, 6),
)
def test_quotes_are_verbatim_different_and_scored(question: str, answer: str, limit: int) -> None:
    index = PassageIndex(memory(TEXT, pages=PAGES))
    scores = index.scores(question)
    cited = citations(question, answer, index=index, scores=scores, limit=limit)
    assert len(cited) <= limit
    if scores.any() and limit:
        assert cited
    assert len({citation.quote for citation in cited}) == len(cited)
    values = [citation.score for citation in cited]
    assert values == sorted(values, reverse=True)
    for citation in cited:
        text = index.texts[citation.document_index].text
        assert citation.quote == text[citation.start : citation.end]
        assert citation.quote == citation.quote.strip() != ""
        assert 0 <= citation.score <= 1
        page = PAGES[citation.page - 1] if citation.page else None
        assert page is not None and page.start <= citation.start < page.end


def test_a_quote_over_a_page_end_has_the_page_where_it_begins() -> None:
    text = "The ferry left the harbour in a storm\n\nand sank near the lighthouse at dawn."
    cut = text.index("\n\n")
    pages = [Page(7, None, 0, cut), Page(8, None, cut + 2, len(text))]
    index = PassageIndex(memory(text, pages=pages))
    question = "Where did the ferry sink, near the lighthouse?"
    cited = citations(question, "", index=index, scores=index.scores(question))
    assert [(c.quote, c.page) for c in cited] == [(text, 7)]


def test_no_pages_is_none() -> None:
    index = PassageIndex(memory("A lone sentence about otters."))
    cited = citations("otters?", "", index=index, scores=index.scores("otters?"))
    assert (cited[0].page, cited[0].section) == (None, None)


def test_the_same_wording_is_cited_once() -> None:
    twice = sentences("otter", "otter", words=50)
    index = PassageIndex(memory(twice, twice, twice))
    assert len(citations("otter", "", index=index, scores=index.scores("otter"))) == 1


def test_headings_are_not_quoted_where_there_is_more() -> None:
    text = "Otters\n\nThey live in rivers. Otters eat fish and they are fond of play."
    index = PassageIndex(memory(text))
    cited = citations("otters", "", index=index, scores=index.scores("otters"))
    assert cited[0].quote == "Otters eat fish and they are fond of play."


def test_nothing_found_nothing_cited(index: PassageIndex) -> None:
    assert citations("zebra", "", index=index, scores=index.scores("zebra")) == []
    empty = PassageIndex(memory(""))
    assert citations("zebra", "x", index=empty, scores=empty.scores("zebra")) == []


def test_another_ranking_decides_what_is_cited(index: PassageIndex) -> None:
    """As with an adapter's scores: they alone say which passage is good."""
    scores = np.zeros(len(index.passages))
    scores[2] = 1.0
    cited = citations("Who bought the mill?", "", index=index, scores=scores)
    assert [citation.page for citation in cited] == [3]


def test_the_neighbour_of_a_good_passage_is_not_cited_for_it() -> None:
    index = PassageIndex(memory(sentences(*["otter"] * 4) + "\n\n" + sentences(*["heron"] * 4)))
    scores = index.scores("otter")
    assert len(scores) == 2 and scores.all()
    assert ["otter" in c.quote for c in citations("otter", "", index=index, scores=scores)] == [
        True
    ]


def test_what_is_said_is_backed_by_the_passages_that_say_it(index: PassageIndex) -> None:
    statement = "The mill was bought by Ann Weller for four hundred pounds."
    backing = Backing(index)
    holding = [n for n in range(len(index.passages)) if "Ann Weller" in index.text(n)]
    others = [
        n for n in range(len(index.passages)) if "mill" not in index.text(n) and n not in holding
    ]
    assert holding and others
    assert backing.holds(statement, holding) and backing.holds(statement, [*others, *holding])
    assert not backing.holds(statement, others) and not backing.holds(statement, [])
    assert not backing.holds("Zeppelins hovered above Jupiter.", range(len(index.passages)))
    assert backing.holds("- [ ] ...", [])
