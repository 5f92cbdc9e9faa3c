"""Questions that a document does not answer, made of those that it does.

What is asked stays near the document, and only reading tells that it isn't answered: a name, a
number or a noun gives way to another of its kind, which the document's other questions mention
and the evidence does not; a word gives way to its opposite; or the question is negated. Those are
the kinds that people wrote for SQuAD 2.0 (Rajpurkar et al. 2018, Table 1). Knows no tokens.
"""

from __future__ import annotations

import re
from collections.abc import Collection

import numpy as np

_NUMBER = re.compile(r"\b\d[\d,.]*\b")
_NAME = re.compile(r"\b[A-Z][\w-]+(?: [A-Z][\w-]+)*")
_FIRST_WORD = re.compile(r"(?:^|[.?!]\s)\S+")
# The word in "the king of", "a spindle?": between such words stands a noun.
_NOUN = re.compile(
    r"\b(?:the|a|an|his|her|their|its) ([a-z]{4,})(?=[?,.']| (?:of|in|to|from|and|or|with|"
    r"by|at|on|for|that|who|which|was|were|is|are|did|do|does|had|has|when|after|before|because|if|"
    r"as)\b)"
)
_NEGATABLE = re.compile(
    r"^((?:who|what|which|whose)(?: [a-z]+)?? "
    r"(?:was|were|is|are|has|had|can|could|should|would|will))\b",
    re.IGNORECASE,
)
_PAIRS = """
    first/last most/least more/fewer highest/lowest largest/smallest biggest/smallest best/worst
    oldest/youngest longest/shortest earliest/latest old/young large/small high/low long/short
    rich/poor strong/weak early/late north/south northern/southern east/west eastern/western
    increase/decrease rise/fall win/lose won/lost begin/end start/stop open/close male/female
    man/woman king/queen prince/princess brother/sister father/mother son/daughter husband/wife
    happy/sad public/private major/minor allowed/forbidden always/never inside/outside
    above/below love/hate buy/sell give/take accept/reject include/exclude primary/secondary
    common/rare positive/negative new/old leave/stay maximum/minimum upper/lower support/oppose
"""
_OPPOSITES = {
    one: other
    for pair in (text.split("/") for text in _PAIRS.split())
    for one, other in (pair, pair[::-1])
}
_WORD = re.compile(r"\b[a-z]+\b")


def marks(text: str) -> list[tuple[str, str]]:
    """(kind, text) of the names, numbers and nouns in a question or an answer.

    A sentence's first word has its capital for another reason, unless it is all there is.
    """
    inside = text if _NAME.fullmatch(text) else _FIRST_WORD.sub(".", text)
    return [
        *(("number", match.group()) for match in _NUMBER.finditer(text)),
        *(("name", match.group()) for match in _NAME.finditer(inside)),
        *(("noun", match.group(1)) for match in _NOUN.finditer(text)),
    ]


def alter(
    rng: np.random.Generator, question: str, *, others: Collection[str], evidence: str
) -> str | None:
    """The question changed in one place; None where there is nothing to change.

    How is drawn first, of the ways that there are: exchanges outnumber the others by far.

    Args:
        others: questions and answers about the same document; what comes out is none of them.
        evidence: the text that answers the question, which must not hold a new name or noun.
    """
    ways = [way for way in (*_exchanged(question, others, evidence), _opposed(question)) if way]
    if _NEGATABLE.match(question):
        ways.append([_NEGATABLE.sub(r"\1 not", question)])
    if not ways:
        return None
    way = ways[int(rng.integers(len(ways)))]
    text = way[int(rng.integers(len(way)))]
    return None if text in others else text


def _exchanged(question: str, others: Collection[str], evidence: str) -> list[list[str]]:
    """Questions with a mark exchanged, one list a kind."""
    known = question.casefold() + evidence.casefold()
    pool = {
        (kind, mark)
        for text in others
        for kind, mark in marks(text)
        if mark.casefold() not in known
    }
    made: dict[str, list[str]] = {}
    for kind, old in marks(question):
        for other_kind, new in sorted(pool):
            if kind == other_kind:
                made.setdefault(kind, []).append(_replaced(question, old, new))
    return list(made.values())


def _opposed(question: str) -> list[str]:
    """Questions with a word exchanged for its opposite."""
    return [
        _replaced(question, word, _OPPOSITES[word])
        for word in dict.fromkeys(_WORD.findall(question))
        if word in _OPPOSITES
    ]


def _replaced(text: str, old: str, new: str) -> str:
    return re.sub(rf"\b{re.escape(old)}\b", lambda match: new, text)
