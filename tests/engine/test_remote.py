"""Answers of a model on a server: what is sent, what comes of it, and what stays ours."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from lcirc_cli import Engine
from lcirc_cli.endpoints.settings import ReaderSettings
from lcirc_cli.errors import EndpointError, UsageError
from lcirc_cli.memory.contents import MemoryContents

from ..endpoints.hostile import serving
from ..endpoints.scripted_reader import MODES, REFUSAL, passages, sentence, stream
from .tiny import make_document, make_text

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])

QUESTION = "Which boat carries the harbour master's silver letters?"
KEY = "sk-A0b1C2d3E4f5G6h7"
FAILS = {
    "redirect": "sends requests on",
    "never": "timeout",
    "page": "gave no answer",
    "wait_long": "HTTP 429",
    "slow_body": "timeout",
    "cut": "broke off",
    "error_in_stream": "broke off",
    "odd_piece": "broke off",
    "empty": "gave no answer within",
    "only_thoughts": "gave no answer within",
    "endless": "doesn't stop",
    "too_long": "5000 tokens, not 4096",
    "wrong_key": "refuses the key",
    "no_model": "no such model",
    "broken": "HTTP 500",
    "slow_answer": "timeout",
    "one_word": "broke off",
}

# Seconds that they are given.
SLOW = dict.fromkeys(("never", "slow_body", "slow_answer", "one_word"), 0.5)


@pytest.fixture
def memory(engine: Engine) -> MemoryContents:
    return engine.ingest([make_document(make_text(1, words=2500))])


@pytest.fixture
def server() -> Iterator[tuple[str, list[Any]]]:
    with serving(MODES) as found:
        yield found


def ask(
    engine: Engine,
    memory: MemoryContents,
    url: str,
    mode: str,
    *,
    question: str = QUESTION,
    **options: Any,
) -> Any:
    engine.reader = ReaderSettings(
        f"{url}/{mode}/v1", "m", timeout=SLOW.get(mode, 30), patience=0.1
    )
    return engine.ask(memory, question, **{"max_new_tokens": 64, **options})


def test_every_mode_ends_with_an_answer_or_one_line(
    engine: Engine,
    memory: MemoryContents,
    server: tuple[str, list[Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LCIRC_API_KEY", KEY)
    url, seen = server
    assert len(MODES) >= 20
    for mode in MODES:
        started = time.monotonic()
        try:
            answer = ask(engine, memory, url, mode)
        except EndpointError as error:
            assert FAILS[mode] in str(error), mode
            assert str(error).isprintable() and KEY not in str(error)
        else:
            assert mode not in FAILS, mode
            asked = next(asked for name, asked in seen if name == mode)
            check(mode, answer, asked)
            assert KEY not in json.dumps(answer.to_json())
        assert mode not in SLOW or time.monotonic() - started < 0.5 + 0.1 + 2, mode


def check(mode: str, answer: Any, asked: dict[str, Any]) -> None:
    first, second = sentence(asked, 1), sentence(asked, 2)
    expected = {
        "refusal": REFUSAL,
        "no_stream": f"{first} [1].",
        "thinking": f"{first} [1].",
        "made_up": f"{first}. {second} [2].",
        "unbacked": f"Zeppelins hovered above Jupiter [1]. [?] {second} [2].",
        "at_the_limit": first,
        "key_in_answer": f"{first} [key] [1]. [?]",  # a word that no passage has
    }
    if mode == "escapes":  # cleaned where it is printed
        assert first in answer.answer
    else:
        assert answer.answer == expected.get(mode, f"{first} [1]. {second}. [2]"), mode
    assert answer.finish == ("length" if mode == "at_the_limit" else "stop")
    assert answer.found == (mode != "refusal")
    used = {sent.id for sent in answer.read.passages if sent.used}
    shown = passages(asked)
    assert used <= shown.keys() and {s.id for s in answer.read.passages} == shown.keys()
    if mode == "made_up":
        assert used == {2}


def test_what_is_sent(engine: Engine, memory: MemoryContents, server: Any) -> None:
    url, seen = server
    answer = ask(engine, memory, url, "good", window_tokens=700, seed=5, temperature=0.5)
    ((_, asked),) = seen
    assert asked["model"] == "m" and asked["max_tokens"] == 64
    assert (asked["seed"], asked["temperature"]) == (5, 0.5)
    assert "response_format" not in asked
    shown = passages(asked)
    text = memory.documents[0].text
    places = [text.index(passage) for passage in shown.values()]
    assert places == sorted(places) and list(shown) == list(range(1, len(shown) + 1))
    assert 0 < answer.read.tokens == answer.tokens.document - answer.left_out <= 700
    for sent in answer.read.passages:
        assert text[sent.start : sent.end].strip() == shown[sent.id]
        assert (sent.quote is not None) == sent.used
        assert sent.quote is None or sent.quote.replace("\n", "") in text.replace("\n", "")


def test_the_default_sends_no_more_than_2000_tokens(
    engine: Engine, memory: MemoryContents, server: Any
) -> None:
    answer = ask(engine, memory, server[0], "good")
    assert 1500 < answer.read.tokens <= 2000 < answer.tokens.document


def test_citations_are_those_of_our_own_answer(engine: Engine, memory: MemoryContents) -> None:
    """The same words from a server have the same citations, scores included."""
    own = engine.ask(memory, QUESTION, max_new_tokens=8)

    async def same(writer: Any, asked: Any, key: str) -> None:
        await stream(writer, f"{own.answer} [1]")

    with serving({"same": same}) as (url, _):
        answer = ask(engine, memory, url, "same")
    assert answer.citations == own.citations and len(own.citations) > 1
    assert answer.found == own.found


def test_the_ranking_is_ours(engine: Engine, memory: MemoryContents, server: Any) -> None:
    """Steered by the question as ever; by words alone where that is asked for."""
    url, seen = server
    for method in ("qd-lcirc", "lcirc"):
        ask(engine, memory, url, "good", method=method, window_tokens=700)
    steered, words = (passages(asked) for _, asked in seen)
    answerer = engine.answerer(memory, method="lcirc")
    best = answerer.collection.index.scores(QUESTION).argmax()
    assert answerer.collection.index.text(int(best)) in words.values()
    assert steered and words


def test_text_comes_as_the_server_says_it(engine: Engine, memory: MemoryContents) -> None:
    times: dict[str, float] = {}

    async def slow(writer: Any, asked: Any, key: str) -> None:
        await stream(writer, "Boats ", end=False)
        times["sent"] = time.monotonic()
        await asyncio.sleep(0.4)
        from ..endpoints.scripted_reader import delta

        writer.write(delta("leave [1].", "stop") + b"data: [DONE]\n\n")

    def show(piece: str) -> None:
        times.setdefault("shown", time.monotonic())

    with serving({"slow": slow}) as (url, _):
        answer = ask(engine, memory, url, "slow", on_token=show)
    assert times["shown"] - times["sent"] < 0.2
    assert 0 < answer.timings.first_token_s < answer.timings.total_s - 0.3


def test_several_questions_are_in_flight_and_answered_in_order(
    engine: Engine, memory: MemoryContents
) -> None:
    running, most = 0, 0

    async def busy(writer: Any, asked: Any, key: str) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        number = asked["messages"][-1]["content"].rpartition("boat ")[2][0]
        await asyncio.sleep(0.2 - 0.03 * int(number))
        running -= 1
        await stream(writer, f"Boat {number} [1].")

    questions = [f"Where is boat {number}?" for number in range(6)]
    with serving({"busy": busy}) as (url, _):
        engine.reader = ReaderSettings(f"{url}/busy/v1", "m", in_flight=6)
        answers = list(engine.ask_many(memory, questions))
        assert most == 6
        most = 0
        engine.reader = replace(engine.reader, in_flight=2)
        again = list(engine.ask_many(memory, questions))
        assert most == 2
    assert [answer.question for answer in answers] == questions
    texts = [answer.answer for answer in answers]
    assert all(f"Boat {number} [1]." in text for number, text in enumerate(texts))
    assert [answer.answer for answer in again] == texts


def test_a_follow_up_knows_what_was_said(
    engine: Engine, memory: MemoryContents, server: Any
) -> None:
    url, seen = server
    history = [("Who wrote?", "The master [4]. [?]")]
    ask(engine, memory, url, "good", question="And what did he carry?", history=history)
    text = seen[-1][1]["messages"][-1]["content"]
    assert "Earlier question: Who wrote?\nIts answer: The master.\n" in text
    ask(engine, memory, url, "good", history=history)  # it names what it asks about
    assert "Earlier question" not in seen[-1][1]["messages"][-1]["content"]


def test_in_a_running_loop_too(engine: Engine, memory: MemoryContents, server: Any) -> None:
    async def notebook() -> Any:
        return ask(engine, memory, server[0], "good")

    assert asyncio.run(notebook()).read.model == "m"


@pytest.mark.parametrize(
    ("reader", "options", "message"),
    [
        (ReaderSettings("http://127.0.0.1:9/v1"), {}, "--reader-model NAME"),
        (ReaderSettings("http://127.0.0.1:9/v1", "m"), {"method": "reader"}, "choose one"),
        (ReaderSettings("http://127.0.0.1:9/v1", "m"), {"window": "ends"}, "leave out --window"),
        (ReaderSettings("127.0.0.1:9", "m"), {}, "not an address"),
        (ReaderSettings("http://127.0.0.1:9/v1", "m", timeout=0), {}, "timeout must be"),
    ],
)
def test_what_does_not_go_together(
    engine: Engine,
    memory: MemoryContents,
    reader: ReaderSettings,
    options: dict[str, Any],
    message: str,
) -> None:
    engine.reader = reader
    with pytest.raises(UsageError, match=message):
        engine.ask(memory, QUESTION, **options)
