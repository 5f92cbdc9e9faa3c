"""Whether an answer is right, by its tokens, and whether it is a refusal.

F1 and exact match are SQuAD's: InfiniteBench (En.QA), LongBench (qa_f1), L-Eval (f1) and SQuAD
all use these rules; L-Eval's exact match differs in that it keeps the case. One list of phrases
(prompts/bench/refusals.json) serves every metric that asks whether an answer says that the
document doesn't hold it. Knows nothing about tasks.
"""

from __future__ import annotations

import functools
import json
import re
import string
from collections import Counter
from collections.abc import Sequence

from lcirc_cli.prompts import REFUSAL, load

_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalise(text: str, *, keep_case: bool = False) -> str:
    """Text without ASCII punctuation and articles, single spaces, lower case unless kept.

    Punctuation goes before the articles do, so "a-b" becomes "ab" and keeps its a.
    """
    text = text if keep_case else text.lower()
    return " ".join(_ARTICLES.sub(" ", text.translate(_NO_PUNCTUATION)).split())


def token_f1(answer: str, reference: str) -> float:
    """Harmonic mean of token precision and recall, counting repeated tokens, 0..1.

    Two texts without a token left score 0, as in the official scripts.
    """
    given, wanted = normalise(answer).split(), normalise(reference).split()
    shared = sum((Counter(given) & Counter(wanted)).values())
    if shared == 0:
        return 0.0
    precision, recall = shared / len(given), shared / len(wanted)
    return 2 * precision * recall / (precision + recall)


def best_f1(answer: str, references: Sequence[str]) -> float:
    """The largest `token_f1` over the references; 0 without any."""
    return max((token_f1(answer, reference) for reference in references), default=0.0)


def exact(answer: str, references: Sequence[str]) -> float:
    """1 if the answer equals a reference after `normalise`, else 0."""
    return float(any(normalise(answer) == normalise(reference) for reference in references))


def first_line(text: str) -> str:
    """The first line that isn't blank at its start: what the paper's evaluation keeps."""
    return text.lstrip("\n").split("\n")[0]


@functools.cache
def _phrases() -> tuple[frozenset[str], tuple[str, ...]]:
    data = json.loads(load("bench/refusals.json"))
    whole = frozenset(normalise(phrase) for phrase in [*data["whole"], REFUSAL])
    return whole, tuple(normalise(phrase) for phrase in data["inside"])


def is_refusal(answer: str) -> bool:
    """True for a blank answer, a whole-answer refusal, or one with a refusing phrase anywhere."""
    text = normalise(answer)
    whole, inside = _phrases()
    return not text or text in whole or any(phrase in text for phrase in inside)
