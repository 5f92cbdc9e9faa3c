"""A reply that is checked while it comes."""

from __future__ import annotations

from collections.abc import Set
from typing import Any

import pytest

from lcirc_cli.answering.checked import Checked, bare
from lcirc_cli.prompts import REFUSAL


def check(text: str, *, size: int = 1, ids: Any = (1, 2, 3)) -> tuple[Checked, list[str]]:
    """What comes of a reply in pieces; a sentence with "moon" in it is backed by nothing."""
    said: list[str] = []

    def backed(sentence: str, named: Set[int]) -> bool:
        return "moon" not in sentence and named <= set(ids)

    checked = Checked(ids, backed, said.append)
    for at in range(0, len(text), size):
        checked.add(text[at : at + size])
    checked.end()
    assert "".join(said) == checked.text
    return checked, said


@pytest.mark.parametrize("size", [1, 2, 5, 1000])
@pytest.mark.parametrize(
    ("reply", "text", "used"),
    [
        ("Rome [1]. Oslo. [2] Bern", "Rome [1]. Oslo. [2] Bern", {1, 2}),
        ("Rome [1, 3].", "Rome [1][3].", {1, 3}),
        ("Rome [9]. Oslo [2; 77].", "Rome. Oslo [2].", {2}),
        ("A moon [1]. Rome [2].", "A moon [1]. [?] Rome [2].", {1, 2}),
        ("Rome. A moon", "Rome. A moon [?]", set()),
        ("Dr. Moon [1] is at 3. 5 km. So.", "Dr. Moon [1] is at 3. 5 km. So.", {1}),
        ("- the moon\n- Rome [1]\n", "- the moon [?]\n- Rome [1]", {1}),
        ("About the moon:\nRome [1]", "About the moon:\nRome [1]", {1}),
        (REFUSAL, REFUSAL, set()),
        ("<think>moon [1]</think>\n\nRome [2].", "Rome [2].", {2}),
        ("  Rome [see [2]] [x] [1", "Rome [see [2]] [x]", {2}),
        ("<b>Rome</b>", "<b>Rome</b>", set()),
        (" \n ", "", set()),
        ("<think>moon", "", set()),
    ],
)
def test_what_becomes_of_a_reply(reply: str, text: str, used: set[int], size: int) -> None:
    checked, _ = check(reply, size=size)
    assert (checked.text, checked.used) == (text, used)
    assert checked.has_begun == bool(text)


def test_letters_go_out_as_they_come() -> None:
    _, said = check("Rome is here [1]. Yes")
    assert said[:4] == ["R", "o", "m", "e"] and " [1]" in said


def test_without_numbers_and_marks() -> None:
    assert bare("Rome [1][22]. A moon [2]. [?] See [x].") == "Rome. A moon. See [x]."


def test_a_long_reply_takes_no_square_of_its_length() -> None:
    check("a" * 100_000 + " [" * 10_000 + " b" * 1_000, size=4_000)
