"""The words by which questions and passages are compared: case, accents and common English
endings taken off, function words left out unless they are names, single characters and pairs of
them where a script has no spaces or ties particles to its words.

The endings are a light hand-made list, not a full stemmer: on the training sets it finds within
half a point of what Snowball finds, without a dependency.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from lcirc_cli.evidence.folding import PAIRED, fold
from lcirc_cli.evidence.name_words import FUNCTION_WORDS, MARK, mark_names

# Vowel signs and other marks that Python doesn't count as word characters.
_MARKS = "\u0300-\u036f\u0900-\u0963\u0966-\u0dff"
_TERM = re.compile(rf"[{PAIRED}]+|\d+(?:[.,]\d+)+|(?:[^\W_{PAIRED}]|[{MARK}{_MARKS}])+")
_IS_PAIRED = re.compile(f"[{PAIRED}]")
_IS_WORD = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff\uac00-\ud7a3]")
_LETTERS = str.maketrans({"æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ı": "i"})

_ENDINGS = (
    ("sses", "ss"),
    ("ies", "y"),
    ("ied", "y"),
    ("ing", ""),
    ("ed", ""),
    ("ly", ""),
    ("es", ""),
    ("s", ""),
)


def terms(text: str) -> list[str]:
    """The terms of a text in order, repeated as often as they occur.

    A name that is written like a function word has a term in capitals, which no other has.
    """
    found: list[str] = []
    for word in _TERM.findall(mark_names(fold(text))):
        if not word.isascii() and _IS_PAIRED.match(word):
            found += _of_characters(word)
        else:
            term = _term(word)
            if term:
                found.append(term)
    return found


def _of_characters(run: str) -> list[str]:
    """The overlapping pairs of a run, and its characters where one can be a word."""
    if len(run) == 1:
        return [run]
    return [run[at : at + 2] for at in range(len(run) - 1)] + _IS_WORD.findall(run)


@lru_cache(maxsize=1 << 16)
def _term(word: str) -> str:
    """A word's term, or "" for a function word."""
    plain = word.casefold()
    if plain[0] == MARK:
        return word[1:].upper()
    if plain in FUNCTION_WORDS:
        return ""
    if plain[0].isdigit():
        return plain.replace(",", "")
    if not plain.isascii():
        decomposed = unicodedata.normalize("NFKD", plain.translate(_LETTERS))
        plain = "".join(c for c in decomposed if not 0x300 <= ord(c) <= 0x36F)
    return _stem(plain)


def _stem(word: str) -> str:
    if len(word) <= 3 or not word.isascii():
        return word
    for ending, instead in _ENDINGS:
        stem_length = len(word) - len(ending) + len(instead)
        if word.endswith(ending) and stem_length >= 3 and not (ending == "s" and word[-2] in "su"):
            word = word[: len(word) - len(ending)] + instead
            break
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "lsz":
        word = word[:-1]  # stopped -> stop
    if len(word) > 4 and word[-1] == "e":
        word = word[:-1]  # making, make -> mak
    return word[:-1] + "i" if len(word) > 2 and word[-1] == "y" else word
