"""The names in a question that the place which answers it best does not hold.

A sign, from words alone, that a document does not answer: it tells of the rent in Oslo, and the
question asks for the rent in Bergen. A language model that reads the passage takes the rent in
Oslo all the same. The rule and its numbers were chosen on the development articles, half of whose
questions have no answer (`scripts/missing_names.py` prints what it finds); an adapter says what
follows from it: it is one signal of `adapters.confidence`.
"""

from __future__ import annotations

import re

import numpy as np

from lcirc_cli.evidence.index import PassageIndex, ranking
from lcirc_cli.evidence.sentences import split_sentences
from lcirc_cli.evidence.terms import terms

TOP_PASSAGES = 3
COMMON = 0.5  # of the passages hold it: what the document is about goes without saying
_DIGITS = 3  # of a number; smaller ones count things more often than they name them
_HEADLINE = 4  # words and all with a capital: then capitals tell nothing
_WORD = re.compile(r"[^\W_](?:[\w'’.,-]*\w)?")
_PARTS = frozenset(
    terms("chapter section table figure page part appendix volume item line paragraph")
)
# Where things are compared, each may stand in a place of its own.
_COMPARES = re.compile(r"\b(?:and|or|vs|versus|than|both|compar\w+|differ\w*)\b", re.IGNORECASE)


def missing_names(question: str, *, index: PassageIndex, scores: np.ndarray) -> list[str]:
    """Names and numbers of the question, as terms, that its best place lacks.

    The place is the two neighbouring sentences, within the best passages, that share most with the
    question; all of the best passages where the question compares. Words with a capital count as
    names, but for the first; scripts without capitals have numbers only.

    Args:
        scores: [P], the ranking of the passages.
    """
    named = [term for term in _names(question) if index.share(term) <= COMMON]
    if not named or len(scores) == 0:
        return []
    best = ranking(scores)[:TOP_PASSAGES].tolist()
    if _COMPARES.search(question):
        place = {term for number in best for term in index.terms(number)}
    else:
        place = _best_place(question, [index.text(number) for number in best], index)
    return [term for term in named if term not in place]


def _names(question: str) -> list[str]:
    words = _WORD.findall(question)
    telling = [word for word in words[1:] if terms(word) and not word[0].isdigit()]
    capitals = [word for word in telling if word[0].isupper()]
    if question.isupper() or len(capitals) == len(telling) >= _HEADLINE:
        capitals = []
    numbers = [word for word in words if word[0].isdigit()]
    found = dict.fromkeys(term for word in capitals + numbers for term in terms(word))
    return [
        term
        for term in found
        if term not in _PARTS and (not term[0].isdigit() or sum(map(str.isdigit, term)) >= _DIGITS)
    ]


def _best_place(question: str, passages: list[str], index: PassageIndex) -> set[str]:
    weights = {term: index.idf(term) for term in terms(question)}
    places = []
    for text in passages:
        sentences = [set(terms(text[s.start : s.end])) for s in split_sentences(text)]
        places += [a | b for a, b in zip(sentences, [*sentences[1:], set()], strict=True)]
    return max(
        places,
        key=lambda place: sum(weights[term] for term in weights.keys() & place),
        default=set(),
    )
