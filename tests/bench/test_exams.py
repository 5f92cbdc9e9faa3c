"""L-Eval's exact match and sci_fi: hand-made cases."""

from __future__ import annotations

import pytest

from lcirc_cli.bench.metrics.exams import (
    UNREADABLE,
    exact_match,
    gold_judgements,
    paper_exact_match,
    said_judgements,
    true_or_false,
)

# (answer, gold, official, paper)
EXACT = [
    ("A", "A", 1, 1),
    ("B", "A", 0, 0),
    ("B", "B", 1, 1),
    ("A", "B", 0, 0),
    ("A", "AB", 0.25, 0),  # the three cases of reference D.3, 5
    ("ABC", "AB", 0, 1),
    ("AB", "B", 0, 1),
    ("B", "AB", 0.25, 0),
    ("AB", "AB", 1, 1),
    ("BA", "AB", 0.25, 0),  # the same letters in another order
    ("C", "AB", 0, 0),
    ("AC", "AB", 0, 0),
    ("AD", "ABD", 0.25, 0),
    ("ABCD", "ABCD", 1, 1),
    ("BCD", "ABCD", 0.25, 0),
    ("None", "A", 0, 0),
    ("None", "B", 0, 0),
    ("", "B", 0.25, 0),  # no letters are all among the right ones
    ("a", "A", 0.25, 1),  # an article, so nothing is left of it in either
    ("b", "B", 0, 1),
    ("B.", "B", 1, 1),  # punctuation goes; the paper finds it inside
    (" B ", "B", 1, 1),
    ("A B", "AB", 0, 1),  # the space is no right letter
    ("3", "3", 1, 1),
    ("3.0", "3", 1, 1),
    ("3", "4", 0, 0),
    ("3 apples", "3", 1, 1),
    ("three", "3", 0, 0),
    ("1e3", "1000", 1, 1),
    ("true", "true", 1, 1),
    ("false", "true", 0, 0),
    ("It is true", "true", 1, 1),
    ("<error>", "true", 0, 0),
    ("The Benefits of Volunteering!", "the benefits of volunteering", 1, 1),
    ("the benefits", "the benefits of volunteering", 0, 0),
    ("benefits  of", "benefits of", 1, 1),  # spaces are ignored
    ("ABE", "ABE", 1, 1),  # E is no option: contained
    ("E", "ABE", 0, 0),
    ("xabex", "ABE", 1, 1),
]


@pytest.mark.parametrize(("answer", "gold", "official", "paper"), EXACT)
def test_exact_match(answer: str, gold: str, official: float, paper: float) -> None:
    assert exact_match(answer, gold) == official
    assert paper_exact_match(answer, gold) == paper


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("True", "true"),
        ("False", "false"),
        ("true.", "true"),
        ("It is TRUE", "true"),
        ("untrue", "true"),  # the word holds "true"
        ("false, not true", "false"),
        ("Falsehood", "false"),
        ("", UNREADABLE),
        ("yes", UNREADABLE),
        ("truefalse", "true"),
    ],
)
def test_true_or_false(answer: str, said: str) -> None:
    assert true_or_false(answer) == said


@pytest.mark.parametrize(
    ("gold", "pair"),
    [
        ("True [fact: False]", ("true", "false")),
        ("False [fact: True]", ("false", "true")),
        ("False[fact:False]", ("false", "false")),
        (" TRUE  [FACT: true]", ("true", "true")),
    ],
)
def test_gold_judgements(gold: str, pair: tuple[str, str]) -> None:
    assert gold_judgements(gold) == pair


def test_a_reference_without_a_fact_is_refused() -> None:
    with pytest.raises(ValueError, match="fact"):
        gold_judgements("True")


@pytest.mark.parametrize(
    ("answer", "closed_book", "said"),
    [
        ("True", "False", ("true", "false")),
        ("The answer is false.", "True.", ("false", "true")),
        ("", "", (UNREADABLE, UNREADABLE)),
        ("no idea", "true", (UNREADABLE, "true")),
        ("true", "perhaps", ("true", UNREADABLE)),
        ("True [fact: False] and so on", "true", ("true", "false")),  # its own bracket comes first
    ],
)
def test_said_judgements(answer: str, closed_book: str, said: tuple[str, str]) -> None:
    assert said_judgements(answer, closed_book) == said
