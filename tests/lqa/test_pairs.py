"""Making pairs with a scripted model, without any connection."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from pathlib import Path

import pytest

from lcirc_cli.endpoints.chat import ChatRequest, Refused, Reply
from lcirc_cli.endpoints.replay import ReplayCache
from lcirc_cli.endpoints.replies import UnreadableReply
from lcirc_cli.errors import EndpointError
from lcirc_cli.lqa.pairs.examiner import REASONS
from lcirc_cli.lqa.pairs.filters import pointing, same_question
from lcirc_cli.lqa.pairs.questions import question_request, read_pair
from lcirc_cli.lqa.pairs.spans import plan_pairs
from lcirc_cli.lqa.records import Pair
from lcirc_cli.lqa.settings import KINDS, PairSettings

from .interviews import SETTINGS, Scripted, pairs_of, source


def test_accepted_pairs_have_their_quotes_word_for_word(cache: ReplayCache) -> None:
    accepted: list[Pair] = []
    reasons: Counter[str] = Counter()
    for number in range(40):
        text = source(number).text
        for entry in pairs_of(number, Scripted(), cache):
            if entry.rejection is not None:
                reasons[entry.rejection.reason] += 1
                continue
            accepted.append(entry.pair)
            record = entry.pair.to_json()
            for (start, end), quote in zip(
                record["evidence"], record.get("quotes", [record.get("quote")]), strict=False
            ):
                assert text[start:end] == quote
            assert bool(record["answers"]) == (record["type"] != "unanswerable")
            if record["type"] == "choice":
                assert record["answers"][0] in record["options"]
    assert len(accepted) > 200
    assert {pair.kind for pair in accepted} == set(KINDS)
    assert set(reasons) <= set(REASONS)
    expected = {"quote_not_found", "length", "points_at_passage", "not_supported", "closed_book"}
    assert expected | {"answerable"} <= set(reasons)


def test_the_order_of_work_changes_nothing(tmp_path: Path) -> None:
    found = []
    for in_flight in (1, 4, 64):
        cache = ReplayCache(tmp_path / f"{in_flight}.sqlite")
        model = Scripted()
        found.append(pairs_of(5, model, cache, in_flight=in_flight))
        assert model.most <= in_flight
        assert max(model.asked.values()) == 1
    assert found[0] == found[1] == found[2]


def test_nothing_is_asked_twice(tmp_path: Path) -> None:
    first, second = Scripted(), Scripted()
    cache = ReplayCache(tmp_path / "x.sqlite")
    found = pairs_of(5, first, cache)
    cache.close()
    cache = ReplayCache(tmp_path / "x.sqlite")
    assert pairs_of(5, second, cache) == found
    assert not second.asked
    assert len(cache) == len(first.asked)


def test_unreadable_replies_are_asked_for_again_and_then_kept_as_rejections(
    cache: ReplayCache,
) -> None:
    def broken(request: ChatRequest, reply: Reply) -> Reply:
        return Reply("I'd rather not.") if request.purpose == "question" else reply

    model = Scripted(broken)
    judged = pairs_of(1, model, cache)
    assert {entry.rejection.reason for entry in judged if entry.rejection} == {"unreadable_reply"}
    assert judged[0].reply == "I'd rather not."
    assert set(model.asked.values()) == {5}  # always the same: no use to go on


def test_unreadable_replies_that_differ_are_asked_for_up_to_the_limit(cache: ReplayCache) -> None:
    numbers = itertools.count()

    def broken(request: ChatRequest, reply: Reply) -> Reply:
        return Reply(f"No. {next(numbers)}") if request.purpose == "question" else reply

    model = Scripted(broken)
    pairs_of(1, model, cache)
    assert set(model.asked.values()) == {SETTINGS.attempts}


def test_a_reply_cut_at_the_token_limit_is_not_asked_for_again(cache: ReplayCache) -> None:
    model = Scripted(lambda request, reply: Reply(reply.text[:20], complete=False))
    judged = pairs_of(1, model, cache)
    assert {entry.rejection.reason for entry in judged if entry.rejection} == {"unreadable_reply"}
    assert set(model.asked.values()) == {1}


def test_a_refused_request_rejects_its_pair_alone(cache: ReplayCache) -> None:
    def refuse(request: ChatRequest, reply: Reply) -> Reply:
        if request.purpose == "supported":
            raise Refused("HTTP 400: too long")
        return reply

    judged = [entry for n in range(8) for entry in pairs_of(n, Scripted(refuse), cache)]
    refused = [e for e in judged if e.rejection and e.rejection.reason == "refused"]
    assert refused
    assert "supported: HTTP 400: too long" in {e.rejection.detail for e in refused if e.rejection}
    assert sum(entry.rejection is None for entry in judged) > 10


def test_an_endpoint_that_fails_stops_everything(cache: ReplayCache) -> None:
    def fail(request: ChatRequest, reply: Reply) -> Reply:
        raise EndpointError("gone")

    model = Scripted(fail)
    with pytest.raises(EndpointError, match="gone"):
        pairs_of(1, model, cache, in_flight=2)
    assert model.asked.total() <= 4  # those waiting for their turn did not ask on
    assert len(cache) == 0


def test_the_seed_and_the_prompt_are_part_of_a_requests_key() -> None:
    found = source(1)
    plan = plan_pairs(found.id, found.text, SETTINGS)[0]
    request = question_request(found, plan, SETTINGS)
    other = question_request(found, plan, PairSettings("scripted", seed=1))
    assert request.key("m") == question_request(found, plan, SETTINGS).key("m")
    assert len({request.key("m"), request.key("n"), other.key("m")}) == 3


def test_replies_of_another_form_are_unreadable() -> None:
    found = source(1)
    plans = {
        plan.kind: plan for n in range(20) for plan in plan_pairs(str(n), found.text, SETTINGS)
    }
    good = {"question": "Who?", "answer": "x", "quote": "y", "quotes": ["y", "z"]}
    for kind, wrong in (
        ("span", {"answer": ""}),
        ("yes_no", {"answer": "maybe"}),
        ("list", {"answer": ["one"]}),
        ("choice", {"wrong_options": ["a", "b"]}),
        ("unanswerable", {"question": " "}),
    ):
        with pytest.raises(UnreadableReply):
            read_pair(json.dumps(good | wrong), "d", plans[kind], seed=0)


@pytest.mark.parametrize(
    ("question", "points"),
    [
        ("What does the passage say about mills?", True),
        ("According to the text, who sold it?", True),
        ("Who is named in the following excerpt?", True),
        ("What does the author mention?", True),
        ("Who opened the passage through the Alps in 1703?", True),
        ("Which text did Erasmus publish in 1516?", False),
        ("In what document did the king promise peace?", False),
        ("Who was the author of the letter to Delft?", False),
    ],
)
def test_questions_that_point_at_what_was_shown(question: str, points: bool) -> None:
    # "The passage through the Alps" is the price: one of a thousand questions, not a wrong pair.
    assert (pointing(Pair("d", 0, "span", question)) is not None) is points


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("Who sold the old mill in Delft?", "Who sold the old mill in Delft ?", True),
        ("Who sold the old mill in Delft?", "who had sold the old mill in Delft", True),
        ("Who sold the old mill in 1750?", "Who sold the old mill in 1751?", False),
        ("Who sold the old mill in Delft?", "Who sold the old mill in Gouda?", False),
        ("Who sold the old mill in Delft?", "How many dials did Anselm keep?", False),
    ],
)
def test_the_same_question_again(first: str, second: str, same: bool) -> None:
    one = Pair("d", 0, "span", first, ("a baker",))
    two = Pair("d", 1, "span", second, ("another",))
    assert same_question(one, two, 0.8) is same
