"""A model on a server writes the answers of `lcirc serve --reader`."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lcirc_cli import Engine
from lcirc_cli.endpoints.settings import ReaderSettings

from ..endpoints.hostile import serving as reader_server
from ..endpoints.scripted_reader import MODES
from .conftest import Served, serving

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])

ASKED = {"memories": ["notes"], "question": "Which boat carries the silver letters?"}


@pytest.fixture
def served_by(
    tiny_engine: Engine, memory_files: list[Path], tmp_path: Path
) -> Iterator[tuple[Served, Any]]:
    """A server, and what sets the mode of the scripted reader that it asks."""
    with reader_server(MODES) as (url, _):
        engine = Engine(tiny_engine.backbone, tiny_engine.adapter)

        def behave(mode: str) -> None:
            limit = 300 if mode in ("never", "one_word") else 5
            engine.reader = ReaderSettings(f"{url}/{mode}/v1", "m", timeout=limit, patience=0.1)

        behave("good")
        with serving(engine, memory_files, tmp_path / "served") as served:
            yield served, behave


def test_it_streams_and_is_named(served_by: tuple[Served, Any]) -> None:
    served, _ = served_by
    with served.client() as client:
        lines = client.post("/api/ask", json={**ASKED}).text.splitlines()
        chat = {"model": "notes", "messages": [{"role": "user", "content": ASKED["question"]}]}
        reply = client.post("/v1/chat/completions", json=chat).json()
    events = [json.loads(line) for line in lines]
    answer = events[-1]["answer"]
    assert "".join(each.get("piece", "") for each in events) == answer["answer"]
    assert answer["reader"] == "m" and all("id" in each for each in answer["citations"])
    assert "127.0.0.1" not in lines[-1]  # where the reader is concerns nobody
    assert reply["lcirc"]["answer"] == answer["answer"] in reply["choices"][0]["message"]["content"]


def test_a_reader_that_fails_is_told(served_by: tuple[Served, Any]) -> None:
    served, behave = served_by
    with served.client() as client:
        behave("broken")
        error = json.loads(client.post("/api/ask", json=ASKED).text.splitlines()[-1])["error"]
        assert error["code"] == "reader_failed" and "HTTP 500" in error["message"]
        behave("good")
        last = json.loads(client.post("/api/ask", json=ASKED).text.splitlines()[-1])
        assert last["answer"]["answer"]


@pytest.mark.parametrize("mode", ["never", "one_word"])
def test_one_who_goes_from_a_silent_reader_leaves_room_for_others(
    served_by: tuple[Served, Any], mode: str
) -> None:
    """It says nothing, or nothing more after a word; its own time limit is minutes."""
    served, behave = served_by
    behave(mode)
    body = json.dumps(ASKED)
    with socket.create_connection(("127.0.0.1", served.port), timeout=20) as connection:
        head = f"POST /api/ask HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall((head + body).encode())
        deadline = time.monotonic() + 20
        while not served.house.worker._running and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.5)
        assert served.house.worker._running
    while served.house.worker._running and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not served.house.worker._running
    behave("good")
    with served.client() as client:
        last = json.loads(client.post("/api/ask", json=ASKED).text.splitlines()[-1])
    assert last["answer"]["answer"]
