"""Questions changed so that their document no longer answers them."""

from __future__ import annotations

import numpy as np
import pytest

from lcirc_cli.training.data.altered import alter


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Who was first to leave?", {"Who was not first to leave?", "Who was last to leave?",
                                     "Who was first to stay?"}),
        ("Which towns were built there?", {"Which towns were not built there?"}),
        ("What did the king give his son?", {"What did the queen give his son?",
                                             "What did the king take his son?",
                                             "What did the king give his daughter?"}),
        ("Whose older brother is he?", {"Whose older sister is he?"}),
        ("Where did the theorem come from?", set()),
        ("Why did the fox laugh?", set()),
    ],
)  # fmt: skip
def test_a_question_is_altered_by_an_opposite_or_a_not(question: str, expected: set[str]) -> None:
    drawn = {
        alter(np.random.default_rng(seed), question, others=[question], evidence="")
        for seed in range(40)
    }
    assert drawn == (expected or {None})


def test_a_noun_gives_way_to_one_that_the_evidence_lacks() -> None:
    others = ["Who sold the wheel of the mill?", "Is the spindle, as he says, an heirloom?"]
    asked, evidence = "Who broke the cart?", "The cart lost its wheel."
    drawn = {
        alter(np.random.default_rng(seed), asked, others=others, evidence=evidence)
        for seed in range(40)
    }
    # "wheel" is in the evidence; "mill" stands before a question mark, "spindle" before a comma
    assert drawn == {f"Who broke the {noun}?" for noun in ("mill", "spindle", "heirloom")}


def test_an_altered_question_needs_something_to_exchange() -> None:
    def altered(question: str, others: list[str], evidence: str = "") -> str | None:
        return alter(np.random.default_rng(0), question, others=others, evidence=evidence)

    assert altered("Who saw Ann in 1901?", ["Was 1902 cold?"]) == "Who saw Ann in 1902?"
    assert altered("Who saw Ann there?", ["Did Bob Low sing?"]) == "Who saw Bob Low there?"
    assert altered("Who saw Ann there?", ["Did Bob Low sing?"], "Ann and Bob Low sat.") is None
    assert altered("Who saw Ann there?", ["Did she sing?", "Was 1902 cold?"]) is None
    assert (
        altered("Ann saw whom?", ["Did Bob sing?"]) is None
    )  # the first word has a capital anyway
    assert altered("What happened then?", ["Did Bob sing in 1901?"]) is None
