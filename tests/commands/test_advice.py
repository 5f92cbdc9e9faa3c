"""Questions that a search in a document can't answer get a line that says what to ask instead."""

from __future__ import annotations

import pytest

from lcirc_cli.commands.advice import advice


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("Summarise this.", "no summary"),
        ("Give me an overview of it", "no summary"),
        ("?", "needs words"),
        ("Wer hat die Brücke entworfen?", "language of the document"),
        ("町は誰が作りましたか", None),
        ("Who designed the bridge?", None),
        ("Elmstead founder", None),
    ],
)
def test_advice(question: str, said: str | None) -> None:
    line = advice(question)
    assert line is None if said is None else line is not None and said in line
