"""What to ask instead, for questions that a search in a document can't answer.

Knows the words of question and answer only; `advice` is asked where the evidence is weak.
"""

from __future__ import annotations

import re

_SUMMARY = re.compile(
    r"\bsum(?:mary|mari[sz]e|mari[sz]ing)\b|\btl;? ?dr\b|\boverview\b|\boutline\b|\bgist\b"
    r"|\b(?:main|key) (?:points?|ideas?|topics?|findings?|facts?|messages?|takeaways?)\b"
    r"|\bwhat does (?:this|it|(?:the|this) (?:document|text|book|file|paper)) say\W*$"
    r"|\bwhat is (?:this|it|the (?:document|text|book|file|paper)) about\b",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W\d_]+")
_FEWEST = 3  # words that show a question's language
_OTHERS = frozenset(  # German, Dutch, French, Spanish, Portuguese, Italian
    "wer was wann wo wie warum welche welcher welches wieviel hat haben ist sind wurde wurden der "
    "die das den dem des ein eine einen und von im zu für nicht "
    "wat wanneer waar hoe waarom welke het de een werd heeft van zijn "
    "qui que quoi quand où comment pourquoi quel quelle quels quelles combien est sont été le la "
    "les un une du et il a dans pour "
    "quién qué cuándo dónde cómo cuánto cuál el los las del fue es está y en por "
    "quem quando onde como quanto foi o os da do dos em "
    "chi che dove perché il lo gli è stato stata di della del nel".split()
)
_LIST = re.compile(
    r"^\W*(?:list|enumerate)\b|\b(?:list|name|give|tell|which|what)\b.{0,40}\b(?:all|every|each)\b",
    re.IGNORECASE,
)
_SEVERAL = re.compile(r"[,;\n、，；]|\b(?:and|or|both)\b|&", re.IGNORECASE)


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
    own, other = (sum(word in known for word in words) for known in (FUNCTION_WORDS, _OTHERS))
    if len(words) >= _FEWEST and (not own or other > max(own, 1)):
        return "ask in the language of the document; what is asked is not translated"
    return None


def one_of_several(question: str, answer: str) -> str | None:
    """One line where a list was asked for and the answer is one thing, or None."""
    if not _LIST.search(question) or _SEVERAL.search(answer):
        return None
    return "a list was asked for and one thing is answered: there may be more in the quotes"
