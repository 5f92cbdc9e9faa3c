"""Passages for a question, without an answer."""

from __future__ import annotations

import pytest

from lcirc_cli import Engine
from lcirc_cli.errors import UsageError

from .tiny import QUESTIONS, ingest


def test_passages_are_those_that_an_answer_would_cite(engine: Engine) -> None:
    memories = [ingest(engine, 1), ingest(engine, 2)]
    found = engine.search(memories, QUESTIONS[0], limit=4)
    assert 1 <= len(found) <= 4
    scores = [each.citation.score for each in found]
    assert scores == sorted(scores, reverse=True)
    for each in found:
        text = memories[each.citation.document_index].documents[0].text
        assert each.text == text[each.start : each.end]
        assert each.start <= each.citation.start < each.citation.end <= each.end
    answer = engine.ask(memories, QUESTIONS[0], max_new_tokens=1, citations=4)
    assert {each.citation.document for each in found} >= {answer.citations[0].document}


def test_an_empty_question_finds_nothing(engine: Engine) -> None:
    with pytest.raises(UsageError, match="empty"):
        engine.search(ingest(engine, 1), " ")
