"""Replies that come in pieces."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from lcirc_cli.endpoints.dialect import Dialect
from lcirc_cli.endpoints.endpoint import EndpointModel
from lcirc_cli.errors import EndpointError

from .answering_server import REQUEST, Answer, good, http, serving

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])


def streamed(*pieces: str, end: str = "data: [DONE]\n\n") -> bytes:
    lines = "".join(
        "data: " + json.dumps({"choices": [{"index": 0, "delta": {"content": piece}}]}) + "\r\n\r\n"
        for piece in pieces
    )
    return http(200, (": hello\n\n" + lines + end).encode())


def stream(answer: Answer, **more: Any) -> tuple[Any, list[str]]:
    """The reply, and the pieces as they came."""
    said: list[str] = []

    async def run() -> Any:
        async with serving(answer) as (url, seen):
            settings = {"dialect": Dialect("none"), "timeout": 1.0, "patience": 5.0} | more
            model = EndpointModel(url, "m", **settings)
            try:
                reply = await model.complete(REQUEST, on_text=said.append)
                assert all(body["stream"] is True for body in seen)
                return reply
            finally:
                await model.aclose()

    return asyncio.run(run()), said


def test_a_streamed_reply_comes_in_pieces() -> None:
    reply, said = stream(lambda body, number: streamed("Rome", " and", " Oslo"))
    assert said == ["Rome", " and", " Oslo"]
    assert (reply.text, reply.complete) == ("Rome and Oslo", True)


def test_a_server_that_does_not_stream_is_read_whole() -> None:
    reply, said = stream(lambda body, number: good("Rome", finish="length"))
    assert (reply.text, reply.complete, said) == ("Rome", False, ["Rome"])


def test_a_key_is_kept_back_though_it_comes_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LCIRC_API_KEY", "sk-123456789")
    reply, said = stream(lambda body, number: streamed("it is sk-", "1234", "56789", ". Or sk-12"))
    assert reply.text == "".join(said) == "it is [key]. Or sk-12"


def test_trouble_before_the_first_piece_is_waited_out() -> None:
    reply, said = stream(
        lambda body, number: [streamed(end=""), http(500, b""), streamed("ok")][number - 1]
    )
    assert (reply.text, said) == ("ok", ["ok"])


@pytest.mark.parametrize(
    "end", ["", "data: {not\n", 'data: {"error": {"message": "x"}}\n', "data: [1]\n"]
)
def test_a_reply_that_breaks_off_is_an_error(end: str) -> None:
    with pytest.raises(EndpointError, match="broke off"):
        stream(lambda body, number: streamed("Rome", end=end))
