"""Superscripts and subscripts as plain text, so that 10⁸ doesn't become 108.

One rule: a power is written 10^8, an index x_2, the mark of a note [9], and an ordinal stays 1st.
A raised number is a power after 10, one digit, one letter, a unit, a formula in brackets or two
letters behind an operator, and the mark of a note after any other number or word; a link and a star
always make a note's mark.
What counts as a unit, an ordinal's ending or a note's mark stands here for PDF too, which has rules
of its own besides (`pdf_scripts.py`), since it knows the page's footnotes. Knows nothing about
formats.
"""

from __future__ import annotations

import re

CONTEXT = 40  # characters before that the rule looks at
_MAX_RAISED = 60  # characters; more is small print, not a power
NOTE_NUMBERS = re.compile(r"\d{1,3}(?:\s*[,;–-]\s*\d{1,3})*")
_SIMPLE = re.compile(r"[-−–+]?[^\W_]+(?:[.,]\d+)?|[^\W_]*[-−–+]|.")
_NOTE_SIGNS = re.compile(r"[*†‡§¶#]+")
ORDINALS = frozenset("st nd rd th er re ère e è es ème eme me nde a o ª º os as".split())
_ABBREVIATIONS = frozenset("tm sm r ® ™ lle lles me mes gr ste bis ter o os os. er ers".split())
# Of measures, and names of functions; no "pm", which is a time of day too.
UNIT = (
    r"(?:[kcdmnµμMGh]?m|[kmµμ]?g|[mµμn]?s|ft|in|yd|mi|min|h|hr|[kMGT]?Hz|[kMG]?[JWVANK]|mol|cd|sr|"
    r"rad|Pa|sec|sin|cos|tan|log)"
)
_UNIT = re.compile(UNIT)
_WORD_BEFORE = re.compile(r"(?<![^\W\d_])[^\W\d_]++$")
_NUMBER_BEFORE = re.compile(r"(?<![\w.,])-?(\d+(?:[.,]\d+)*)$")
_BRACKETS_BEFORE = re.compile(r"[(\[]([^()\[\]]*)[)\]]$")
_ISOTOPE = re.compile(r"[A-Z][a-z]?(?![^\W\d_])")
_OPERATOR = re.compile(r"[-+−–×·*/^=<>≤≥]")


def raised(before: str, content: str, after: str, *, linked: bool = False) -> str:
    """What to write for a superscript between the texts `before` and `after`.

    `linked` tells that it is a link, as the marks of notes are.
    """
    content = " ".join(content.split())
    if not content:
        return ""
    last = before[-1:]
    if len(content) > _MAX_RAISED:
        return apart(before, content)
    if linked or _NOTE_SIGNS.fullmatch(content) or content[0] == "[":
        return note_mark(before, content)
    if not last or last.isspace():  # a note's own mark, or what stands before an isotope's name
        own = NOTE_NUMBERS.fullmatch(content) and not _ISOTOPE.match(after)
        return f"[{content}]" if own or content.isalpha() else f"^{_grouped(content, after)}"
    if _joins(before, content):
        return content
    if NOTE_NUMBERS.fullmatch(content) and not _is_base(before, content, after):
        return note_mark(before, content)
    if len(content) == 1 and content.isalpha() and not _is_base(before, "1", after):
        return note_mark(before, content)
    return "^" + _grouped(content, after)


def lowered(content: str, after: str = "", sign: str = "_") -> str:
    """What to write for a subscript before `after`, or with "^" for a power inside a power."""
    content = " ".join(content.split())
    if len(content) > _MAX_RAISED:
        return " " + content
    return sign + _grouped(content, after) if content else ""


def note_mark(before: str, mark: str) -> str:
    """The mark of a note, in brackets and apart from the word or number before it."""
    return apart(before, mark if mark[:1] in "[(" else f"[{mark}]")


def apart(before: str, text: str) -> str:
    """With a space before it, where there is none."""
    last = before[-1:]
    return text if not last or last.isspace() else f" {text}"


def _grouped(content: str, after: str) -> str:
    """In brackets if it would otherwise be unclear where it ends: log_(2)8."""
    clear = not (content[-1].isdigit() and after[:1].isdigit())
    return content if clear and _SIMPLE.fullmatch(content) else f"({content})"


def _joins(before: str, content: str) -> bool:
    """Whether it is the end of a word: 1st, Mme, n°, a trade mark."""
    low = content.lower()
    if before[-1].isdigit():
        number = _NUMBER_BEFORE.search(before)
        return low in ORDINALS and number is not None and number[1].isdigit()
    if low in "®™℠°ºª":
        return True
    return before[-1].isalpha() and low in _ABBREVIATIONS and (len(low) > 1 or before[-1] in "nN")


def _is_base(before: str, content: str, after: str) -> bool:
    """Whether a raised number after `before` is a power and not the mark of a note."""
    if "," in content or ";" in content:
        return False
    if brackets := _BRACKETS_BEFORE.search(before):
        return bool(_OPERATOR.search(brackets[1])) or len(brackets[1]) == 1
    if number := _NUMBER_BEFORE.search(before):
        alone = number[1] == "10" or len(number[1]) == 1
        start = before[: number.start()].rstrip()
        return alone or start[-1:] in tuple("=+×·*/^") or after.lstrip()[:1] in tuple("=×·^")
    if word := _WORD_BEFORE.search(before):
        if len(word[0]) == 1 or _UNIT.fullmatch(word[0]):
            return True
        return len(word[0]) == 2 and before[: word.start()].rstrip()[-1:] in tuple("=+×·*/^")
    return before[-1] not in ".,;:!?\"'”’»)]}…。"
