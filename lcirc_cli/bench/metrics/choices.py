"""Which option an answer chooses: the letter rules of InfiniteBench and L-Eval.

Each function follows its benchmark's script step by step, oddities and all, because a number
is only comparable when the reading of the answer is. Source: InfiniteBench
src/compute_scores.py (88b3daa), L-Eval Evaluation/auto_eval.py (cd34b05).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

LETTERS = "ABCD"
_ANNOUNCED = ("answer is:", "answer:", "answer is", "option is")
_SEPARATORS = str.maketrans(dict.fromkeys("\n\"'.,?!{}", " "))
_LISTED_LETTER = re.compile(r"(?<!\s)\s*+[A-Z](?=[\s.)])")
_STANDALONE = re.compile(r"\b[A-D]\b")


def infinitebench_choice(answer: str, labels: Sequence[str]) -> tuple[bool, bool]:
    """En.MC: (right, understood). labels: the right option's text and its letter.

    In order: nothing -> wrong; a first character in A-D decides; the whole answer equals a
    label; what follows "answer is:", "answer:", "answer is" or "option is"; the first word that
    is a letter (the script's test is "is a part of ABCD", so AB counts as a word and is wrong).
    """
    answer = answer.strip()
    if not answer:
        return False, False
    if answer[0] in LETTERS:
        return answer[0] in labels, True
    if answer in labels:
        return True, True
    spaced = re.sub(" +", " ", answer.translate(_SEPARATORS))
    for phrase in _ANNOUNCED:
        found = spaced.find(phrase)
        if found >= 0:
            said = spaced[found + len(phrase) + 1 :]
            return any(said.startswith(label) for label in labels if said), bool(said)
    for word in spaced.split():
        if word in LETTERS:
            return word in labels, True
    return False, False


def paper_choice(answer: str, labels: Sequence[str]) -> tuple[bool, bool]:
    """En.MC in the published LCIRC evaluation: two chances (reference D.3, 4).

    The last letter standing alone, on the first line that has one, is accepted if it is right;
    otherwise the official rules get their turn.
    """
    for line in answer.strip().split("\n"):
        if letters := _STANDALONE.findall(line):
            if letters[-1] in labels:
                return True, True
            break
    return infinitebench_choice(answer, labels)


def leval_letters(answer: str, *, several: bool) -> tuple[str, bool]:
    """L-Eval: the letters that an answer gives, and whether any were there.

    Args:
        several: coursera, where more than one option may be right; elsewhere the first
            character in A-D decides, wherever it stands.

    Returns:
        The letters in order without repeats ("None" for a blank answer, "A" where there is
        none, as the script has it), and False in these two cases.
    """
    if not answer.strip():
        return "None", False
    if answer in LETTERS:  # as a substring: "BC" stays "BC" in every file
        return answer, True
    if not several:
        first = next((char for char in answer if char in LETTERS), None)
        return (first, True) if first else _listed(answer)
    return _listed(answer)


def _listed(answer: str) -> tuple[str, bool]:
    """Leading letters, else letters before a space, a full stop or a bracket, else a run."""
    lead = len(answer) - len(answer.lstrip(LETTERS))
    head, rest = answer[:lead], answer[lead:]
    if lead > 1:
        return "".join(sorted(set(head))), True
    rest = rest.split("Question")[0]
    listed = {char for item in _LISTED_LETTER.findall(rest) for char in item if char in LETTERS}
    letters = "".join(sorted(listed | set(head)))
    if not letters:
        run = re.search(f"[{LETTERS}]+", rest)
        letters = run.group() if run else ""
    return (letters, True) if letters else ("A", False)


def leval_gold_letters(gold: str) -> str:
    """The right letters of an L-Eval reference: those of its first word; "A" if it has none."""
    letters = "".join(char for char in gold.split()[0] if char in LETTERS) if gold.split() else ""
    return letters or "A"
