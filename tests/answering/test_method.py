"""Which method answers where none is named: what the adapter answers best with, beside passages."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lcirc_cli import Engine
from lcirc_cli.answering.answer import AskSettings
from lcirc_cli.errors import UsageError

from ..engine.tiny import NEW, QUESTIONS, ingest


@pytest.mark.parametrize(
    ("options", "remote", "method"),
    [
        ({}, False, "reader"),
        ({}, True, "qd-lcirc"),  # the passages are ranked here, and read on a server
        ({"window": "none"}, False, "qd-lcirc"),
        ({"window": "ends"}, False, "qd-lcirc"),
        ({"window_tokens": 0}, False, "qd-lcirc"),
        ({"method": "none"}, False, "none"),
        ({"method": "qd-lcirc"}, True, "qd-lcirc"),
    ],
)
def test_auto_is_the_adapters_own_beside_passages(
    options: dict[str, Any], remote: bool, method: str
) -> None:
    settings = AskSettings(**options)
    assert settings.settled("reader", remote=remote) == replace(settings, method=method)


def test_an_answer_says_which_it_was(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    memory = ingest(engine, 1)
    assert engine.ask(memory, QUESTIONS[0], max_new_tokens=NEW).method == "qd-lcirc"
    monkeypatch.setattr(engine.adapter.config, "ask_method", "lcirc")
    assert engine.ask(memory, QUESTIONS[0], max_new_tokens=NEW).method == "lcirc"
    asked = engine.ask(memory, QUESTIONS[0], method="qd-lcirc", max_new_tokens=NEW)
    assert asked.to_json()["method"] == "qd-lcirc"
    monkeypatch.setattr(engine.adapter.config, "ask_method", "reader")
    with pytest.raises(UsageError, match="has no reader"):
        engine.ask(memory, QUESTIONS[0])
