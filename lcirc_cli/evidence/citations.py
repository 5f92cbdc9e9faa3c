"""Picks the sentences that an answer is cited by, each verbatim with its document and page.

From each of the best passages comes the sentence, or the two neighbouring ones, that share most
with the question and the answer. Knows nothing about models: the ranking of the passages comes in
as scores.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lcirc_cli.evidence.index import PassageIndex, ranking
from lcirc_cli.evidence.sentences import Sentence, split_sentences
from lcirc_cli.evidence.terms import terms

# Chosen on the training sets: see scripts/retrieval_recall.py, which prints how often a quote
# touches the gold evidence.
ANSWER_WEIGHT = 0.5  # of a quote's overlap; the rest is for the question
PASSAGE_WEIGHT = 0.35  # of a citation's score; the rest is the quote's overlap
PAIR_GAIN = 0.1  # a second sentence must add this much overlap
PASSAGES_READ = 10
LEAST_SCORE = 0.1  # what shares nothing with the question is cited only where nothing else is


@dataclass(frozen=True, slots=True)
class Citation:
    """A verbatim quote: `quote` is text[start:end] of the stored document."""

    document: str  # name
    document_index: int  # counted over all memories
    page: int | None  # that holds the quote's first character; None where there are no pages
    section: str | None
    start: int
    end: int
    quote: str
    score: float  # 0 to 1, comparable within an answer


def citations(
    question: str, answer: str, *, index: PassageIndex, scores: np.ndarray, limit: int = 3
) -> list[Citation]:
    """At most `limit` citations, best first, from different passages.

    `scores` [P] ranks the passages of `index` (`index.scores(question)`, or a fusion of several
    rankings), 0 or more; passages that score 0 are never cited. Wording that occurs twice is
    quoted once.
    """
    best = float(scores.max(initial=0.0))
    if best <= 0:
        return []
    weights = _Weights(question, answer, index)
    found: list[Citation] = []
    for number in ranking(scores)[: max(limit, PASSAGES_READ)].tolist():
        if scores[number] > 0:
            found.append(_quote(number, float(scores[number]) / best, index, weights))
    # sorted() is stable: of equal citations the one from the better passage stays first.
    unique: dict[str, Citation] = {}
    for citation in sorted(found, key=lambda citation: -citation.score):
        unique.setdefault(" ".join(citation.quote.split()), citation)
    good = [citation for citation in unique.values() if citation.score >= LEAST_SCORE]
    return (good or list(unique.values())[:1])[:limit]


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


def _quote(number: int, relevance: float, index: PassageIndex, weights: _Weights) -> Citation:
    passage = index.passages[number]
    document = index.texts[passage.document]
    heads = index.running_heads(passage.document)
    value, start, end = max(
        _candidates(document.text, passage.start, passage.end, weights, heads),
        key=lambda candidate: candidate[0],
    )
    page = document.page_at(start)
    score = PASSAGE_WEIGHT * relevance + (1 - PASSAGE_WEIGHT) * max(0.0, value)
    return Citation(
        document=document.name,
        document_index=passage.document,
        page=page.number if page else None,
        section=page.section if page else None,
        start=start,
        end=end,
        quote=document.text[start:end],
        score=round(min(1.0, score), 4),
    )


def _candidates(
    text: str, start: int, end: int, weights: _Weights, heads: Sequence[tuple[int, int]]
) -> Iterator[tuple[float, int, int]]:
    """(overlap, start, end) of each sentence and each two neighbouring ones of a passage."""
    sentences: list[Sentence] = list(split_sentences(text, start, end))
    body = [sentence for sentence in sentences if sentence.opens != "heading"] or sentences
    ranges = [_without_heads(text, one.start, one.end, heads) for one in body]
    # Where a passage is nothing but a running head, that is what there is to quote.
    ranges = [one for one in ranges if one[0] < one[1]] or [(s.start, s.end) for s in body]
    before: tuple[set[str], int] | None = None
    for first, last in ranges:
        words = set(terms(text[first:last]))
        yield weights.overlap(words), first, last
        if before is not None:
            yield weights.overlap(words | before[0]) - PAIR_GAIN, before[1], last
        before = (words, first)


def _without_heads(
    text: str, start: int, end: int, heads: Sequence[tuple[int, int]]
) -> tuple[int, int]:
    """The range without the running heads that it begins or ends with, and outer space."""
    low = bisect_right(heads, (start, start)) - 1
    for first, last in heads[max(0, low) :]:
        if first > start:
            break
        if start < last:
            start = min(last, end)
            start += len(text[start:end]) - len(text[start:end].lstrip())
    for first, last in reversed(heads[: bisect_right(heads, (end, end))]):
        if last < end:
            break
        if start <= first:
            end = start + len(text[start:first].rstrip())
    return start, end
