"""Questions that a document does not answer, made of those that it does.

A name or a number of the question gives way to another of the same kind, which the document's
other questions mention and the evidence does not: what is asked stays near the document, and
reading alone tells that it isn't answered. Knows no tokens.
"""

from __future__ import annotations

import re
from collections.abc import Collection

import numpy as np

_NUMBER = re.compile(r"\b\d[\d,.]*\b")
_NAME = re.compile(r"\b[A-Z][\w-]+(?: [A-Z][\w-]+)*")
_FIRST_WORD = re.compile(r"(?:^|[.?!]\s)\S+")


def marks(text: str) -> list[tuple[str, str]]:
    """(kind, text) of the names and numbers in a question or an answer.

    A sentence's first word has its capital for another reason, unless it is all there is.
    """
    found = [("number", match.group()) for match in _NUMBER.finditer(text)]
    inside = text if _NAME.fullmatch(text) else _FIRST_WORD.sub(".", text)
    return found + [("name", match.group()) for match in _NAME.finditer(inside)]


def alter(
    rng: np.random.Generator, question: str, *, others: Collection[str], evidence: str
) -> str | None:
    """The question with one name or number exchanged; None where there is nothing to exchange.

    Args:
        others: questions and answers about the same document; what comes out is none of them.
        evidence: the text that answers the question, which must not hold the new name.
    """
    own = marks(question)
    known = question.casefold() + evidence.casefold()
    pool = {
        (kind, mark)
        for text in others
        for kind, mark in marks(text)
        if mark.casefold() not in known
    }
    choices = [
        (old, new) for kind, old in own for other_kind, new in sorted(pool) if kind == other_kind
    ]
    if not choices:
        return None
    old, new = choices[int(rng.integers(len(choices)))]
    text = re.sub(rf"\b{re.escape(old)}\b", lambda match: new, question)
    return None if text in others else text
