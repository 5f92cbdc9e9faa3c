"""Whatever a server does, a request ends in time, and the key stands nowhere."""

from __future__ import annotations

import asyncio
import resource
import time
from pathlib import Path
from typing import Any

import pytest

from lcirc_cli.endpoints.address import HIDDEN, Address
from lcirc_cli.endpoints.asking import Asker, RefusedReply
from lcirc_cli.endpoints.chat import ChatRequest
from lcirc_cli.endpoints.dialect import Dialect
from lcirc_cli.endpoints.endpoint import EndpointModel, OutOfPatience, negotiate
from lcirc_cli.endpoints.envelope import pieces, said, whole_reply
from lcirc_cli.endpoints.replay import ReplayCache
from lcirc_cli.endpoints.replies import UnreadableReply, parse_object
from lcirc_cli.endpoints.wire import WireTrouble
from lcirc_cli.errors import EndpointError, UsageError

from .hostile import MODES, serving

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])

KEY = "sk-A0b1C2d3E4f5G6h7"
TIMEOUT, PATIENCE = 1.0, 0.5
GOOD = {
    "good_gzip": "hello",
    "nul": "a\ufffdb?c",
    "huge_numbers": "hello",
    "usage_is_a_list": "hello",
    "infinite_numbers": "hello",
    "key_in_reply": f"your key is {HIDDEN}, no?",
}
FLOODS = (
    *("endless_header", "endless_body", "bomb", "deep", "more_digits_than_python_reads"),
    "many_values",
)
REFUSED = {"key_in_refusal": f"HTTP 400: bad {HIDDEN}"}
FAILS = {  # what only a person can put right
    "redirect": "sends requests on",
    "redirect_get": "sends requests on",
    "key_in_page": HIDDEN,
}


def request(number: int = 0) -> ChatRequest:
    return ChatRequest("x", "s", f"u{number}", {}, max_tokens=7, temperature=0.0, seed=0)


async def outcome(url: str, asker_folder: Path, name: str) -> tuple[Any, float]:
    # Where an answer comes, a busy machine must not be taken for a slow server.
    answered = name in (*GOOD, *REFUSED, *FAILS)
    model = EndpointModel(
        f"{url}/{name}/v1",
        "m",
        dialect=Dialect(),
        timeout=30 if answered else TIMEOUT,
        patience=PATIENCE,
    )
    cache = ReplayCache(asker_folder / f"{name}.sqlite")
    started = time.monotonic()
    try:
        found: Any = await Asker(model, cache, in_flight=1, attempts=1).ask(request(), str)
    except (EndpointError, RefusedReply) as error:
        found = error
    seconds = time.monotonic() - started
    cache.close()
    await model.aclose()
    return found, seconds


async def held_up(total: list[float]) -> None:
    """Adds up by how much this process came too late to what it wanted to do."""
    while True:
        before = time.monotonic()
        await asyncio.sleep(0.05)
        total[0] += max(0.0, time.monotonic() - before - 0.05)


def test_every_mode_ends_in_time_and_without_the_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LCIRC_API_KEY", KEY)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    async def run(url: str, names: list[str]) -> list[tuple[Any, float]]:
        clock = asyncio.ensure_future(held_up(late))
        try:
            return await asyncio.gather(*(outcome(url, tmp_path, name) for name in names))
        finally:
            clock.cancel()

    late = [0.0]
    found: dict[str, tuple[Any, float]] = {}
    with serving() as (url, seen):
        for flooding in (False, True):  # these apart: they take the processor from the others
            names = [name for name in MODES if (name in FLOODS) == flooding]
            found |= zip(names, asyncio.run(run(url, names)), strict=True)
    assert len(MODES) >= 25
    for name, (result, seconds) in found.items():
        assert seconds < TIMEOUT + PATIENCE + 2 + late[0], name
        assert KEY not in str(result), name
        if name in GOOD:
            assert result == GOOD[name]
        elif name in REFUSED:
            assert isinstance(result, RefusedReply) and str(result) == REFUSED[name]
        else:
            assert isinstance(result, EndpointError), (name, result)
            assert isinstance(result, OutOfPatience) == (name not in FAILS), (name, result)
            assert FAILS.get(name, "gave no answer for") in str(result)
            assert str(result).isprintable()
    assert {*GOOD, *REFUSED, *FAILS} <= {name for name, _ in seen}
    held = [path for path in tmp_path.rglob("*") if KEY.encode() in path.read_bytes()]
    assert len(list(tmp_path.rglob("*.sqlite"))) == len(MODES) and held == []
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000  # KB


