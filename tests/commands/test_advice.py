"""Questions that a search in a document can't answer get a line that says what to ask instead."""

from __future__ import annotations

import pytest

from lcirc_cli.commands.advice import advice, one_of_several


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("Summarise this.", "no summary"),
        ("Give me an overview of it", "no summary"),
        ("?", "needs words"),
        ("Wer hat die Brücke entworfen?", "language of the document"),
        ("What does this document say?", "no summary"),
        ("Give me the key points", "no summary"),
        ("Was kostet die Brücke?", "language of the document"),
        ("Wann wurde die Brücke in Elmstead gebaut?", "language of the document"),
        ("Quand le pont a-t-il été construit ?", "language of the document"),
        ("¿Quién diseñó el puente de piedra?", "language of the document"),
        ("Hoe hoog was de brug in 1781?", "language of the document"),
        ("Quanto custou a ponte do rio?", "language of the document"),
        ("In che anno fu aperto il ponte?", "language of the document"),
        ("Who did El Cid fight in La Mancha?", None),
        ("When did Le Corbusier die?", None),
        ("What was the will of the mayor?", None),
        ("町は誰が作りましたか", None),
        ("Who designed the bridge?", None),
        ("Elmstead founder", None),
    ],
)
def test_advice(question: str, said: str | None) -> None:
    line = advice(question)
    assert line is None if said is None else line is not None and said in line


@pytest.mark.parametrize(
    ("question", "answer", "told"),
    [
        ("List all the years of the cup.", "1934", True),
        ("Name every winner", "Ann", True),
        ("What are all the colours?", "green", True),
        ("List all the years of the cup.", "1934, 1951 and 1988", False),
        ("List the two winners.", "Ann and Bob", False),
        ("Who won the cup?", "Ann", False),
        ("Is that all?", "Yes", False),
    ],
)
def test_one_answer_where_a_list_was_asked_for(question: str, answer: str, told: bool) -> None:
    assert (one_of_several(question, answer) is not None) == told
