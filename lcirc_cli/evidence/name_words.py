"""Function words that are written as names: May the month, Will the man, US, WHO, IT.

A capital inside a sentence makes a name, and so do capitals alone where the words around have
small letters. Where case tells nothing (at a sentence's start, in headlines, in a text all in
small letters or all in capitals) the place may: no verb follows "in", no pronoun "the". The same
rules read questions and passages.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

MARK = "\x01"  # stands before a word that is a name

# Question words, auxiliaries, pronouns, prepositions and conjunctions, and what apostrophes leave.
_WORDS = """
    what which who whom whose when where why how
    is are was were be been being am do does did done has have had having can could will would
    shall should may might must
    i you he she it we they me him her us them my your his its our their mine yours hers ours
    theirs himself herself itself themselves this that these those a an the some any each
    of in to and or for on at by with from as into onto but if than then so because while
    no not there here also too very just
    s t d m ll re ve
"""
FUNCTION_WORDS = frozenset(_WORDS.split())
# A headline's capital on these tells nothing, and as a pronoun I has one anyway.
_NEVER = frozenset(("i", "the"))
_VERBS = frozenset(("may", "will", "might", "must", "can", "shall"))
_BY_PLACE = _VERBS | {"us", "it", "who", "am"}
_BEFORE_NOUNS = frozenset("in of by until till since during before after from for to on".split())
_ARTICLES = frozenset(("the", "a", "an"))
_AFTER_NAMES = frozenset("was is has had did were and or to until who said".split())
_AFTER_FULL_NAMES = frozenset("was is has had did were who said".split())  # Will Marsh was
OTHER_MONTHS = frozenset(  # than May
    "january february march april june july august september october november december "
    "jan feb mar apr jun jul aug sep sept oct nov dec".split()
)
_REACH = 4  # words to either side
_SPAN = 48  # characters that hold so many, mostly
_NEAR = 20  # characters: where all are capitals, the text is
_LONG = 6  # letters: acronyms are shorter

_QUOTES = "\"'“‘«(["


def _pattern(words: Iterable[str]) -> re.Pattern[str]:
    """Any of the words, grouped by first letters: most places are left at the first one."""
    grouped: dict[str, list[str]] = {}
    for word in sorted(words):
        grouped.setdefault(word[0], []).append(word[1:])
    choices = "|".join(
        f"{first}(?<![\\w'].)(?:{'|'.join(rest)})" for first, rest in grouped.items()
    )
    return re.compile(rf"(?:{choices})(?!\w)")


_CAPITALS = _pattern(
    {form for word in FUNCTION_WORDS - _NEVER for form in (word.capitalize(), word.upper())}
)
_SMALL = _pattern({form for word in _BY_PLACE for form in (word, word.capitalize())})
_WORD = re.compile(r"[^\W\d_]+")
_DAY = re.compile(r"(?<![\d.,])\d{1,2}(?:st|nd|rd|th|\.)? $")
_NOUN_GOES_ON = re.compile(r" *(?:$|[:,;|\t)\]?!.\u2013\u2014-]|'s\b|\d)")


def mark_names(text: str) -> str:
    """The text with `MARK` before each function word that is a name."""
    caseless = text[1:].islower()
    pieces: list[str] = []
    at = 0
    for match in (_SMALL if caseless else _CAPITALS).finditer(text):
        start, end = match.span()
        if _is_name(text, start, end, caseless=caseless):
            pieces += [text[at:start], MARK]
            at = start
    return "".join([*pieces, text[at:]]) if pieces else text


def _is_name(text: str, start: int, end: int, *, caseless: bool) -> bool:
    word, lead = text[start:end], text[max(0, start - _SPAN) : start]
    by_place = word.lower() in _BY_PLACE
    shouted = len(word) > 1 and word.isupper()
    shouting = shouted and text[max(0, start - _NEAR) : end + _NEAR].isupper()
    opens = not shouted and _opens(lead)
    if not by_place and (opens or (shouting and start > _NEAR)):
        return False
    before = _WORD.findall(lead)[-_REACH:]
    after = _WORD.findall(text[end : end + _SPAN])[:_REACH]
    around = before + after
    if shouted:
        if sum(map(_is_loud, around)) <= sum(not each.isupper() for each in around):
            return True
    elif not opens and not caseless:
        # A headline gives capitals to its function words too; the first word has one anyway.
        others = before[start < _SPAN and len(before) < _REACH :] + after
        large = sum(each[0].isupper() and each.lower() in FUNCTION_WORDS for each in others)
        if sum(each.islower() for each in around) > large:
            return True
    return by_place and _is_noun(text, start, end, before=before, after=after, opens=opens)


def _is_loud(word: str) -> bool:
    """Whether a word in capitals is no acronym: then what stands beside it may be none either."""
    return (
        len(word) > 1 and word.isupper() and (len(word) >= _LONG or word.lower() in FUNCTION_WORDS)
    )


def _opens(lead: str) -> bool:
    """Whether what follows `lead` has its capital from the start of a sentence, line or cell."""
    bare = lead.rstrip(" \t\n" + _QUOTES)
    gap = lead[len(bare) :]
    if not bare or bare[-1] in ".!?:;…|–—" or "\t" in gap or gap[-1:] in tuple(_QUOTES):
        return True
    if bare[-1] in "-*•#>" and bare.rstrip("-*•#> ")[-1:] in ("", "\n"):
        return True
    if "\n" not in gap:
        return False
    # A line that begins anew, or one that goes on: "in / May".
    return gap.count("\n") > 1 or not bare.split()[-1].islower()


def _is_noun(
    text: str, start: int, end: int, *, before: list[str], after: list[str], opens: bool
) -> bool:
    """Whether a word stands where only a noun can, whatever its case."""
    word = text[start:end].lower()
    lead = text[max(0, start - _SPAN) : start].rstrip(" \n")[-1:]
    if word == "may" and text[start].isupper() and _DAY.search(text[max(0, start - 6) : start]):
        return True
    last = before[-1].lower() if before and lead.isalpha() else ""
    if last in _ARTICLES:
        return True
    if word == "am":
        return lead.isdigit()
    if word not in _VERBS:
        return False
    if last in _BEFORE_NOUNS:
        return True
    if word == "may" and OTHER_MONTHS & {each.lower() for each in [*before[-2:], *after[:2]]}:
        return True
    following = after[0].lower() if after else ""
    surname = len(after) > 1 and after[0].istitle() and after[1] in _AFTER_FULL_NAMES
    return opens and (following in _AFTER_NAMES or surname or bool(_NOUN_GOES_ON.match(text, end)))
