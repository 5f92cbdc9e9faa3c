"""L-Eval's exact match and its reading of true/false answers.

Source: L-Eval Evaluation/em.py (c7cf705) and auto_eval.py (cd34b05).
"""

from __future__ import annotations

from lcirc_cli.qa.scoring import normalise

from .choices import LETTERS

UNREADABLE = "<error>"
PARTIAL_CREDIT = 0.25


def exact_match(answer: str, gold: str) -> float:
    """Score of one answer against one reference: 1, 0.25 or 0.

    A reference of letters only: the same string is 1, letters that are all among the right ones
    are 0.25 (a superset is 0). Any other reference: equal as numbers, else contained in the
    answer when case and spaces are ignored. Case counts in the first test, so "b" is no letter.
    """
    wanted = normalise(gold, keep_case=True)
    if all(char in LETTERS for char in wanted):
        given = normalise(answer, keep_case=True)
        if given == wanted:
            return 1.0
        return PARTIAL_CREDIT if set(given) <= set(wanted) else 0.0
    return _same_number_or_inside(answer, gold)


def paper_exact_match(answer: str, gold: str) -> float:
    """The published LCIRC evaluation's version (reference D.3, 5).

    It lower-cases before it looks for letters, so that no reference counts as letters: a
    superset of the right ones is 1 and there is no partial credit. The reference "A" becomes an
    article and vanishes; then only an answer that vanishes too is right.
    """
    if not normalise(gold):
        return float(not normalise(answer))
    return _same_number_or_inside(answer, gold)


def _same_number_or_inside(answer: str, gold: str) -> float:
    try:
        return float(float(answer) == float(gold))
    except ValueError:
        return float(_squeezed(gold) in _squeezed(answer))


def _squeezed(text: str) -> str:
    return text.lower().replace(" ", "")


def true_or_false(answer: str) -> str:
    """`true` or `false`, whichever the first word that holds one of them says; else `<error>`."""
    for word in answer.lower().split():
        if "true" in word:
            return "true"
        if "false" in word:
            return "false"
    return UNREADABLE


def said_judgements(answer: str, closed_book: str) -> tuple[str, str]:
    """Loyalty and fact that two answers give, read from one text as the script does."""
    parts = f"{answer} [fact: {closed_book}]".lower().split("[fact:")
    return true_or_false(parts[0]), true_or_false(parts[1][:-1])


def gold_judgements(gold: str) -> tuple[str, str]:
    """Loyalty and fact of a reference written `True [fact: False]`.

    Raises:
        ValueError: there is no fact in it.
    """
    loyalty, found, fact = gold.lower().partition("[fact:")
    if not found:
        raise ValueError(f"no [fact: ...] in the reference {gold!r}")
    return loyalty.strip(), fact[:-1].strip()
