"""The filters that ask a model, each with one reply: what it makes of it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from lcirc_cli.endpoints.asking import Asker
from lcirc_cli.endpoints.replay import ReplayCache
from lcirc_cli.endpoints.replies import UnreadableReply
from lcirc_cli.lqa.pairs import checks
from lcirc_cli.lqa.pairs.view import DocumentView
from lcirc_cli.lqa.records import Pair, SourceDocument

from .interviews import Scripted

TEXT = "The mill at Hartford was built by Duncan Reid. It ground oats and rye until 1890."
OPTIONS = ("Duncan Reid", "Maria Lund", "Otto Kip", "Anna Staats")


def pair(kind: str, *answers: str) -> Pair:
    options = OPTIONS if kind == "choice" else ()
    found = Pair("d", 0, kind, "Who built the mill at Hartford?", answers, options)
    return found.located(((0, 46),), TEXT)


def says(tmp_path: Path, value: Any) -> Asker:
    """A model that always replies the same."""
    from lcirc_cli.endpoints.chat import Reply

    model = Scripted(lambda request, reply: Reply(json.dumps(value)))
    return Asker(model, ReplayCache(tmp_path / "replies.sqlite"), in_flight=1, attempts=1)


@pytest.mark.parametrize(
    ("asked", "flag", "answer", "kept"),
    [
        (pair("span", "Duncan Reid"), True, "Duncan Reid", True),
        (pair("span", "Duncan Reid"), True, "Maria Lund", False),
        (pair("span", "Duncan Reid"), True, "", False),
        (pair("span", "Duncan Reid"), False, "", False),
        (pair("span", "Duncan Reid"), False, None, False),
        # Small models deny and give the answer all the same.
        (pair("span", "Duncan Reid"), False, "Duncan Reid", True),
        (pair("list", "oats", "rye"), False, ["rye", "oats"], True),
        (pair("list", "oats", "rye"), False, [], False),
        # But a guess that is right by chance is no answer.
        (pair("yes_no", "yes"), False, "yes", False),
        (pair("yes_no", "yes"), True, "yes", True),
        (pair("choice", "Duncan Reid"), False, "Duncan Reid", False),
        (pair("choice", "Duncan Reid"), True, "Duncan Reid", True),
    ],
)
def test_round_trip_and_closed_book_compare_the_answer(
    tmp_path: Path, asked: Pair, flag: bool, answer: Any, kept: bool
) -> None:
    view = DocumentView(SourceDocument("d", "Mills", TEXT, language="en"))
    asker = says(tmp_path / "1", {"answerable": flag, "answer": answer})
    again = asyncio.run(checks.round_trip(asked, view, asker, threshold=0.6))
    assert (again is None) is kept
    asker = says(tmp_path / "2", {"known": flag, "answer": answer})
    known = asyncio.run(checks.closed_book(asked, asker, threshold=0.6))
    assert (known is not None) is kept  # what proves the one refutes the other


def test_an_answer_that_cannot_be_read_is_no_verdict(tmp_path: Path) -> None:
    view = DocumentView(SourceDocument("d", "Mills", TEXT, language="en"))
    asker = says(tmp_path, {"answerable": True, "answer": None, "x": 1})
    found = asyncio.run(checks.round_trip(pair("span", "x"), view, asker, threshold=0.6))
    assert found is not None
    asker = says(tmp_path / "2", {"answer": "Duncan Reid"})
    with pytest.raises(UnreadableReply):
        asyncio.run(checks.round_trip(pair("span", "x"), view, asker, threshold=0.6))
