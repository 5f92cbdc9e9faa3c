"""A document as the checks look at it: whole sentences around a quote, and the best passages.

Built once for a document, each part when it is first needed. Knows nothing about models.
"""

from __future__ import annotations

from bisect import bisect_right
from functools import cached_property

from lcirc_cli.evidence.bm25 import Bm25
from lcirc_cli.evidence.index import ranking
from lcirc_cli.evidence.sentences import split_sentences
from lcirc_cli.evidence.terms import terms
from lcirc_cli.lqa.pairs.locate import words_of_document
from lcirc_cli.lqa.records import SourceDocument

_PASSAGE = 900  # characters, about


class DocumentView:
    """What is looked up in one document while its pairs are made."""

    def __init__(self, document: SourceDocument) -> None:
        self.document = document

    @cached_property
    def even(self) -> str:
        """The text with even space and without case, for `locate.occurs`."""
        return words_of_document(self.document.text)

    def widened(self, span: tuple[int, int]) -> str:
        """The whole sentences that a stretch of the text lies in."""
        text = self.document.text
        first = max(0, bisect_right(self._starts, span[0]) - 1)
        last = max(first, bisect_right(self._starts, max(span[0], span[1] - 1)) - 1)
        if not self._sentences:
            return text[slice(*span)]
        start = min(span[0], self._sentences[first][0])
        return text[start : max(span[1], self._sentences[last][1])]

    def best_passages(self, question: str, *, count: int) -> list[str]:
        """The passages with most of the question's words (BM25), in the document's order."""
        best = sorted(ranking(self._index.scores(terms(question)))[:count].tolist())
        return [self.document.text[slice(*self._passages[index])] for index in best]

    @cached_property
    def _sentences(self) -> list[tuple[int, int]]:
        return [(found.start, found.end) for found in split_sentences(self.document.text)]

    @cached_property
    def _starts(self) -> list[int]:
        return [start for start, _ in self._sentences]

    @cached_property
    def _passages(self) -> list[tuple[int, int]]:
        """Neighbouring sentences, taken together up to about `_PASSAGE` characters."""
        passages: list[tuple[int, int]] = []
        for start, end in self._sentences:
            if passages and end - passages[-1][0] <= _PASSAGE:
                passages[-1] = (passages[-1][0], end)
            else:
                passages.append((start, end))
        return passages or [(0, len(self.document.text))]

    @cached_property
    def _index(self) -> Bm25:
        return Bm25.of([terms(self.document.text[slice(*passage)]) for passage in self._passages])
