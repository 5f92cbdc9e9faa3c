"""Requests of somebody who means harm, as raw bytes: each is refused, and the server goes on.

None may get what was not given, end in a traceback, or keep a connection open for long.
"""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lcirc_cli import Engine
from lcirc_cli.serve import running
from lcirc_cli.serve.settings import Limits, ServeSettings

from .conftest import Served, serving

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])

SECRET = "root:"  # of /etc/passwd
JSON = "Content-Type: application/json"
QUESTION = json.dumps({"memories": ["notes"], "question": "What did the harbour master write?"})


def raw(
    served: Served,
    line: str,
    *headers: str,
    body: bytes = b"",
    host: str | None = None,
    length: bool = True,
) -> tuple[int, bytes]:
    """(status, whole answer) of a request as it is written here; 0: closed without one."""
    lines = [line + " HTTP/1.1", f"Host: {host or f'127.0.0.1:{served.port}'}", *headers]
    if length:
        lines.append(f"Content-Length: {len(body)}")
    lines.append("Connection: close")
    return sent(served, "\r\n".join([*lines, "", ""]).encode("latin-1") + body)


def sent(served: Served, data: bytes, *, seconds: float = 20) -> tuple[int, bytes]:
    with socket.create_connection(("127.0.0.1", served.port), timeout=seconds) as connection:
        with contextlib.suppress(OSError):  # it was refused while it came
            connection.sendall(data)
        found = b""
        with contextlib.suppress(ConnectionError):
            while part := connection.recv(65_536):
                found += part
    return (int(found.split(b" ", 2)[1]) if found.startswith(b"HTTP/1.1 ") else 0), found


def post(path: str, body: str | bytes, *headers: str) -> Callable[[Served], tuple[int, bytes]]:
    data = body.encode("utf-8", "surrogatepass") if isinstance(body, str) else body
    return lambda served: raw(served, f"POST {path}", *(headers or (JSON,)), body=data)


def get(path: str, *headers: str, **more: Any) -> Callable[[Served], tuple[int, bytes]]:
    return lambda served: raw(served, f"GET {path}", *headers, **more)