def test_finding_out_the_form_has_one_patience_for_all_forms() -> None:
    async def run(url: str) -> None:
        model = EndpointModel(
            f"{url}/wait_infinite/v1", "m", dialect=Dialect(), timeout=1, patience=0.5
        )
        try:
            await negotiate(model)
        finally:
            await model.aclose()

    started = time.monotonic()
    with serving() as (url, _), pytest.raises(EndpointError):
        asyncio.run(run(url))
    assert time.monotonic() - started < 2.5


def test_replies_of_another_form_become_a_refusal_of_that_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One odd reply may be an accident, and a run must not stop for ever at such a request."""
    monkeypatch.setattr("lcirc_cli.endpoints.endpoint._FIRST_WAIT", 0.001)

    async def run(url: str) -> EndpointModel:
        model = EndpointModel(f"{url}/a_list/v1", "m", dialect=Dialect(), timeout=1, patience=20)
        cache = ReplayCache(Path(":memory:"))
        with pytest.raises(RefusedReply, match="not of the form"):
            await Asker(model, cache, in_flight=1, attempts=1).ask(request(), str)
        await model.aclose()
        return model

    with serving() as (url, seen):
        assert asyncio.run(run(url)).troubles == {"odd reply": 5}
    assert len(seen) == 5


def test_text_for_this_machine_passes_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")

    async def run(url: str) -> str:
        model = EndpointModel(f"{url}/good_gzip/v1", "m", dialect=Dialect(), timeout=1, patience=0)
        try:
            return (await model.complete(request())).text
        finally:
            await model.aclose()

    with serving() as (url, _):
        assert asyncio.run(run(url)) == "hello"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:8000",
        "ftp://x/v1",
        "http://",
        "http://u:pass@x/v1",
        "http://x/a b",
        "http://x:0",
    ],
)
def test_addresses_that_are_none(url: str) -> None:
    with pytest.raises(UsageError) as told:
        Address(url)
    assert "pass@" not in str(told.value)


def test_which_addresses_are_this_machine() -> None:
    here = ["http://localhost:1/v1", "http://127.8.0.1/v1", "http://[::1]:80/v1"]
    assert all(Address(url).is_here for url in here)
    others = ["http://localhost.example/v1", "http://10.0.0.1/v1", "https://example.com/v1"]
    assert not any(Address(url).is_here for url in others)
    assert str(Address("https://h/v1?key=abc")) == "https://h/v1"
    assert Address("https://h/v1/?a=b").below("/x") == "https://h/v1/x?a=b"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"choices": [{"message": {"content"', "cut reply"),
        (b"\xff\xfe", "cut reply"),
        (b'{"a":' * 50_000, "odd reply"),
        (b'{"n": ' + b"9" * 5_000 + b"}", "odd reply"),
        (b'{"a": [' + b"1," * 300_000 + b"1]}", "odd reply"),
        (b'{"choices": {"0": 1}}', "odd reply"),
        (b'{"choices": [{"message": {"content": {"a": 1}}}]}', "odd reply"),
        (b'{"choices": [{}]}', "odd reply"),
        (b"7", "odd reply"),
    ],
)
def test_what_is_no_reply(body: bytes, kind: str) -> None:
    """Whole, or as a piece of a stream."""

    async def chunks() -> Any:
        yield b"data: " + body + b"\n\n"

    async def streamed() -> list[Any]:
        return [piece async for piece in pieces(chunks())]

    with pytest.raises(WireTrouble) as caught:
        whole_reply(body)
    assert caught.value.kind == kind
    with pytest.raises(WireTrouble) as caught:
        asyncio.run(streamed())
    assert caught.value.kind == (kind if b"[{" not in body else "cut reply")  # a piece may be empty
    assert said(body).isprintable() and len(said(body)) <= 200


@pytest.mark.parametrize(
    "reply",
    [
        '{"a": Infinity}',
        '{"a": NaN}',
        '{"a": ' + "9" * 5_000 + "}",
        '{"a": [' + "1," * 200_000 + "1]}",
        '{"a": 1}' + " " * (1 << 20),
    ],
)
def test_a_model_s_own_json_has_the_same_limits(reply: str) -> None:
    with pytest.raises(UnreadableReply):
        parse_object(reply)


@pytest.mark.parametrize(
    "text",
    ["{", '{"', '{"a":', "<think>", ",", ', {"a": 1,', "\\", '"', "{ ,", "[{"],
)
def test_replies_are_read_in_linear_time(text: str) -> None:
    started = time.process_time()
    with pytest.raises(UnreadableReply):
        parse_object((text * 60_000)[:60_000] + "[")
    assert time.process_time() - started < 2
