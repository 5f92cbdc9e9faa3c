"""Where the sentences of a text begin and end, without a language model.

Good enough to show a model a passage that starts and stops at whole sentences; knows nothing
about what is in them. Works for scripts that end sentences with . ! ? or their wide forms.
"""

from __future__ import annotations

import re

# A stop with what may close after it, or an empty line.
_STOP = re.compile(r"[.!?…]+[\"'”’)\]»]*(?=\s)|[。！？]+[”’」』）]*|(?=\n[ \t]*\n)")
_ABBREVIATION = re.compile(
    r"(?:\b(?:Mr|Mrs|Ms|Dr|Prof|St|Jr|Sr|vs|etc|e\.g|i\.e|cf|al|Fig|Eq|No|Vol|pp|approx|Inc|Ltd"
    r"|Co|Corp|Gen|Col|Capt|Lt|Sgt|Rev|Hon|Mt|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)"
    r"|\b[A-Z])\.$"
)
_LONGEST = 1_000  # characters; text without stops is cut at a space by then


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """The sentences of `text` as (start, end), in order, without the space between them."""
    spans: list[tuple[int, int]] = []
    start = 0
    for match in _STOP.finditer(text):
        end = match.end()
        if match.group() == "." and _ABBREVIATION.search(text, max(start, end - 12), end):
            continue
        if match.group().startswith(".") and _continues(text, end):
            continue
        _add(spans, text, start, end)
        start = end
    _add(spans, text, start, len(text))
    return spans


def _continues(text: str, end: int) -> bool:
    """Whether the text goes on in lower case after a full stop: it was no end then."""
    rest = text[end : end + 3].lstrip(" \t\n")
    return rest[:1].islower()


def _add(spans: list[tuple[int, int]], text: str, start: int, end: int) -> None:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    while end - start > _LONGEST:
        cut = text.rfind(" ", start + _LONGEST // 2, start + _LONGEST)
        cut = cut if cut != -1 else start + _LONGEST
        spans.append((start, cut))
        start = cut
        while start < end and text[start].isspace():
            start += 1
    if end > start:
        spans.append((start, end))
