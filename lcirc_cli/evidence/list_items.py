"""Numbered lists as a model reads them: the item that a question names by its number.

Asked for rule 9, a small model takes a line near a 9, or any line of twelve that look alike; "Rule
9: Sweep the stairs." alone it reads right. "Which rule is about the stairs?" is the same the other
way round: the item whose words the question repeats is shown with its number. A list is left as it
stands where the question names no item, one that isn't there, one that several lists have, or what
comes before or after one.
Knows nothing about passages.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from lcirc_cli.evidence.terms import terms

_NOUNS = (
    r"rule|clause|sub-?clause|item|point|step|section|article|paragraph|provision|condition|regulation"
    r"|requirement|instruction|principle|recommendation|guideline|finding|objective|question|exercise|task"
)
_LABEL = r"\d{1,3}(?:\.\d{1,3})*|[A-Za-z]"
_LINE = re.compile(
    rf"^[ \t]*(?:(?:{_NOUNS})[ \t]+)?\(?(?P<label>{_LABEL})"
    r"(?:[.):][ \t]+|[ \t]*[\u2013\u2014][ \t]*|(?<=\.\d)[ \t]+|(?<=\.\d\d)[ \t]+)(?=\S)",
    re.IGNORECASE | re.MULTILINE,
)
# A letter is no label in "a section a person reads": it stands in brackets, or ends what is asked.
_NAMED = re.compile(
    rf"\b(?P<noun>{_NOUNS})s?[ \t]+(?:no\.?|number|nr\.?|#)?[ \t]*"
    r"\(?(?P<label>\d{1,3}(?:\.\d{1,3})*"
    r"|[a-z](?=\))|[a-z](?=[ \t]+(?:say|state|require|mean)|\W*$))",
    re.IGNORECASE,
)
_WHICH = re.compile(
    r"\b(?:which|what)[ \t]+(?P<noun>rule|clause|section|article|paragraph|provision|regulation)\b",
    re.IGNORECASE,
)
# "The first two rules", "which comes first?"; "the first start" is no item.
_AT_AN_END = (
    r"(?:first|last)\b(?![ \t]+(?!(?:of|in|to|and|one|two|three|four|\d+"
    rf"|(?:\w+[ \t]+)?(?:{_NOUNS})s?)\b)\w)"
)
# What is asked may stand in another item, or in several.
_ELSEWHERE = re.compile(
    r"\b(?:after|before|between|except|besides|next|previous|follow\w*|preced\w*|other|than"
    rf"|both|each|all|{_AT_AN_END})\b|\d[ \t]*(?:,|-|\u2013|and|or|to)[ \t]*\d",
    re.IGNORECASE,
)
_LEAST_ITEMS = 2
_ASKING = "number numbered about deal concern cover mention regulate treat govern address apply"
_SHARE = 0.6  # of what is asked, in an item that is named by its words
_BLANK = re.compile(r"\n[ \t]*\n")


@dataclass(frozen=True)
class _Item:
    """text[start:end], its label and the space after it; what is said begins at `body`."""

    label: str
    start: int
    body: int
    end: int


@dataclass(frozen=True)
class _List:
    """Items of one kind of label, one after the other, in the text of this number."""

    text: int
    items: Sequence[_Item]


def with_named_items(texts: Sequence[str], question: str) -> list[str]:
    """Texts that are read together, with the one item that is asked for in place of its list."""
    found = list(texts)
    named, which = _NAMED.search(question), _WHICH.search(question)
    if not (named or which) or _ELSEWHERE.search(question):
        return found
    lists = [_List(number, items) for number, text in enumerate(texts) for items in _lists(text)]
    if named:
        noun, label = named["noun"], named["label"].casefold()
        meant = [(one, item) for one in lists for item in one.items if item.label == label]
    else:
        assert which is not None
        noun, meant = which["noun"], _by_words(lists, texts, question, noun=which["noun"])
    if len(meant) != 1:
        return found
    ((own, item),) = meant
    text = texts[own.text]
    said = f"{noun.capitalize()} {item.label}: {text[item.body : item.end].strip()}"
    rest = text[own.items[-1].end :]
    between = "\n" if rest and not rest.startswith("\n") else ""
    found[own.text] = text[: own.items[0].start] + said + between + rest
    return found


def _by_words(
    lists: Sequence[_List], texts: Sequence[str], question: str, *, noun: str
) -> list[tuple[_List, _Item]]:
    """The items that hold most of what is asked, if they hold enough of it."""
    asked = set(terms(question)) - set(terms(f"{noun} {noun}s {_ASKING}"))
    if not asked:
        return []
    shares = [
        (len(asked & set(terms(texts[one.text][item.body : item.end]))) / len(asked), one, item)
        for one in lists
        for item in one.items
    ]
    most = max((share for share, _, _ in shares), default=0.0)
    best = [(one, item) for share, one, item in shares if share == most >= _SHARE]
    # What 4.2 says, 4 says too.
    return [
        (one, item)
        for one, item in best
        if not any(own is one and inner.label.startswith(f"{item.label}.") for own, inner in best)
    ]


def _lists(text: str) -> Iterator[list[_Item]]:
    """The numbered lists of a text, each from its first item to its last."""
    marks = list(_LINE.finditer(text))
    runs: list[list[re.Match[str]]] = []
    for mark in marks:
        if runs and _goes_on(runs[-1][-1]["label"], mark["label"]):
            runs[-1].append(mark)
        else:
            runs.append([mark])
    for run in runs:
        if len(run) < _LEAST_ITEMS:
            continue
        following = next((m.start() for m in marks if m.start() > run[-1].start()), len(text))
        starts = [*(mark.start() for mark in run), following]
        # An item may have several paragraphs; whether the last one has can't be told from itself.
        several = any(
            _BLANK.search(text[here:there].strip()) for here, there in pairwise(starts[:-1])
        )
        if not several and (blank := _BLANK.search(text, run[-1].end(), following)):
            starts[-1] = blank.start()
        yield [
            _Item(mark["label"].casefold(), mark.start(), mark.end(), _end(run, starts, at))
            for at, mark in enumerate(run)
        ]


def _end(run: Sequence[re.Match[str]], starts: Sequence[int], at: int) -> int:
    """Where an item ends: 4.2 ends with 4.2.3, and 4 with 4.3."""
    inside = f"{run[at]['label']}."
    return next(
        (
            starts[later]
            for later in range(at + 1, len(run))
            if not run[later]["label"].startswith(inside)
        ),
        starts[-1],
    )


def _goes_on(label: str, after: str) -> bool:
    """Whether the second label may follow the first in a list."""
    if label.isalpha() or after.isalpha():
        return label.isalpha() and after.isalpha() and ord(after) == ord(label) + 1
    before, now = [*map(int, label.split("."))], [*map(int, after.split("."))]
    if len(now) > len(before):  # 4, 4.1
        return now == [*before, 1]
    kept = len(now) - 1  # 4.1, 4.2; 4.2, 5
    return now[:kept] == before[:kept] and now[kept] == before[kept] + 1
