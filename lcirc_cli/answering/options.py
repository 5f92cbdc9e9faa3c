"""Answers in the form that a question asks for: the letter of an option, true or false.

The reader says what an option says ("a wheel of brass") where the letter was asked for, and yes
where true was. It knows the words better than the letters (docs/results/systems.md).
"""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from string import ascii_uppercase

from lcirc_cli.qa.scoring import is_refusal, normalise, token_f1

_OPTION = re.compile(r"^[ \t]*\(?([A-Z])[.):][ \t]*(\S.*?)[ \t]*$", re.MULTILINE)
_LETTERS_ASKED = re.compile(r"\bletters?\b", re.IGNORECASE)
_TRUE_FALSE_ASKED = re.compile(r"""\btrue\b["'”’]?\s+or\s+["'“‘]?false\b""", re.IGNORECASE)
_YES_NO = re.compile(r"\s*(yes|no)\b", re.IGNORECASE)
_TRUE_FALSE = {"yes": "True", "no": "False"}


def options_of(question: str) -> dict[str, str]:
    """Letter to text of the options that a question lists, a line each; at least two, from A on."""
    found = _OPTION.findall(question)
    letters = "".join(letter for letter, _ in found)
    begins = letters.rfind("A")  # what stands before may be a list of another kind
    chosen = found[begins:] if begins >= 0 else []
    whole = [letter for letter, _ in chosen] == list(ascii_uppercase[: len(chosen)])
    return dict(chosen) if whole and len(chosen) > 1 else {}


def in_form(question: str, answer: str, *, instruction: str = "") -> str:
    """An answer as its question wants it; the answer itself where it is that already, or a refusal.

    Where letters are asked for, the letter of the option that the answer's words are closest to;
    where true or false is, "True" for "Yes" and "False" for "No".

    Args:
        instruction: what stands around the question and may ask for the form, too.
    """
    if is_refusal(answer):
        return answer
    asked = f"{instruction}\n{question}"
    options = options_of(question)
    if options and _LETTERS_ASKED.search(asked):
        return answer if _names(answer, options) else _closest(answer, options)
    said = _YES_NO.match(answer)
    if said and _TRUE_FALSE_ASKED.search(asked):
        return _TRUE_FALSE[said.group(1).lower()] + answer[said.end() :]
    return answer


def _names(answer: str, options: dict[str, str]) -> bool:
    """Whether an answer begins with letters of options, and not with a word."""
    word = re.match(r"\W*([A-Z]+)(?:\W|\Z)", answer)
    if not word or not set(word.group(1)) <= set(options):
        return False
    # "A wheel of brass" begins with a word; "A" and "B. a wheel" don't.
    return word.group(1) != "A" or bool(re.match(r"\W*A\s*(?:[.):,;&/]|and\b|\Z)", answer))


def _closest(answer: str, options: dict[str, str]) -> str:
    """The letter of the option with the most words in common, then the closest spelling."""
    plain = normalise(answer)

    def likeness(letter: str) -> tuple[float, float]:
        text = options[letter]
        alike = SequenceMatcher(None, plain, normalise(text), autojunk=False).ratio()
        return token_f1(answer, text), alike

    return max(options, key=likeness)
