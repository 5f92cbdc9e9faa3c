"""Tells a follow-up from a question that stands alone, by its words.

A question that names what it asks about gives the same answer in a conversation as without one; so
earlier turns are left away before it. Knows English only: any other question may be a follow-up.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from lcirc_cli.answering.windows import HISTORY_TURNS, Turn
from lcirc_cli.evidence.name_words import FUNCTION_WORDS
from lcirc_cli.evidence.terms import terms

_FEWEST = 2  # terms that a question of its own has
_REFERS = re.compile(
    r"\b(?:he|she|they|it|him|her|them|his|hers|its|theirs?|these|those|this|ones?|same|former|"
    r"latter|others?|another|else|again|instead|you|your|said|mentioned)\b"
    r"|\bthat(?= (?:was|is|one|year|time|place|happen\w*|mean\w*)\b|\W*$)"
    r"|(?<!\bare )(?<!\bis )(?<!\bwas )(?<!\bwere )\bthere\b"
    r"|^\W*(?:what|how) about\b|^\W*why\W*$",
    re.IGNORECASE,
)
_WORD = re.compile(r"[a-z]+")


def stands_alone(question: str) -> bool:
    """Whether a question needs no earlier turn to be understood; False where that isn't sure."""
    english = FUNCTION_WORDS.intersection(_WORD.findall(question.lower()))
    return bool(english) and not _REFERS.search(question) and len(set(terms(question))) >= _FEWEST


def needed_turns(question: str, history: Sequence[Turn]) -> Sequence[Turn]:
    """The earlier turns that a question is shown with: the last ones, none where it needs none."""
    return () if stands_alone(question) else history[-HISTORY_TURNS:]
