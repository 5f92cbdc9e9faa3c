"""Tells what a reader met and could not put into the text, one short note for each kind.

A kind is written as its note, with `{s}` where the plural has an s: "picture{s} not read". Knows
nothing about formats.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from lcirc_cli.documents.cleaning import describe_repairs

PICTURES = "picture{s} not read"
OBJECTS = "embedded object{s} not read"
CONTENTS = "table{s} of contents of the book left out"
DELETED = "deleted passage{s} left out"
REFERENCES = "character reference{s} without a character replaced"


def describe_losses(losses: Counter[str]) -> list[str]:
    """A note for each kind, in the order of their first meeting."""
    return [
        f"{count:,} {kind.format(s='' if count == 1 else 's')}"
        for kind, count in losses.items()
        if count
    ]


def reading_notes(
    notes: Iterable[str], repairs: Counter[str], losses: Counter[str]
) -> Iterator[str]:
    """All notes on a reading; repairs and losses are looked at when they are asked for."""
    yield from notes
    yield from describe_repairs(repairs)
    yield from describe_losses(losses)
