"""Ranks the passages of texts for a question by the words that they share (BM25).

The score of a passage is BM25 over words, plus a part of BM25 over neighbouring pairs of words,
plus a part of what the passages beside it score. The weights were chosen on the training sets;
`scripts/retrieval_recall.py` prints what they reach. A table of contents names everything and says
nothing, so its lines count for less. Knows nothing about models: `fuse` joins
these rankings with others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from lcirc_cli.evidence.bm25 import Bm25
from lcirc_cli.evidence.list_items import with_named_items
from lcirc_cli.evidence.passages import Passage, Passages, Text
from lcirc_cli.evidence.running_heads import running_heads
from lcirc_cli.evidence.running_text import RunningText
from lcirc_cli.evidence.table_rows import FURTHEST, row_at, with_named_rows
from lcirc_cli.evidence.terms import terms
from lcirc_cli.evidence.words import words_of
from lcirc_cli.memory.words import CONTENTS, PassageWords

PAIR_WEIGHT = 0.3
NEIGHBOUR_WEIGHT = 0.1
CONTENTS_WEIGHT = 0.25
_COLONS = (":", "\uff1a")
FUSION_CONSTANT = 60  # Cormack, Clarke and Buettcher, "Reciprocal rank fusion", SIGIR 2009


class PassageIndex:
    """BM25 over the passages of texts.

    Args:
        words: their index, in parts that follow one another, as memory files keep it. None makes
            it: about 0.4 s a million characters.
    """

    def __init__(
        self, texts: Sequence[Text], *, words: Sequence[PassageWords] | None = None
    ) -> None:
        self.texts = texts
        parts = [words_of(texts)] if words is None else words
        self.passages = Passages.of(parts, tokens=[text.num_tokens for text in texts])
        self._words = Bm25([part.terms for part in parts])
        documents = self.passages.rows[:, 0]
        # 1 where a passage and the one after it belong to the same document.
        self._beside = (documents[1:] == documents[:-1]).astype(np.float32)
        self._heads: dict[int, list[tuple[int, int]]] = {}
        marks = np.concatenate([part.passages[:, CONTENTS] for part in parts])
        self._weight = np.where(marks == 1, CONTENTS_WEIGHT, 1.0).astype(np.float32)

    def text(self, passage: int) -> str:
        """The verbatim text of a passage."""
        where = self.passages[passage]
        return self.texts[where.document].text[where.start : where.end]

    def terms(self, passage: int) -> list[str]:
        """The terms of a passage in order."""
        return terms(self.text(passage))

    def beginning(self, passage: Passage, *, tokens: int) -> str:
        """The verbatim text of the first tokens of a passage, which has more."""
        text = self.texts[passage.document]
        first = passage.first_token - self.passages.first_tokens[passage.document]
        return text.text[passage.start : text.starts[first + tokens]]

    def scores(self, question: str) -> np.ndarray:
        """Relevance of each passage, float32 [P]; all zeros where no word is shared."""
        words = terms(question)
        own = self._words.scores(words) + PAIR_WEIGHT * self._words.pair_scores(words)
        own *= self._weight
        scores = own.copy()
        scores[1:] += NEIGHBOUR_WEIGHT * own[:-1] * self._beside
        scores[:-1] += NEIGHBOUR_WEIGHT * own[1:] * self._beside
        return scores

    def running(self, document: int) -> RunningText:
        """A document's text without what its pages put into it."""
        text = self.texts[document].text
        pages = self.texts[document].pages
        if document not in self._heads:  # ranges are kept, texts are not
            self._heads[document] = running_heads(text, pages)
        return RunningText(text, pages, self._heads[document])

    def with_halves(self, ranked: Iterable[Passage]) -> Iterator[Passage]:
        """Each passage once, followed by those that hold the rest of a sentence of it.

        Such are the passages before and behind it, where a page ends inside of the sentence, and
        the one behind it where it ends with a colon: the list or the example that it announces.
        """
        given: set[int] = set()
        running: dict[int, RunningText] = {}
        for passage in ranked:
            halves = [
                other
                for other in self._beside_it(passage)
                if self._are_halves(passage, other, running)
                or self._announces(passage, other, running)
            ]
            for each in (passage, *halves):
                if each.first_token not in given:
                    given.add(each.first_token)
                    yield each

    def shown(self, passages: Iterable[Passage], *, question: str = "") -> list[str]:
        """Passages in the text's order as a model reads them, for a question if there is one.

        Verbatim, but for three things. Where a sentence goes on over the end of a page, what stands
        inside of it (a footnote, a running head) follows the passage; the next passage joins it if
        the sentence ends there. Of a table the rows that the question names are left
        (`table_rows`): passages that share one are joined, and rows that they cut are shown whole.
        Of a numbered list the item is left that the question names (`list_items`).
        """
        spans: list[Passage] = []
        running: dict[int, RunningText] = {}
        for passage in passages:
            last = spans[-1] if spans else None
            if last is not None and (
                self._are_halves(last, passage, running) or self._share_a_table(last, passage)
            ):
                spans[-1] = replace(last, end=passage.end)
            else:
                spans.append(passage)
        spans = [self._with_whole_rows(span) for span in spans]
        rows = with_named_rows(
            [
                self._text_of(span.document, running).in_order(span.start, span.end)
                if self._is_paged(span.document)
                else self.texts[span.document].text[span.start : span.end]
                for span in spans
            ],
            question,
            before=[
                self.texts[span.document].text[max(0, span.start - FURTHEST - 1) : span.start]
                for span in spans
            ],
        )
        return with_named_items(rows, question)

    def _are_halves(self, one: Passage, other: Passage, running: dict[int, RunningText]) -> bool:
        """Whether two passages of a document hold parts of a sentence that a page's end cuts."""
        if one.document != other.document or not self._is_paged(one.document):
            return False
        first, last = sorted((one, other), key=lambda passage: passage.start)
        cuts = self._text_of(one.document, running).cuts(first.start, last.end)
        text = self.texts[one.document].text
        return any(
            start <= last.start
            and end >= first.end
            and not (text[first.end : start] + text[end : last.start]).strip()  # nothing between
            for start, end in cuts
        )

    def _announces(self, one: Passage, other: Passage, running: dict[int, RunningText]) -> bool:
        """Whether a passage ends with a colon, and another of its document is right behind it."""
        if one.document != other.document or one.end > other.start:
            return False
        said = self.texts[one.document].text[one.start : one.end]
        if self._is_paged(one.document) and not said.rstrip().endswith(_COLONS):
            said = self._text_of(one.document, running).around(one.start, one.end).text
        return said.rstrip().endswith(_COLONS)

    def _share_a_table(self, one: Passage, other: Passage) -> bool:
        """Whether a table goes on from a passage into the one behind it."""
        text = self.texts[one.document].text
        if one.document != other.document or not one.end <= other.start:
            return False
        between = text[one.end : other.start]
        last, first = row_at(text, one.end - 1), row_at(text, other.start)
        return None not in (last, first) and not between.strip() and between.count("\n") < 2

    def _with_whole_rows(self, span: Passage) -> Passage:
        """The rows of a table that a passage cuts are shown whole."""
        text = self.texts[span.document].text
        first, last = row_at(text, span.start), row_at(text, span.end - 1)
        return replace(
            span,
            start=span.start if first is None else first[0],
            end=span.end if last is None else last[1],
        )

    def _text_of(self, document: int, running: dict[int, RunningText]) -> RunningText:
        if document not in running:
            running[document] = self.running(document)
        return running[document]

    def number(self, passage: Passage) -> int:
        """Which of the passages one is."""
        return int(np.searchsorted(self.passages.rows[:, 3], passage.first_token))

    def _beside_it(self, passage: Passage) -> list[Passage]:
        """The passages behind and before one, of whatever document."""
        at = self.number(passage)
        return [self.passages[n] for n in (at + 1, at - 1) if 0 <= n < len(self.passages)]

    def _is_paged(self, document: int) -> bool:
        pages = self.texts[document].pages
        return len(pages) > 1 and pages[0].number is not None

    def idf(self, term: str) -> float:
        """How telling a term is in these texts: the most for one that they never hold.

        0 for a name like a function word (`name_words`) that they never hold: it may be none.
        """
        return 0.0 if term.isupper() and not self._words.frequency(term) else self._words.idf(term)

    def share(self, term: str) -> float:
        """Of the passages, how many hold a term: 0 to 1."""
        return self._words.frequency(term) / len(self.passages) if self.passages else 0.0


def ranking(scores: np.ndarray) -> np.ndarray:
    """Passage numbers from best to worst; of equal ones the earlier passage first."""
    return np.argsort(-scores, kind="stable")


def fuse(rankings: Sequence[np.ndarray]) -> np.ndarray:
    """Reciprocal-rank fusion of score arrays [P] for the same passages, float64 [P].

    Equal scores share the best of their ranks, so that a ranking that knows nothing (all zeros)
    changes nothing.

    Raises:
        ValueError: there is no ranking, or their lengths differ.
    """
    if not rankings or len({len(scores) for scores in rankings}) != 1:
        raise ValueError("fusion needs score arrays of the same length")
    fused = np.zeros(len(rankings[0]))
    for scores in rankings:
        descending = np.sort(-np.asarray(scores, np.float64))
        rank = np.searchsorted(descending, -np.asarray(scores, np.float64), side="left")
        fused += 1.0 / (FUSION_CONSTANT + 1 + rank)
    return fused
