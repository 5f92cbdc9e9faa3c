"""Ranks the passages of texts for a question by the words that they share (BM25).

The score of a passage is BM25 over words, plus a part of BM25 over neighbouring pairs of words,
plus a part of what the passages beside it score. The weights were chosen on the training sets;
`scripts/retrieval_recall.py` prints what they reach. A table of contents names everything and says
nothing, so its lines count for less. Knows nothing about models: `fuse` joins
these rankings with others.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import bm25s
import numpy as np

from lcirc_cli.evidence.lines import LEADER
from lcirc_cli.evidence.passages import Passage, Text, split_passages
from lcirc_cli.evidence.running_heads import running_heads
from lcirc_cli.evidence.terms import pairs, terms

PAIR_WEIGHT = 0.3
NEIGHBOUR_WEIGHT = 0.1
CONTENTS_WEIGHT = 0.25
# "Name of a chapter ...... 12", as tables of contents have it.
_LEADER = re.compile(LEADER, re.MULTILINE)
FUSION_CONSTANT = 60  # Cormack, Clarke and Buettcher, "Reciprocal rank fusion", SIGIR 2009


class PassageIndex:
    """BM25 over the passages of texts. Made once: about 0.6 s a million characters."""

    def __init__(self, texts: Sequence[Text]) -> None:
        self.texts = texts
        self.passages = split_passages(texts)
        self._starts = np.concatenate([text.starts for text in texts])
        self.passage_terms = [terms(self.text(number)) for number in range(len(self.passages))]
        self._words = Bm25(self.passage_terms)
        self._pairs = Bm25([pairs(sequence) for sequence in self.passage_terms])
        self._beside = _same_document(self.passages)
        contents_table = [_is_table_of_contents(self.text(n)) for n in range(len(self.passages))]
        self._heads: dict[int, list[tuple[int, int]]] = {}
        self._weight = np.where(contents_table, CONTENTS_WEIGHT, 1.0).astype(np.float32)

    def text(self, passage: int) -> str:
        """The verbatim text of a passage."""
        where = self.passages[passage]
        return self.texts[where.document].text[where.start : where.end]

    def beginning(self, passage: Passage, *, tokens: int) -> str:
        """The verbatim text of the first tokens of a passage, which has more."""
        end = self._starts[passage.first_token + tokens]
        return self.texts[passage.document].text[passage.start : end]

    def scores(self, question: str) -> np.ndarray:
        """Relevance of each passage, float32 [P]; all zeros where no word is shared."""
        words = terms(question)
        own = self._words.scores(words) + PAIR_WEIGHT * self._pairs.scores(pairs(words))
        own *= self._weight
        scores = own.copy()
        scores[1:] += NEIGHBOUR_WEIGHT * own[:-1] * self._beside
        scores[:-1] += NEIGHBOUR_WEIGHT * own[1:] * self._beside
        return scores

    def running_heads(self, document: int) -> list[tuple[int, int]]:
        """Ranges of a document's text that are running heads or feet of its pages."""
        if document not in self._heads:
            text = self.texts[document]
            self._heads[document] = running_heads(text.text, text.pages)
        return self._heads[document]

    def idf(self, term: str) -> float:
        """How telling a term is in these texts: the most for one that they never hold.

        0 for a name like a function word (`name_words`) that they never hold: it may be none.
        """
        return 0.0 if term.isupper() and not self._words.frequency(term) else self._words.idf(term)

    def share(self, term: str) -> float:
        """Of the passages, how many hold a term: 0 to 1."""
        return self._words.frequency(term) / len(self.passages) if self.passages else 0.0


class Bm25:
    """bm25s over ready-made terms, without its progress bars and its limits on empty input."""

    def __init__(self, documents: Sequence[Sequence[str]]) -> None:
        self._count = len(documents)
        self._ids: dict[str, int] = {}
        rows = [[self._ids.setdefault(t, len(self._ids)) for t in row] for row in documents]
        self._frequency = np.bincount(
            np.array([i for row in rows for i in set(row)], np.int64), minlength=len(self._ids)
        )
        self._index = None
        if self._ids:
            self._index = bm25s.BM25(method="lucene", k1=1.5, b=0.75)
            self._index.index((rows, self._ids), create_empty_token=False, show_progress=False)

    def scores(self, words: Sequence[str]) -> np.ndarray:
        """Of each document, float32 [P]; all zeros where no word is shared."""
        known = [self._ids[word] for word in words if word in self._ids]
        if self._index is None or not known:
            return np.zeros(self._count, np.float32)
        return self._index.get_scores_from_ids(known)

    def frequency(self, term: str) -> int:
        number = self._ids.get(term)
        return 0 if number is None else int(self._frequency[number])

    def idf(self, term: str) -> float:
        frequency = self.frequency(term)
        return math.log(1 + (self._count - frequency + 0.5) / (frequency + 0.5))


def _is_table_of_contents(text: str) -> bool:
    return 2 * len(_LEADER.findall(text)) > text.count("\n") + 1


def _same_document(passages: Sequence[Passage]) -> np.ndarray:
    """1 where a passage and the one after it belong to the same document, float32 [P-1]."""
    documents = np.array([passage.document for passage in passages], np.int64)
    return (documents[1:] == documents[:-1]).astype(np.float32)


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
