"""The endpoint client against a server on 127.0.0.1 that fails in every way."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lcirc_cli.endpoints.address import KEY_VARIABLES, Key
from lcirc_cli.endpoints.asking import Asker
from lcirc_cli.endpoints.chat import Refused
from lcirc_cli.endpoints.dialect import Dialect
from lcirc_cli.endpoints.endpoint import EndpointModel, OutOfPatience, negotiate
from lcirc_cli.endpoints.replay import ReplayCache
from lcirc_cli.errors import EndpointError

from .answering_server import REQUEST, ask, good, http, serving

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])


def test_what_is_sent_and_what_comes_back() -> None:
    (reply,), (sent,), model = ask(lambda body, number: good())
    assert (reply.text, reply.complete) == ("hello", True)
    assert (reply.prompt_tokens, reply.reply_tokens) == (11, 5)
    assert sent["model"] == "m"
    assert sent["messages"] == [
        {"role": "system", "content": "s"},
        {"role": "user", "content": "u"},
    ]
    assert (sent["temperature"], sent["seed"], sent["max_tokens"]) == (0.5, 3, 7)
    assert sent["response_format"]["json_schema"]["schema"] == REQUEST.schema
    assert not model.troubles


def test_a_reply_at_the_token_limit_is_marked() -> None:
    (reply,), _, _ = ask(lambda body, number: good("cut", finish="length"))
    assert not reply.complete


@pytest.mark.parametrize(
    ("first", "kind"),
    [
        (http(500, b"{}"), "HTTP 500"),
        (http(503, b"oh"), "HTTP 503"),
        (http(429, b"{}", "Retry-After: 0.1"), "HTTP 429"),
        (None, "connection"),
        (http(200, b'{"choices": [', length=500), "timeout"),
        (http(200, b'{"choices": ['), "cut reply"),
        (http(200, b"{}"), "odd reply"),
        (http(200, b'"just text"'), "odd reply"),
    ],
)
def test_trouble_that_passes_is_waited_out(first: bytes | None, kind: str) -> None:
    (reply,), seen, model = ask(lambda body, number: first if number == 1 else good())
    assert reply.text == "hello"
    assert dict(model.troubles) == {kind: 1}
    assert seen[0] == seen[1]


def test_all_requests_wait_when_the_server_asks_for_it() -> None:
    times: list[float] = []

    def answer(body: dict[str, Any], number: int) -> bytes:
        times.append(time.monotonic())
        return http(429, b"{}", "Retry-After: 0.6") if number == 1 else good()

    async def run() -> None:
        async with serving(answer) as (url, _):
            model = EndpointModel(url, "m", dialect=Dialect(), timeout=5, patience=10)
            first = asyncio.create_task(model.complete(REQUEST))
            while not model.troubles:
                await asyncio.sleep(0.01)
            await asyncio.gather(first, *(model.complete(REQUEST) for _ in range(5)))
            await model.aclose()

    asyncio.run(run())
    assert len(times) == 7
    assert min(times[1:]) - times[0] >= 0.55


def test_a_server_that_asks_for_no_wait_is_not_asked_without_a_pause() -> None:
    refuse = http(429, b"{}", "Retry-After: 0")
    seen: list[int] = []

    def answer(body: dict[str, Any], number: int) -> bytes:
        seen.append(number)
        return refuse

    with pytest.raises(OutOfPatience, match="HTTP 429"):
        ask(answer, patience=1.0)
    assert 2 <= len(seen) <= 5  # 0.25, 0.5, 1 s at least between them


def test_an_unpaid_account_is_asked_again_when_it_is_paid(
    tmp_path: Path,
) -> None:
    """Nothing of a refusal that isn't about the request stays in the replay cache."""
    paid = False

    def answer(body: dict[str, Any], number: int) -> bytes:
        return good("{}") if paid else http(402, b'{"error": {"message": "no credit"}}')

    async def run() -> str:
        nonlocal paid
        cache = ReplayCache(tmp_path / "replies.sqlite")
        async with serving(answer) as (url, _):
            model = EndpointModel(url, "m", dialect=Dialect(), timeout=1, patience=5)
            asker = Asker(model, cache, in_flight=1, attempts=1)
            try:
                with pytest.raises(EndpointError, match="no credit"):
                    await asker.ask(REQUEST, str)
                paid = True
                return await asker.ask(REQUEST, str)
            finally:
                await model.aclose()
                cache.close()

    assert asyncio.run(run()) == "{}"


