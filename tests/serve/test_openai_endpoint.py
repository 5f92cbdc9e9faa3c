"""The endpoint of OpenAI's form, by plain requests and by OpenAI's own client."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import pytest

from lcirc_cli.serve.answers import SOURCES

from .conftest import Served

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])

ASKED = [{"role": "user", "content": "What did the harbour master write?"}]
CHAT = "/v1/chat/completions"


def chunks(text: str) -> list[dict[str, Any]]:
    lines = [line.removeprefix("data: ") for line in text.split("\n\n") if line]
    assert lines[-1] == "[DONE]"
    return [json.loads(line) for line in lines[:-1]]


def test_every_memory_is_a_model(served: Served) -> None:
    with served.client() as client:
        found = client.get("/v1/models").json()
        assert found["object"] == "list"
        assert [each["id"] for each in found["data"]] == ["two-books", "notes"]
        assert found["data"][0]["lcirc"]["documents"] == ["1.txt", "2.txt"]
        assert client.get("/v1/models/notes").json()["object"] == "model"
        assert client.get("/v1/models/none").status_code == 404


def test_an_answer_with_its_sources(served: Served) -> None:
    with served.client() as client:
        reply = client.post(CHAT, json={"model": "two-books", "messages": ASKED}).json()
    message, own = reply["choices"][0]["message"], reply["lcirc"]
    assert reply["object"] == "chat.completion" and message["role"] == "assistant"
    assert message["content"].startswith(own["said"])
    assert SOURCES + "[1] " in message["content"]
    usage = reply["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert 0 < usage["completion_tokens"] <= 8
    for cited in own["citations"]:
        held = served.house.library.get(cited["memory"])
        whole = held.memory.documents[cited["number"]].text
        assert "\n".join(whole[a:b] for a, b in cited["parts"]) == cited["quote"]


def test_the_same_as_the_engine_says(served: Served) -> None:
    held = served.house.library.get("notes")
    expected = served.house.engine.ask(held.memory, ASKED[0]["content"], max_new_tokens=5)
    body = {"model": "notes", "messages": ASKED, "max_tokens": 5}
    with served.client() as client:
        reply = client.post(CHAT, json=body).json()
        streamed = chunks(client.post(CHAT, json={**body, "stream": True}).text)
    assert reply["lcirc"]["answer"] == expected.answer
    text = "".join(each["choices"][0]["delta"].get("content", "") for each in streamed)
    assert expected.answer in text and SOURCES in text
    assert streamed[-1]["choices"][0]["finish_reason"] == expected.finish
    assert streamed[-1]["lcirc"]["answer"] == expected.answer


def test_usage_of_a_stream_where_it_is_asked_for(served: Served) -> None:
    body = {"model": "notes", "messages": ASKED, "stream": True}
    with served.client() as client:
        body["stream_options"] = {"include_usage": True}
        found = chunks(client.post(CHAT, json=body).text)
    assert found[-1]["choices"] == [] and found[-1]["usage"]["prompt_tokens"] > 0
    assert len({each["id"] for each in found}) == 1


def test_earlier_turns_go_along_without_their_sources(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []
    ask = served.house.engine.ask

    def watched(*args: Any, **options: Any) -> Any:
        seen.append((args[1], options["history"]))
        return ask(*args, **options)

    monkeypatch.setattr(served.house.engine, "ask", watched)
    messages = [
        {"role": "system", "content": "Be short."},
        {"role": "user", "content": "Who left?"},
        {"role": "assistant", "content": f"The master.{SOURCES}[1] a.pdf"},
        {"role": "user", "content": [{"type": "text", "text": "And when?"}]},
    ]
    body = {"model": "notes", "messages": messages, "top_p": 0.3}
    with served.client() as client:
        own = client.post(CHAT, json=body).json()["lcirc"]
    assert seen == [("And when?", [("Who left?", "The master.")])]
    assert own["ignored"] == ["top_p", "system message"]  # nothing is dropped silently


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"model": "other"}, 404),
        ({"model": None}, 400),
        ({"messages": []}, 400),
        ({"messages": "hello"}, 400),
        ({"messages": [{"role": "user", "content": " "}]}, 400),
        ({"messages": [{"role": "assistant", "content": "x"}]}, 400),
        ({"messages": [{"role": "user", "content": "x" * 9_000}]}, 400),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, 400),
        ({"messages": [{"role": "user", "content": 3}]}, 400),
        ({"n": 2}, 400),
        ({"temperature": -1}, 400),
        ({"temperature": "warm"}, 400),
        ({"max_tokens": 0}, 400),
        ({"max_tokens": True}, 400),
        ({"stream": "yes"}, 400),
        ({"tools": [{"type": "function"}]}, 400),
        ({"response_format": {"type": "json_object"}}, 400),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_errors_in_the_form_of_openai(
    served: Served, change: dict[str, Any], status: int, stream: bool
) -> None:
    body = {"model": "notes", "messages": ASKED, "stream": stream, **change}
    with served.client() as client:
        reply = client.post(CHAT, json=body)
    assert reply.status_code == status
    error = reply.json()["error"]
    assert set(error) == {"message", "type", "param", "code"} and "\n" not in error["message"]


def test_too_many_at_once_are_told_so(served: Served) -> None:
    worker = served.house.worker
    go = threading.Event()
    from lcirc_cli.serve.worker import Task

    worker.ask(Task(lambda task: go.wait(20), print))
    while worker.waiting:
        time.sleep(0.01)
    waiting = [worker.ask(Task(lambda task: None, print)) for _ in range(16)]
    with served.client() as client:
        reply = client.post(CHAT, json={"model": "notes", "messages": ASKED})
    go.set()
    assert len(waiting) == 16 and reply.status_code == 429
    assert reply.json()["error"]["type"] == "rate_limit_error"
    assert reply.headers["retry-after"]


# --- OpenAI's own client --------------------------------------------------------------------


@pytest.fixture
def openai(served: Served) -> Any:
    library = pytest.importorskip("openai", reason="the client `openai` is not installed")
    with library.OpenAI(
        base_url=f"{served.url}/v1", api_key="none", max_retries=0, timeout=60
    ) as client:
        yield client


def test_the_client_lists_chats_and_streams(openai: Any) -> None:
    assert [model.id for model in openai.models.list()] == ["two-books", "notes"]
    whole = openai.chat.completions.create(model="notes", messages=ASKED)
    assert whole.choices[0].message.content and whole.usage.prompt_tokens > 0
    assert whole.lcirc["citations"]
    pieces = openai.chat.completions.create(model="notes", messages=ASKED, stream=True)
    text = "".join(each.choices[0].delta.content or "" for each in pieces)
    assert whole.lcirc["answer"] in text


def test_the_client_understands_errors(openai: Any) -> None:
    import openai as library

    with pytest.raises(library.NotFoundError, match="no such memory"):
        openai.chat.completions.create(model="other", messages=ASKED)
    with pytest.raises(library.BadRequestError, match="empty"):
        openai.chat.completions.create(model="notes", messages=[{"role": "user", "content": ""}])


def test_a_client_that_goes_stops_its_generation(
    served: Served, openai: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its connection alone; the next question is answered at once."""
    ended: list[BaseException] = []
    ask = served.house.engine.ask

    def slow(*args: Any, on_token: Any, **options: Any) -> Any:
        try:
            for _ in range(2_000):
                on_token("word ")
                time.sleep(0.01)
        except BaseException as error:
            ended.append(error)
            raise
        return ask(*args, on_token=on_token, **options)

    monkeypatch.setattr(served.house.engine, "ask", slow)
    stream = openai.chat.completions.create(model="notes", messages=ASKED, stream=True)
    for number, _ in enumerate(stream):
        if number == 3:
            break
    stream.close()
    deadline = time.monotonic() + 10
    while not ended and time.monotonic() < deadline:
        time.sleep(0.02)
    assert [type(each).__name__ for each in ended] == ["Stopped"]
    monkeypatch.undo()
    assert openai.chat.completions.create(model="notes", messages=ASKED).choices
