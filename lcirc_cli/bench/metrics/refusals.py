"""Does an answer say that the document doesn't hold the answer?

One list of phrases (prompts/bench/refusals.json) serves every metric that asks.
"""

from __future__ import annotations

import functools
import json

from lcirc_cli.prompts import load

from .tokens import normalise


@functools.cache
def _phrases() -> tuple[frozenset[str], tuple[str, ...]]:
    data = json.loads(load("bench/refusals.json"))
    # What adapters are trained to say stands in refusal.txt.
    whole = frozenset(normalise(phrase) for phrase in [*data["whole"], load("refusal.txt")])
    return whole, tuple(normalise(phrase) for phrase in data["inside"])


def is_refusal(answer: str) -> bool:
    """True for a blank answer, a whole-answer refusal, or one with a refusing phrase anywhere."""
    text = normalise(answer)
    whole, inside = _phrases()
    return not text or text in whole or any(phrase in text for phrase in inside)
