"""What the guard lets through, and what it does not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from lcirc_cli.errors import UsageError
from lcirc_cli.serve.guard import Guard
from lcirc_cli.serve.settings import Limits, ServeSettings

TOKEN = "a-token-of-some-length"
PLAIN = ServeSettings()
OPEN = ServeSettings(host="0.0.0.0", token=TOKEN)
PROXY = ServeSettings(public_url="https://ask.example.org", token=TOKEN)


def call(
    settings: ServeSettings,
    *,
    method: str = "GET",
    path: str = "/api/memories",
    query: bytes = b"",
    body: Iterable[bytes] = (b"",),
    pause: float = 0.0,
    **headers: str,
) -> tuple[int, dict[str, str], bytes]:
    """(status, headers, body) of a request to a guarded application that reads it whole."""
    sent: list[Any] = []
    chunks = list(body)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        more = True
        while more:
            more = (await receive()).get("more_body", False)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"in"})

    async def receive() -> Any:
        await asyncio.sleep(pause)
        part = chunks.pop(0)
        return {"type": "http.request", "body": part, "more_body": bool(chunks)}

    async def send(message: Any) -> None:
        sent.append(message)

    given = {"host": "127.0.0.1:8421"} | {k.replace("_", "-"): v for k, v in headers.items()}
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": query,
        "headers": [(k.encode(), v.encode("latin-1")) for k, v in given.items()],
    }
    asyncio.run(Guard(app, settings)(scope, receive, send))
    found = {k.decode(): v.decode() for k, v in sent[0]["headers"]}
    return sent[0]["status"], found, sent[1]["body"]


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8421", "localhost:8421", "LOCALHOST:8421", "[::1]:8421"]
)
def test_this_server_by_its_names(host: str) -> None:
    assert call(PLAIN, host=host)[0] == 200


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "evil.example:8421",
        "127.0.0.1",
        "127.0.0.1:80",
        "127.0.0.1:8421@evil",
        "localhost:8421.evil.example",
        "x:y:z",
        "[",
        "[::1",
        "192.168.0.7:8421",
        "localhost:99999999",
    ],
)
def test_other_names_are_refused(host: str) -> None:
    status, _, body = call(PLAIN, host=host)
    assert status == 421
    assert json.loads(body)["error"]["code"] == "wrong_host"


def test_a_server_for_others_is_called_by_its_addresses_too() -> None:
    bearer = {"authorization": f"Bearer {TOKEN}"}
    assert call(OPEN, host="192.168.0.7:8421", **bearer)[0] == 200
    assert call(OPEN, host="evil.example:8421", **bearer)[0] == 421
    assert call(PROXY, origin="https://ask.example.org", **bearer)[0] == 200
    assert call(PROXY, host="ask.example.org", origin="https://ask.example.org", **bearer)[0] == 200
    assert call(PROXY, host="ask.example.org", origin="http://ask.example.org", **bearer)[0] == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": ""},
        {"origin": "https://127.0.0.1:8421"},
        {"origin": "http://127.0.0.1:3000"},
        {"origin": "http://localhost:8421"},  # not the name that it was asked by
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site", "sec_fetch_mode": "no-cors"},
        {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"},  # not to the page
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_pages_of_other_sites_may_not_ask(headers: dict[str, str], method: str) -> None:
    assert call(PLAIN, method=method, **headers)[0] == 403


def test_its_own_page_and_links_to_it_may() -> None:
    own = {"origin": "http://127.0.0.1:8421", "sec_fetch_site": "same-origin"}
    assert call(PLAIN, method="POST", **own)[0] == 200
    link = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"}
    assert call(PLAIN, path="/", **link)[0] == 200
    assert call(PLAIN, path="/", method="POST", **link)[0] == 403


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer"},
        {"authorization": "Bearer wrong"},
        {"cookie": "lcirc-token=x"},
        {"authorization": f"Basic {TOKEN}"},
        {"cookie": 'lcirc-token="'},
        {"authorization": "é"},
    ],
)
def test_nothing_without_the_token(headers: dict[str, str]) -> None:
    settings = replace(PLAIN, token=TOKEN)
    status, found, body = call(settings, **headers)
    assert (status, found["www-authenticate"]) == (401, "Bearer")
    assert TOKEN not in body.decode()


def test_the_token_as_a_header_and_as_a_cookie() -> None:
    settings = replace(PLAIN, token=TOKEN)
    assert call(settings, authorization=f"Bearer {TOKEN}")[0] == 200
    status, found, _ = call(settings, path="/", query=f"token={TOKEN}".encode())
    assert (status, found["location"]) == (303, "/")
    cookie = found["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and "Secure" not in cookie
    assert call(settings, cookie=f"a=b; {cookie.split(';')[0]}")[0] == 200
    assert call(settings, path="/", query=b"token=wrong")[0] == 401
    own = {"host": "ask.example.org", "query": f"token={TOKEN}".encode(), "path": "/"}
    assert "Secure" in call(PROXY, **own)[1]["set-cookie"]  # type: ignore[arg-type]


def test_bodies_are_limited_in_size() -> None:
    settings = replace(PLAIN, limits=Limits(body_bytes=100, upload_bytes=1_000))
    assert call(settings, method="POST", body=[b"x" * 60, b"x" * 40])[0] == 200
    assert call(settings, method="POST", body=[b"x" * 60, b"x" * 41])[0] == 413
    assert call(settings, method="POST", content_length="101")[0] == 413
    assert call(settings, method="POST", content_length="-1")[0] == 400
    assert call(settings, method="POST", content_length="9" * 5_000)[0] == 413
    upload = {"method": "POST", "path": "/api/documents"}
    assert call(settings, body=[b"x" * 1_000], **upload)[0] == 200  # type: ignore[arg-type]
    assert call(settings, body=[b"x" * 1_001], **upload)[0] == 413  # type: ignore[arg-type]


def test_a_body_that_trickles_is_ended() -> None:
    settings = replace(PLAIN, limits=Limits(body_seconds=0.1))
    status, found, _ = call(settings, method="POST", body=[b"x"] * 1_000, pause=0.02)
    assert (status, found["connection"]) == (408, "close")


def test_every_answer_has_the_headers_of_a_careful_server() -> None:
    for settings in (PLAIN, replace(PLAIN, token=TOKEN)):
        found = call(settings)[1]
        assert found["x-content-type-options"] == "nosniff"
        assert found["cross-origin-resource-policy"] == "same-origin"
        assert "default-src 'none'" in found["content-security-policy"]
        assert not any(name.startswith("access-control") for name in found)


def test_a_failure_below_is_one_line_without_a_traceback(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise ValueError("of /secret/place")

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "headers": [(b"host", b"localhost:8421")],
    }
    asyncio.run(Guard(app, PLAIN)(scope, lambda: None, send))  # type: ignore[arg-type, return-value]
    assert sent[0]["status"] == 500 and b"/secret" not in sent[1]["body"]
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(
    "settings",
    [
        ServeSettings(host="0.0.0.0"),
        ServeSettings(host="192.168.0.7"),
        ServeSettings(token="short"),
        ServeSettings(token="ä" * 20),
        ServeSettings(host="http://x"),
        ServeSettings(host=""),
        ServeSettings(public_url="https://ask.example.org"),
        ServeSettings(public_url="ask.example.org"),
        ServeSettings(public_url="https://ask.example.org/below"),
    ],
)
def test_settings_that_can_not_be_used(settings: ServeSettings) -> None:
    with pytest.raises(UsageError):
        settings.validate()


@pytest.mark.parametrize("settings", [PLAIN, OPEN, PROXY, ServeSettings(host="::1")])
def test_settings_that_can(settings: ServeSettings) -> None:
    settings.validate()
    assert TOKEN not in repr(settings)
