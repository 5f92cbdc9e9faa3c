"""Answers in the form that was asked for: letters of options, true or false."""

from __future__ import annotations

import pytest

from lcirc_cli.answering.options import in_form, options_of

WHEEL = "What turned?\nA. A wheel of brass\nB. The old mill\n C) Nothing at all"
LETTER = f"{WHEEL}\nAnswer with the letter."
CLAIM = "The mill burned down. True or false?"


@pytest.mark.parametrize(
    ("question", "letters"),
    [
        (WHEEL, "ABC"),
        (f"{WHEEL}\nPlease answer.", "ABC"),
        ("(A) red\n(B) blue", "AB"),
        ("A: red\nB: blue", "AB"),
        ("Who wrote it?", ""),
        ("A. Lincoln was born where?", ""),  # a name is no list
        ("What turned?\nB. one\nC. two", ""),
        ("What turned?\nA. one\nC. two", ""),
        ("Which letter stands for Ampere?", ""),
    ],
)
def test_options_are_lines_with_letters(question: str, letters: str) -> None:
    assert "".join(options_of(question)) == letters


def test_an_option_is_its_line() -> None:
    assert options_of(WHEEL) == {
        "A": "A wheel of brass",
        "B": "The old mill",
        "C": "Nothing at all",
    }


@pytest.mark.parametrize(
    ("question", "said", "answer"),
    [
        (LETTER, "the old mill", "B"),
        (LETTER, "a brass wheel", "A"),
        (LETTER, "A wheel of brass", "A"),  # the word, not the letter
        (LETTER, "mills", "B"),  # no word in common: its letters are the closest
        (LETTER, "B", "B"),
        (LETTER, "A", "A"),
        (LETTER, "A and C", "A and C"),
        (LETTER, "AC", "AC"),
        (LETTER, "B. The old mill", "B. The old mill"),
        (LETTER, " (C) Nothing", " (C) Nothing"),
        (LETTER, "D", "B"),  # which nobody offered
        (LETTER, "", ""),
        (LETTER, "the document does not say.", "the document does not say."),
        (WHEEL, "the old mill", "the old mill"),  # no letter was asked for
        ("Which letter stands for Ampere?", "I", "I"),
        (CLAIM, "Yes", "True"),
        (CLAIM, " no, it did not", "False, it did not"),
        (CLAIM, "True", "True"),
        (CLAIM, "Nobody knows", "Nobody knows"),
        ("Did the mill burn down?", "Yes", "Yes"),
    ],
)
def test_the_form_is_the_one_that_was_asked_for(question: str, said: str, answer: str) -> None:
    assert in_form(question, said) == answer


def test_what_stands_around_a_question_may_ask_for_the_form() -> None:
    instruction = "Please only provide the letter of the answer."
    assert in_form(WHEEL, "Nothing", instruction=instruction) == "C"
    assert in_form("It burned.", "no", instruction="Say True or False.") == "False"
    assert in_form("It burned.", "no", instruction='It is "True" or "False".') == "False"
