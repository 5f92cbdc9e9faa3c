"""Letter rules: hand-made cases, each written from the rule and not from our code."""

from __future__ import annotations

import pytest

from lcirc_cli.bench.metrics.choices import (
    infinitebench_choice,
    leval_gold_letters,
    leval_letters,
    paper_choice,
)

GOLD = ("Mrs. Harper", "B")

# (answer, right, understood)
EN_MC = [
    ("B", True, True),
    ("A", False, True),
    ("", False, False),
    ("   \n", False, False),
    ("B.", True, True),
    ("B. Mr. Smith", True, True),  # the first character decides
    (" B", True, True),
    ("\n\nB", True, True),
    ("Because of B", True, True),  # the first character is B
    ("Dr. Harper", False, True),  # the first character is D
    ("A or B", False, True),
    ("C because B is wrong", False, True),
    ("b", False, False),
    ("Mrs. Harper", True, True),  # the exact text of the option
    ("  Mrs. Harper  ", True, True),
    ("mrs. harper", False, False),
    ("Mrs. Harper.", False, False),
    ("The answer is: B", True, True),
    ("The answer is: A", False, True),
    ("The answer is B", True, True),
    ("The answer is B, I think", True, True),
    ("My answer: B", True, True),
    ("My answer: (B", False, True),
    ("the correct option is B", True, True),
    ("the correct option is D", False, True),
    ("The answer is", False, False),  # ends with the phrase
    ("The answer is:", False, False),
    ("The answer is: Mrs Harper", False, True),  # the full stop of the label stays
    ("The answer is:\nB", True, True),
    ('The answer is "B"', True, True),  # the quote became a space, and two spaces one
    ("I choose B", True, True),
    ("I choose A then B", False, True),  # the first letter word
    ("It is (B)", False, False),  # brackets are not taken away
    ("It is B.", True, True),
    ("It is 'B'", True, True),
    ("It is {B}", True, True),
    ("It was AB", False, True),  # AB is a part of ABCD, and no label
    ("It was AC, then B", True, True),  # AC is not
    ("no idea", False, False),
    ("option is", False, False),
    ("1. B", True, True),
    ("The ANSWER IS B", True, True),  # no phrase, but a letter word
    ("x answer: C answer is: B", True, True),  # "answer is:" is looked for first
    ("x answer: B answer is: C", False, True),
    ("E", False, False),
]


@pytest.mark.parametrize(("answer", "right", "understood"), EN_MC)
def test_infinitebench(answer: str, right: bool, understood: bool) -> None:
    assert infinitebench_choice(answer, GOLD) == (right, understood)


PAPER_MC = [
    ("A or B", True, True),  # the last letter is right: first chance
    ("B or A", True, True),  # wrong at first, then the first character: second chance
    ("C, D", False, True),
    ("I say C\nB", False, True),  # only the first line with letters counts
    ("nothing\nA B", True, True),
    ("AB", False, True),
    ("", False, False),
    ("Mrs. Harper", True, True),
    ("(B)", True, True),  # a bracket ends a word for this rule
    ("(A)", False, False),
    ("The answer is A. No, B", True, True),
]


@pytest.mark.parametrize(("answer", "right", "understood"), PAPER_MC)
def test_paper_gives_two_chances(answer: str, right: bool, understood: bool) -> None:
    assert paper_choice(answer, GOLD) == (right, understood)


# (answer, letters, understood): several options may be right
COURSERA = [
    ("", "None", False),
    ("  \n ", "None", False),
    ("A", "A", True),
    ("AB", "AB", True),
    ("BA", "AB", True),
    ("BC", "BC", True),
    ("ABCD", "ABCD", True),
    ("DD", "D", True),
    ("CBA", "ABC", True),
    ("AC because", "AC", True),
    ("A, C", "A", True),  # a comma doesn't follow the pattern
    ("A. first\nC. third", "AC", True),
    ("A) yes B) no", "AB", True),
    ("A B C", "AB", True),  # nothing follows the C
    ("A B C.", "ABC", True),
    ("The answer is B.", "B", True),
    ("The answer is B", "B", True),  # the run of letters at last
    ("answer: BC", "BC", True),
    ("answer: CB", "CB", True),  # a run is not sorted
    ("I think A. or D.", "AD", True),
    ("none of them", "A", False),
    ("e", "A", False),
    ("b", "A", False),
    ("x\nQuestion 2. B.", "A", False),  # cut at "Question"
    ("B. yes Question 2. C.", "B", True),
    ("DNA is", "AD", True),  # a leading D, and an A before a space
    ("BE", "B", True),
    ("A.", "A", True),
    ("AB.", "AB", True),
    ("A.B.", "AB", True),
]


@pytest.mark.parametrize(("answer", "letters", "understood"), COURSERA)
def test_leval_several(answer: str, letters: str, understood: bool) -> None:
    assert leval_letters(answer, several=True) == (letters, understood)


SINGLE = [
    ("", "None", False),
    ("B", "B", True),
    ("BC", "BC", True),  # a part of ABCD comes back whole
    ("BD", "B", True),
    ("B. because A", "B", True),
    ("The answer is C", "C", True),
    ("I say D", "D", True),
    ("Answer: B", "A", True),  # the first character in A-D is the A of Answer
    ("Because C", "B", True),
    ("not sure", "A", False),
    ("e", "A", False),
    ("\nC", "C", True),
    (" D.", "D", True),
    ("(A)", "A", True),
    ("abc D", "D", True),
    ("ABCD", "ABCD", True),
    ("BCA", "B", True),
]


@pytest.mark.parametrize(("answer", "letters", "understood"), SINGLE)
def test_leval_single(answer: str, letters: str, understood: bool) -> None:
    assert leval_letters(answer, several=False) == (letters, understood)


@pytest.mark.parametrize(
    ("gold", "letters"),
    [
        ("A", "A"),
        ("AB", "AB"),
        ("B. text", "B"),
        ("C) text A", "C"),
        ("(D)", "D"),
        ("x", "A"),
        ("", "A"),
        ("ACD ", "ACD"),
    ],
)
def test_leval_gold(gold: str, letters: str) -> None:
    assert leval_gold_letters(gold) == letters