def test_a_hanging_server_is_given_up_after_the_patience() -> None:
    async def never() -> bytes:
        await asyncio.sleep(60)
        return good()

    started = time.monotonic()
    with pytest.raises(OutOfPatience, match=r"gave no answer for \d+ s \(timeout\)"):
        ask(lambda body, number: never(), timeout=0.2, patience=0.5)
    assert time.monotonic() - started < 30  # a crowded machine may take some


@pytest.mark.parametrize(
    ("status", "error", "message"),
    [
        (401, EndpointError, "refuses the key"),
        (402, EndpointError, "wants to be paid first"),
        (404, EndpointError, "no such model or address"),
        (400, Refused, "HTTP 400"),
        (413, Refused, "HTTP 413"),
        (422, Refused, "HTTP 422"),
        (451, EndpointError, r"refuses \(HTTP 451"),
    ],
)
def test_what_waiting_does_not_help_is_not_repeated(
    status: int, error: type[Exception], message: str
) -> None:
    calls = []

    def answer(body: dict[str, Any], number: int) -> bytes:
        calls.append(number)
        return http(status, b'{"error": {"message": "no"}}')

    with pytest.raises(error, match=message):
        ask(answer)
    assert calls == [1]


@pytest.mark.parametrize(
    ("understood", "expected"),
    [
        (lambda body: True, Dialect("json_schema", "max_tokens")),
        (
            lambda body: "max_completion_tokens" in body,
            Dialect("json_schema", "max_completion_tokens"),
        ),
        (
            lambda body: body.get("response_format", {}).get("type") == "json_object",
            Dialect("json_object", "max_tokens"),
        ),
        (lambda body: "response_format" not in body, Dialect("none", "max_tokens")),
    ],
)
def test_the_form_that_a_server_takes_is_found_out(
    understood: Callable[[dict[str, Any]], bool], expected: Dialect
) -> None:
    async def run() -> Dialect:
        refuse = http(400, b'{"error": {"message": "unknown argument"}}')
        async with serving(lambda body, n: good() if understood(body) else refuse) as (url, _):
            model = EndpointModel(url, "m", dialect=Dialect(), timeout=1, patience=5)
            try:
                return await negotiate(model)
            finally:
                await model.aclose()

    assert asyncio.run(run()) == expected


def test_an_argument_that_a_refusal_names_is_written_otherwise() -> None:
    """As hosted models that think first want it."""

    def answer(body: dict[str, Any], number: int) -> bytes:
        for name, told in (
            ("max_tokens", "'max_tokens' is not supported: use 'max_completion_tokens'"),
            ("temperature", "'temperature' takes the default (1) alone"),
        ):
            if name in body:
                return http(400, json.dumps({"error": {"message": told}}).encode())
        return good()

    (reply,), seen, model = ask(answer)
    assert reply.text == "hello" and len(seen) == 3
    assert seen[-1]["max_completion_tokens"] == 7
    assert model.dialect == Dialect("json_schema", "max_completion_tokens", temperature=False)


def test_a_server_that_takes_nothing_is_an_error() -> None:
    async def run() -> None:
        async with serving(lambda body, number: http(400, b"{}")) as (url, _):
            model = EndpointModel(url, "m", dialect=Dialect(), timeout=1, patience=5)
            try:
                await negotiate(model)
            finally:
                await model.aclose()

    with pytest.raises(EndpointError, match="refuses every form of request"):
        asyncio.run(run())


@pytest.mark.parametrize(
    ("variables", "sent"),
    [
        ({}, None),
        ({"OPENAI_API_KEY": "two"}, "Bearer two"),
        ({"LCIRC_API_KEY": "secret", "OPENAI_API_KEY": "two"}, "Bearer secret"),
    ],
)
def test_the_key_comes_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], sent: str | None
) -> None:
    for name in KEY_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert Key().header().get("Authorization") == sent
