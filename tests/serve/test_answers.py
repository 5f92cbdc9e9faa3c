"""What clients are told of an answer: cleaned, whatever a stranger's memory holds."""

from __future__ import annotations

import json

from lcirc_cli.answering.answer import Answer, Timings, TokenCounts
from lcirc_cli.answering.searching import Found
from lcirc_cli.evidence import Citation
from lcirc_cli.serve.answers import answer_record, as_text, found_record
from lcirc_cli.serve.library import Library

from ..memory.samples import make_contents, make_document

EVIL = "a\x1b]0;title\x07\u202eb"


def test_nothing_reaches_a_client_s_terminal() -> None:
    held = Library().add(make_contents([make_document(EVIL)]), name="evil")
    citation = Citation(
        EVIL,
        0,
        page=1,
        pages=(1, 1),
        label=EVIL,
        section=EVIL,
        start=0,
        end=len(EVIL),
        quote=EVIL,
        score=0.9,
        parts=((0, len(EVIL)),),
    )
    answer = Answer(
        question="What?",
        answer=EVIL,
        citations=(citation,),
        found=True,
        tokens=TokenCounts(9, 9, 0, 3),
        timings=Timings(0.0, 0.0, 0.0, 0.0),
        method="reader",
        window="evidence",
        model="m",
        adapter="a",
        memory_sha256=None,
        left_out=0,
    )
    told = [
        as_text(answer),
        json.dumps(answer_record(answer, [held]), ensure_ascii=False),
        json.dumps(found_record(Found(citation, 0, 9, EVIL), [held]), ensure_ascii=False),
    ]
    for text in told:
        assert "\x1b" not in text and "\\u001b" not in text and "\u202e" not in text
    record = answer_record(answer, [held])
    # As long as before, so that places in the text stay right.
    assert len(record["citations"][0]["quote"]) == len(EVIL)
