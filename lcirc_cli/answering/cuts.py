"""Where a text ends that the limit of tokens cut: after its last whole word."""

from __future__ import annotations

import re

# What a cut may have left of a word. Scripts without spaces are cut between characters.
_WORD = re.compile(
    r"[^\s\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3000-\u9fff\uf900-\ufaff\uff00-\uffef]+\Z"
)
_SENTENCE = re.compile(r"[^\W\d][.!?…][\"'”’)\]]*\Z")
_HALF = "\ufffd"  # what decoding makes of a part of a character


def whole_words(text: str) -> str:
    """A text without what may be half a word or half a character at its end."""
    text = text.rstrip(_HALF)
    return text if _SENTENCE.search(text) else _WORD.sub("", text)
