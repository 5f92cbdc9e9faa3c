"""Turns a line of right-to-left script from the order in which it is seen into the order in which
it is read; numbers and words of other scripts keep theirs.

Knows text only.
"""

from __future__ import annotations

import re
import unicodedata

from lcirc_cli.documents.pdf_chunks import is_rtl
from lcirc_cli.documents.pdf_ligatures import MARKS

_RTL = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
_CLUSTER = re.compile(f".[{MARKS}]*", re.DOTALL)
_ARABIC = re.compile("[\u0600-\u08ff\ufb50-\ufdff\ufe70-\ufefc]")
# What holds a number together as Unicode's rules for two directions have it: a dash does not, and
# beside Arabic letters neither a hyphen nor a sign after the number.
_NUMBER_JOINTS = frozenset(".,:/٫٬")
_MORE_JOINTS = _NUMBER_JOINTS | frozenset("-+")
_SIGNS = frozenset("%‰°$€£¥₪#")


def has_rtl(text: str) -> bool:
    """Whether the text holds a letter of a script that runs to the left."""
    return bool(_RTL.search(text))


def runs_left(text: str) -> bool:
    """Whether most of the text's letters are of such scripts."""
    letters = [c for c in text if c.isalpha()]
    return 2 * sum(map(is_rtl, letters)) >= len(letters) > 0


def logical(text: str) -> str:
    """The text of a line, given from left to right, in reading order."""
    if not has_rtl(text):
        return text
    clusters = _CLUSTER.findall(text)
    kinds = [_kind(cluster[0]) for cluster in clusters]
    if not _ARABIC.search(text):
        _add_signs(clusters, kinds)
    if runs_left(text):
        pieces = _runs(clusters, kinds, flipped=("L", "N"))
        return "".join(reversed(pieces))
    return "".join(_runs(clusters, kinds, flipped=("R",)))


def _add_signs(clusters: list[str], kinds: list[str]) -> None:
    """Make what stands at a number, `12%` and `$5`, a part of it."""
    for order in (range(len(kinds)), range(len(kinds) - 1, -1, -1)):
        before = "-"
        for i in order:
            if clusters[i] in _SIGNS and before == "N":
                kinds[i] = "N"
            before = kinds[i]


def _kind(character: str) -> str:
    if is_rtl(character):
        return "R"
    if unicodedata.bidirectional(character) in ("EN", "AN"):
        return "N"
    return "L" if character.isalpha() else "-"


def _runs(clusters: list[str], kinds: list[str], *, flipped: tuple[str, ...]) -> list[str]:
    """Single clusters, and runs of the flipped kinds as one piece; "R" runs come turned round."""
    pieces: list[str] = []
    at = 0
    while at < len(clusters):
        end = at + 1
        if kinds[at] in flipped:
            while (after := _goes_on(clusters, kinds, end, flipped)) > end:
                end = after
            run = clusters[at:end]
            pieces.append(_turned(run) if "R" in flipped else "".join(run))
        else:
            pieces.append(clusters[at])
        at = end
    return pieces


def _turned(run: list[str]) -> str:
    """A right-to-left run inside of other text; numbers in it keep their order."""
    kinds = [_kind(cluster[0]) for cluster in run]
    return "".join(reversed(_runs(run, kinds, flipped=("N",))))


def _goes_on(clusters: list[str], kinds: list[str], end: int, flipped: tuple[str, ...]) -> int:
    """Where a run goes on to from `end`: over a few neutral characters to the next of its kind."""
    if end < len(kinds) and kinds[end] in flipped:
        return end + 1
    joints = 0
    while end + joints < len(kinds) and kinds[end + joints] == "-":
        joints += 1
    after = end + joints
    if not joints or after >= len(kinds) or kinds[after] not in flipped:
        return end
    number = "R" not in flipped and "N" in (kinds[end - 1], kinds[after])
    between = clusters[end:after]
    arabic = any(_ARABIC.match(cluster) for cluster in clusters)
    if number and (joints > 1 or between[0] not in (_NUMBER_JOINTS if arabic else _MORE_JOINTS)):
        both = kinds[end - 1] == "L" or kinds[after] == "L"
        return after + 1 if both and joints == 1 and between[0] == " " else end
    return after + 1