deep = "[" * 50_000
wide = "[" + "1," * 400_000 + "1]"
HOSTILE: dict[str, Callable[[Served], tuple[int, bytes]]] = {
    # somebody else's name for this server, and pages of other sites
    "another host": get("/api/memories", host="evil.example"),
    "another port": get("/api/memories", host="127.0.0.1:80"),
    "a name before": get("/api/memories", host="127.0.0.1.evil.example"),
    "two hosts": get("/api/memories", "Host: evil.example"),
    "whole address": get("http://evil.example/api/memories", host="evil.example"),
    "another origin": get("/api/memories", "Origin: https://evil.example"),
    "no origin": post("/api/ask", QUESTION, JSON, "Origin: null"),
    "a form": post("/api/ask", QUESTION, "Content-Type: text/plain"),
    "a form of another site": post("/api/ask", QUESTION, JSON, "Sec-Fetch-Site: cross-site"),
    "an upload of another site": post(
        "/api/documents?name=a.txt", "x", "Sec-Fetch-Site: same-site"
    ),
    "a request before": lambda served: raw(
        served, "OPTIONS /api/ask", "Origin: https://evil.example"
    ),
    "two origins": get("/api/memories", "Origin: http://127.0.0.1:1", "Origin: http://localhost"),
    # what was not given
    "path up": get("/../../../../etc/passwd"),
    "path up, hidden": get("/%2e%2e/%2e%2e/etc/passwd"),
    "path up in an id": get("/api/memories/..%2F..%2Fetc%2Fpasswd/documents/0/page"),
    "path as a document": get("/api/memories/notes/documents/..%2f..%2f0/page"),
    "a document that is not there": get("/api/memories/notes/documents/7/picture?page=1"),
    "a picture of no PDF": get("/api/memories/notes/documents/0/picture?page=1"),
    "a memory of the disk": post(
        "/v1/chat/completions", '{"model": "/etc/passwd", "messages": []}'
    ),
    "a job that is none": get("/api/jobs/..%2f..%2f"),
    "remove what was given": lambda served: raw(served, "DELETE /api/memories/notes"),
    "remove a path": lambda served: raw(served, "DELETE /api/memories/%2fetc"),
    "far in the text": get("/api/memories/notes/documents/0/page?parts=0-999999999999"),
    "many parts": get("/api/memories/notes/documents/0/page?parts=" + ".".join(["0-1"] * 900)),
    "a NUL": get("/api/memories/notes%00/documents/0/page"),
    # sizes
    "a long body": post("/api/ask", b"x" * (2 << 20)),
    "a long upload": post("/api/documents?name=a.txt", b"x" * 3_000_000, "X: y"),
    "a long header": get("/", "X-Long: " + "x" * 200_000),
    "a long path": get("/" + "x" * 200_000),
    "a wrong length": get("/api/ask", "Content-Length: -5", length=False),
    "a huge length": get("/api/ask", "Content-Length: " + "9" * 400, length=False),
    "lengths that differ": get("/api/ask", "Content-Length: 3", "Content-Length: 9", length=False),
    # JSON that is none, or too much of it
    "no JSON": post("/api/ask", "{'memories'"),
    "a deep one": post("/api/ask", deep),
    "a wide one": post("/v1/chat/completions", wide),
    "not a number": post("/v1/chat/completions", '{"model": "notes", "messages": [], "seed": NaN}'),
    "a long number": post("/api/search", '{"memories": [], "limit": ' + "9" * 9_000 + "}"),
    "no UTF-8": post("/api/ask", b'{"memories": ["\xff"], "question": "x"}'),
    "half a character": post("/api/ask", '{"memories": ["\\ud800"], "question": "\\ud800"}'),
    "a list": post("/mcp", "[]"),
    "other methods of MCP": post("/mcp", '{"jsonrpc": "2.0", "id": 1, "method": "x/y"}'),
    "not HTTP": lambda served: sent(
        served, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"
    ),
    "a websocket": get("/", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Key: x"),
}


SETTINGS = ServeSettings(port=0, limits=Limits(body_seconds=1.0, upload_bytes=1 << 20))


@pytest.fixture
def hostile(serve_with: Callable[..., Any]) -> Any:
    with serve_with(SETTINGS) as served:
        yield served


def test_each_is_refused_and_the_server_goes_on(
    either: tuple[Engine, list[Path], list[Any]],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    engine, files, _ = either
    with serving(engine, files, tmp_path / "served", SETTINGS) as hostile:
        each_is_refused(hostile)
    out, err = capfd.readouterr()
    assert "Traceback" not in out + err and "unexpected" not in err


def each_is_refused(hostile: Served) -> None:
    assert len(HOSTILE) >= 40
    wrong = []
    for name, attack in HOSTILE.items():
        begun = time.monotonic()
        status, answer = attack(hostile)
        if name == "a websocket":  # the page, which everybody may see, and no socket
            refused = status in (200, 400, 426) and b"101 Switching" not in answer
        else:
            refused = status == 0 or 400 <= status < 500
        leaked = SECRET.encode() in answer or str(hostile.house.jobs.root.parent).encode() in answer
        if not refused or leaked or time.monotonic() - begun > 10:
            wrong.append((name, status, answer[:200]))
    assert wrong == []
    status, answer = raw(hostile, "GET /v1/models")
    assert status == 200 and b'"notes"' in answer  # all of it is there still
    assert raw(hostile, "POST /api/ask", JSON, body=QUESTION.encode())[0] == 200
    assert len(hostile.house.library.all()) == 2
    root = hostile.house.jobs.root
    assert not root.exists() or list(root.iterdir()) == []


def test_bodies_and_headers_that_trickle_are_ended(
    hostile: Served, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(running, "_HEADER_SECONDS", 1.0)
    begun = time.monotonic()
    head = f"POST /api/ask HTTP/1.1\r\nHost: 127.0.0.1:{hostile.port}\r\n{JSON}\r\n"
    status, _ = sent(hostile, f"{head}Content-Length: 500\r\n\r\nabc".encode())
    assert status == 408
    assert sent(hostile, b"GET / HT")[0] == 0
    assert sent(hostile, b"")[0] == 0
    assert time.monotonic() - begun < 15
    assert "Traceback" not in "".join(capfd.readouterr())


def test_a_refusal_arrives_though_the_body_comes_late(hostile: Served) -> None:
    head = "POST /api/documents?name=x.txt HTTP/1.1\r\nHost: example.com\r\n"
    for number in range(300):
        body = b"x" * (1 if number % 10 else 300_000)
        with socket.create_connection(("127.0.0.1", hostile.port), timeout=20) as connection:
            connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode())
            time.sleep(number % 20 / 10_000)
            connection.sendall(body)
            found = b""
            while part := connection.recv(65_536):  # not reset
                found += part
        assert found.startswith(b"HTTP/1.1 421") and b"another name" in found


def test_script_in_names_texts_and_questions_comes_back_as_data(hostile: Served) -> None:
    script = "<script>alert(1)</script>"
    with hostile.client() as client:
        text = f"The harbour master wrote {script} in his book of every boat."
        job = hostile.upload(client, f"{script.replace('/', '')}.txt", text.encode())
        asked = {"memories": [job["memory"]], "question": f"What did he write? {script}"}
        replies = [
            client.get("/api/memories"),
            client.get("/v1/models"),
            client.get(f"/{script}"),
            client.get(f"/api/memories/{job['memory']}/documents/0/page"),
            client.post("/api/ask", json=asked),
            client.post("/api/search", json=asked),
            client.post("/api/ask", json={**asked, "memories": [script]}),
        ]
    assert script in replies[3].json()["text"]
    for reply in replies:
        assert reply.headers["content-type"] in ("application/json", "application/x-ndjson")
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in reply.headers["content-security-policy"]
