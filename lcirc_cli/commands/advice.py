"""What to ask instead, for questions that a search in a document can't answer.

Knows the question's words only; it is asked where the evidence is weak.
"""

from __future__ import annotations

import re

_SUMMARY = re.compile(
    r"\bsum(?:mary|mari[sz]e|mari[sz]ing)\b|\btl;? ?dr\b|\boverview\b|\bmain (?:points|ideas?)\b"
    r"|\bwhat is (?:this|it|the (?:document|text|book|file|paper)) about\b",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W\d_]+")
_FEWEST = 3  # words that show a question's language


def advice(question: str) -> str | None:
    """One line for the person who asked, or None."""
    from lcirc_cli.evidence.name_words import FUNCTION_WORDS  # brings numpy: not for --help

    words = [word.lower() for word in _WORD.findall(question)]
    if not words:
        return "a question needs words, such as: who built the bridge?"
    if _SUMMARY.search(question):
        return (
            "no summary can be given: the answer rests on a few passages; ask for one thing that "
            "stands in the text, or have a model on a server read it all (--summarise --reader URL)"
        )
    if len(words) >= _FEWEST and not FUNCTION_WORDS.intersection(words):
        return "ask in the language of the document; what is asked is not translated"
    return None
