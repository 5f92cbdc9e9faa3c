"""Which questions need the turns before them."""

from __future__ import annotations

import pytest

from lcirc_cli.answering.follow_ups import stands_alone


@pytest.mark.parametrize(
    "question",
    [
        "Who founded Elmstead?",
        "And who founded the town?",
        "When was the stone bridge opened?",
        "How many arches are there in the bridge?",
        "Which pump that drains the mine was built in 1848?",
    ],
)
def test_a_question_that_names_what_it_asks_about_stands_alone(question: str) -> None:
    assert stands_alone(question)


@pytest.mark.parametrize(
    "question",
    [
        "When was it opened?",
        "And in which town?",
        "What about the second bridge of oak?",
        "Why?",
        "How long did she live there?",
        "Did the others pay the tax?",
        "And the ropes?",
        "Who was that?",
        "Wann wurde die Brücke gebaut?",
    ],
)
def test_a_follow_up_does_not(question: str) -> None:
    assert not stands_alone(question)
