"""How far two short answers agree: tokens, numbers, lists, yes and no.

The token F1 is SQuAD's (Rajpurkar et al. 2016): lower case, no punctuation, no English
articles. Knows nothing about models or documents.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Sequence

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans(dict.fromkeys(string.punctuation + "“”‘’«»–—…·", " "))
_NUMBER = re.compile(r"[-+]?\d[\d,]*(?:\.\d+)?")
_YES = {"yes", "true", "correct"}
_NO = {"no", "false", "incorrect"}


def words(text: str) -> list[str]:
    """The words of a text as they are compared."""
    text = unicodedata.normalize("NFKC", text).lower().translate(_PUNCTUATION)
    return _ARTICLES.sub(" ", text).split()


def token_f1(prediction: str, gold: str) -> float:
    """Harmonic mean of precision and recall over words; 1.0 where both have none."""
    predicted, wanted = Counter(words(prediction)), Counter(words(gold))
    if not predicted or not wanted:
        return float(predicted == wanted)
    common = (predicted & wanted).total()
    return 2 * common / (predicted.total() + wanted.total())


def contains(text: str, part: str) -> bool:
    """Whether the words of `part` occur in `text` one after the other; False for no words."""
    wanted = words(part)
    return bool(wanted) and f" {' '.join(wanted)} " in f" {' '.join(words(text))} "


def numbers(text: str) -> list[float]:
    """The numbers written in digits, without thousands separators."""
    found = (match.group().replace(",", "") for match in _NUMBER.finditer(text))
    return [float(number) for number in found]


def yes_or_no(text: str) -> str | None:
    """`yes` or `no` where an answer starts with one of them (or true, false, ...)."""
    first = next(iter(words(text)), "")
    return "yes" if first in _YES else "no" if first in _NO else None


def list_f1(predicted: Sequence[str], gold: Sequence[str], *, same: float = 0.6) -> float:
    """F1 over list entries in any order; two entries are the same from a token F1 of `same`."""
    left = list(gold)
    matched = 0
    for entry in predicted:
        best = max(left, key=lambda candidate: token_f1(entry, candidate), default=None)
        if best is not None and token_f1(entry, best) >= same:
            left.remove(best)
            matched += 1
    total = len(predicted) + len(gold)
    return 2 * matched / total if total else 1.0


def agreement(kind: str, predicted: Sequence[str], gold: Sequence[str]) -> float:
    """How far a reply agrees with the answer, between 0 and 1, by the rules of its kind.

    Args:
        kind: one of settings.KINDS.
        predicted, gold: the answer; for lists one entry a thing.
    """
    if kind == "list":
        return list_f1(predicted, gold)
    said, wanted = " ".join(predicted), " ".join(gold)
    if kind == "yes_no":
        return float(yes_or_no(said) is not None and yes_or_no(said) == yes_or_no(wanted))
    if kind == "choice":
        return float(words(said) == words(wanted) and bool(words(said)))
    if kind == "number" and numbers(wanted):
        return float(sorted(set(numbers(said))) == sorted(set(numbers(wanted))))
    if contains(said, wanted) and len(words(said)) <= 3 * len(words(wanted)) + 5:
        return 1.0  # the same answer in a short sentence around it
    return token_f1(said, wanted)
