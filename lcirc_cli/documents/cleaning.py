"""Takes characters out of a text that no reader wants and that break later steps.

Lone surrogates can't be written as UTF-8, NULs end strings in C code, other control characters are
noise from the source, and marks that turn the direction of what follows can make a name look like
another one. Knows nothing about formats.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace

from lcirc_cli.documents.assemble import Part

_LINE_ENDS = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
_SURROGATES = re.compile("[\ud800-\udfff]")
_CONTROLS = re.compile("[\x01-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ufeff\ufffe\uffff]")
_DIRECTIONS = re.compile("[\u202a-\u202e\u2066-\u2069]")


def clean_text(text: str) -> tuple[str, Counter[str]]:
    """`text` with line ends as `\\n` and without NULs, lone surrogates and control characters.

    Tabs stay, and so do right-to-left letters and their marks. The counter tells how many of each
    kind were repaired, line ends not counted.
    """
    text = _LINE_ENDS.sub("\n", text)
    nulls = text.count("\0")
    if nulls:
        text = text.replace("\0", "")
    text, surrogates = _join_surrogates(text)
    text, controls = _CONTROLS.subn("", text)
    text, directions = _DIRECTIONS.subn("", text)
    counts = {"NUL": nulls, "lone surrogate": surrogates, "control character": controls}
    counts["change of direction"] = directions
    return text, Counter({kind: count for kind, count in counts.items() if count})


def clean_parts(parts: Iterable[Part], repairs: Counter[str]) -> Iterator[Part]:
    """Parts cleaned, with the repairs counted: references may have put anything into their text."""
    for part in parts:
        text, counts = clean_text(part.text)
        repairs.update(counts)
        section = part.section and " ".join(clean_text(part.section)[0].split())
        yield replace(part, text=text, section=section)


def _join_surrogates(text: str) -> tuple[str, int]:
    """Surrogate pairs as the characters that they mean, and how many lone ones are replaced."""
    if not _SURROGATES.search(text):
        return text, 0
    before = text.count("\ufffd")
    text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text, text.count("\ufffd") - before


def describe_repairs(repairs: Counter[str]) -> list[str]:
    """One note for each kind of repair."""
    notes = []
    for kind, count in sorted(repairs.items()):
        done = "replaced" if kind == "lone surrogate" else "removed"
        notes.append(f"{count:,} {_plural(kind, count)} {done}")
    return notes


def _plural(kind: str, count: int) -> str:
    first, _, rest = kind.partition(" of ")
    many = kind + "s" if not rest else f"{first}s of {rest}"
    return kind if count == 1 else many
