"""Picks the sentences that an answer is cited by, each verbatim with its document and page.

From each of the best passages comes the quote (see `quotes`) that shares most with the question
and the answer. Knows nothing about models: the ranking of the passages comes in as scores.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from lcirc_cli.documents.document import Page
from lcirc_cli.evidence.index import PassageIndex, ranking
from lcirc_cli.evidence.quotes import Quote, quotes
from lcirc_cli.evidence.running_text import Range, RunningText
from lcirc_cli.evidence.terms import terms

# Chosen on the training sets: see scripts/retrieval_recall.py, which prints how often a quote
# touches the gold evidence.
ANSWER_WEIGHT = 0.5  # of a quote's overlap; the rest is for the question
PASSAGE_WEIGHT = 0.35  # of a citation's score; the rest is the quote's overlap
# Each further sentence must add this much overlap. On held-back training questions 0.02 holds the
# answer most often, of 0 to 0.2 (docs/results/quotes.md).
PAIR_GAIN = 0.02
PASSAGES_READ = 10
# Of held-back training questions 91 % have a quote that scores as much in their own document, and
# 19 % in another one of their set.
STRONG_SCORE = 0.5
LEAST_SCORE = 0.1  # what shares nothing with the question is cited only where nothing else is


@dataclass(frozen=True, slots=True)
class Citation:
    """A verbatim quote: `parts` of the stored document's text, a line break between two.

    Most have one part, and then `quote` is text[start:end]. What stands between two is no part of
    the quote: the end of a page, or rows between a table's header and the one that is quoted.
    """

    document: str  # name
    document_index: int  # counted over all memories
    page: int | None  # where the answer begins, else the quote; None where there are no pages
    pages: tuple[int, int] | None  # that hold the quote's first and last character
    label: str | None  # what is printed on `page` as its number, if the document says
    section: str | None
    start: int
    end: int
    quote: str
    score: float  # 0 to 1, comparable within an answer
    parts: tuple[Range, ...]

    @property
    def strong(self) -> bool:
        """Whether it fits what is asked and said well."""
        return self.score >= STRONG_SCORE


def citations(
    question: str, answer: str, *, index: PassageIndex, scores: np.ndarray, limit: int = 3
) -> list[Citation]:
    """At most `limit` citations, best first, from different passages.

    `scores` [P] ranks the passages of `index` (`index.scores(question)`, or a fusion of several
    rankings), 0 or more; passages that score 0 are never cited. Wording that occurs twice is
    quoted once, and a bare heading or line of contents only where there is nothing else.
    """
    best = float(scores.max(initial=0.0))
    if best <= 0:
        return []
    weights = _Weights(question, answer, index)
    found: list[Citation] = []
    bare: set[Citation] = set()
    running: dict[int, RunningText] = {}
    for number in ranking(scores)[: max(limit, PASSAGES_READ)].tolist():
        if scores[number] > 0:
            document = index.passages[number].document
            relevance = float(scores[number]) / best
            text = _running(index, document, running)
            quote, value = _best_quote(number, index, weights, text)
            citation = _citation(quote, answer, index=index, passage=number)
            score = PASSAGE_WEIGHT * relevance + (1 - PASSAGE_WEIGHT) * max(0.0, value)
            found.append(replace(citation, score=round(min(1.0, score), 4)))
            if quote.bare:
                bare.add(found[-1])
    # sorted() is stable: of equal citations the one from the better passage stays first.
    unique: dict[str, Citation] = {}
    for citation in sorted(found, key=lambda citation: -citation.score):
        unique.setdefault(" ".join(citation.quote.split()), citation)
    kept = _apart(citation for citation in unique.values() if citation not in bare)
    good = [citation for citation in kept if citation.score >= LEAST_SCORE]
    return (good or kept[:1] or list(unique.values())[:1])[:limit]


class Backing:
    """Tells whether passages back what somebody says about them."""

    def __init__(self, index: PassageIndex) -> None:
        self._index = index
        self._running: dict[int, RunningText] = {}

    def holds(self, statement: str, passages: Iterable[int]) -> bool:
        """Whether one of the passages has a quote that would be cited for the statement.

        By the quote's part of a citation's score: where a passage was ranked for the question
        says nothing about the statement. What has no words is backed by anything.
        """
        if not terms(statement):
            return True
        weights = _Weights(statement, "", self._index)
        for number in passages:
            document = self._index.passages[number].document
            text = _running(self._index, document, self._running)
            value = _best_quote(number, self._index, weights, text)[1]
            if (1 - PASSAGE_WEIGHT) * value >= LEAST_SCORE:
                return True
        return False


def _running(index: PassageIndex, document: int, known: dict[int, RunningText]) -> RunningText:
    if document not in known:
        known[document] = index.running(document)
    return known[document]


def _apart(citations: Iterable[Citation]) -> list[Citation]:
    """Without those whose text an earlier one holds already."""
    found: list[Citation] = []
    for one in citations:
        if not any(
            one.document_index == other.document_index
            and all(any(a <= c and d <= b for a, b in other.parts) for c, d in one.parts)
            for other in found
        ):
            found.append(one)
    return found


class _Weights:
    """How much of what the question asks and the answer says a sentence holds, 0 to 1."""

    def __init__(self, question: str, answer: str, index: PassageIndex) -> None:
        asked = set(terms(question))
        said = set(terms(answer)) - asked
        share = ANSWER_WEIGHT if said else 0.0
        self._weight: dict[str, float] = {}
        for part, words in ((1 - share, asked), (share, said)):
            idf = {word: index.idf(word) for word in words}
            total = sum(idf.values()) or 1.0
            self._weight |= {word: part * value / total for word, value in idf.items()}

    def overlap(self, words: set[str]) -> float:
        return sum(weight for word, weight in self._weight.items() if word in words)


def _best_quote(
    number: int, index: PassageIndex, weights: _Weights, running: RunningText
) -> tuple[Quote, float]:
    """The quote of a passage that holds most of what is asked and said, and how much that is.

    A short one goes on behind that; what it is worth is said by what was chosen.
    """
    passage = index.passages[number]
    found = quotes(running, passage.start, passage.end)
    if not found:  # nothing but a running head: that is what there is to quote
        plain = RunningText(running.text, (), ())
        found = [replace(q, bare=True) for q in quotes(plain, passage.start, passage.end)]

    def value(quote: Quote) -> float:
        held = weights.overlap(set(terms(quote.text(running.text))))
        return held - PAIR_GAIN * (quote.sentences - 1)

    # Of equal ones the first stays.
    values = [value(quote) for quote in found]
    best = max(range(len(found)), key=lambda n: (not found[n].bare, values[n]))
    return found[best].gone_on(), values[best]


def _citation(quote: Quote, answer: str, *, index: PassageIndex, passage: int) -> Citation:
    """The quote with its place; its score is left to the caller."""
    number = index.passages[passage].document
    document = index.texts[number]
    start, end = quote.parts[0][0], quote.parts[-1][1]
    first, last = document.page_at(start), document.page_at(end - 1)
    said = document.page_at(_begins(answer, quote, document.text))
    return Citation(
        document=document.name,
        document_index=number,
        page=said.number if said else None,
        pages=_numbers(first, last),
        label=said.label if said else None,
        section=said.section if said else None,
        start=start,
        end=end,
        quote=quote.text(document.text),
        score=0.0,
        parts=quote.parts,
    )


def _numbers(first: Page | None, last: Page | None) -> tuple[int, int] | None:
    if first is None or last is None or first.number is None or last.number is None:
        return None
    return first.number, last.number


def _begins(answer: str, quote: Quote, text: str) -> int:
    """The character of `text` where the answer begins in a quote; the quote's first one if not."""
    words = re.findall(r"\w+", answer)
    if not words:
        return quote.parts[0][0]
    # Over a page's end too: the parts are read as one.
    characters = [at for start, end in quote.parts for at in (*range(start, end), end)]
    joined = quote.text(text) + "\n"
    found = re.search(r"\b" + r"\W+".join(map(re.escape, words)) + r"\b", joined, re.IGNORECASE)
    return characters[found.start()] if found else quote.parts[0][0]
