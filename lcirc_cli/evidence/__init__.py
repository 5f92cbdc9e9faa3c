"""Evidence: which passages of the documents a question is about, and what an answer is cited by.

    index = PassageIndex(texts_of([memory]))    BM25 over passages of about 120 words
    scores = index.scores(question)             or fuse([...]) of several rankings
    citations(question, answer, index=index, scores=scores)
    Backing(index).holds(statement, [3, 5])
    missing_names(question, index=index, scores=scores)

No model is used: rankings that a model makes come in as arrays.
"""

from __future__ import annotations

from lcirc_cli.evidence.citations import Backing, Citation, citations
from lcirc_cli.evidence.index import PassageIndex, fuse, ranking
from lcirc_cli.evidence.names import missing_names
from lcirc_cli.evidence.passages import Passage, Passages, Text, texts_of
from lcirc_cli.evidence.words import current_words, words_of, words_of_text

__all__ = [
    "Backing",
    "Citation",
    "Passage",
    "PassageIndex",
    "Passages",
    "Text",
    "citations",
    "current_words",
    "fuse",
    "missing_names",
    "ranking",
    "texts_of",
    "words_of",
    "words_of_text",
]
