"""Leaves out files that are written into a text: pictures as data: URIs, attachments in base64.

A picture of 9 kB would be 9,000 tokens that say nothing. What a person wrote stays, such as the
description of a picture. Knows nothing about headings or paragraphs.
"""

from __future__ import annotations

import re
from collections import Counter

_FILES = "embedded file{s} left out"
_MEDIA = re.compile(
    r"data:[a-z]{1,20}/[\w.+-]{1,80}(?:;[\w-]{1,40}(?:=[\w.-]{1,80})?){0,4};?,", re.IGNORECASE
)
_SHORT = 100  # characters: a shorter URI is an example of one
_TAIL = 8  # characters before a URI that tell where it stands
_IN_LINK = re.compile(r"\][(][ \t]*<?$")  # ![plan](data:..., of which ![plan] stays
_IN_DEFINITION = re.compile(r"\]:[ \t]*<?$")
_REST_OF_LINK = re.compile(r">?[ \t]*+(?:\"[^\"\n]*+\"|'[^'\n]*+')?[ \t]*+\)")
_ENDS = {  # what a URI is made of, by the character before it; no search runs into the next one
    "<": re.compile(r"[^<>\n]*"),
    '"': re.compile(r'[^"\n]*'),
    "'": re.compile(r"[^'\n]*"),
}
_WRAPPED = re.compile(  # base64 goes on in further lines, as mail programs break it
    r"(?:[ \t]*+\n[ \t>]*+[A-Za-z0-9+/]{40,}+={0,2}(?![^\s)>\"']))*+"
    r"(?:[ \t]*+\n[ \t>]*+[A-Za-z0-9+/]{1,80}+={0,2}(?=[)>\"']))?"
)
_BARE = re.compile(r"[^\s\"'()<>]*")
_RUN = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/]{400,}={0,2}")
_LINES = re.compile(  # lines of one length, as programs write them, then perhaps a shorter one
    r"(?:^[ \t>]*[A-Za-z0-9+/]{60,80}[ \t]*\n){4,}(?:^[ \t>]*[A-Za-z0-9+/]{1,80}={0,2}[ \t]*$\n?)?",
    re.MULTILINE,
)


def leave_out_files(text: str, losses: Counter[str]) -> str:
    """`text` without embedded files, which `losses` counts."""
    text = _without_uris(text, losses)
    for pattern in (_RUN, _LINES):
        text = pattern.sub(lambda found: _unless_words(found, losses), text)
    return text


def _without_uris(text: str, losses: Counter[str]) -> str:
    pieces: list[str] = []
    at = 0
    while found := _MEDIA.search(text, at):
        before = text[max(at, found.start() - _TAIL) : found.start()]
        end = _ENDS.get(before[-1:], _BARE).match(text, found.end()).end()  # type: ignore[union-attr]
        if ";base64" in found[0].lower():
            end = _WRAPPED.match(text, end).end()  # type: ignore[union-attr]
        begin = found.start()
        link = _IN_LINK.search(before)
        if link and (rest := _REST_OF_LINK.match(text, end)):
            begin, end = begin - len(before) + link.start() + 1, rest.end()
        elif end - begin < _SHORT and not _IN_DEFINITION.search(before):
            begin = end
        if begin < end:
            losses[_FILES] += 1
        pieces.append(text[at:begin])
        at = end
    return "".join(pieces) + text[at:]


def _unless_words(found: re.Match[str], losses: Counter[str]) -> str:
    """Nothing for base64; other long runs, such as sequences of a genome, have fewer letters."""
    run = found[0]
    sample = run[:2000]
    kinds = (str.isupper, str.islower, str.isdigit)
    share = 0.05 * len(sample)
    if len(set(sample)) < 40 or any(sum(map(kind, sample)) < share for kind in kinds):
        return run
    losses[_FILES] += 1
    return "\n" if run.endswith("\n") else ""
