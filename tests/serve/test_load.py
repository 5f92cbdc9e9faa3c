"""Eight clients for two minutes, with an ingest beside them, cut connections and a kill.

With the tiny model, and with the default one where it is cached (`-k default`).
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import statistics
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from lcirc_cli import Engine
from lcirc_cli.files import cache_dir
from lcirc_cli.memory.file import load_memory

from ..engine.tiny import QUESTIONS, make_text

pytestmark = [
    pytest.mark.allow_hosts(["127.0.0.1"]),
    pytest.mark.slow,
    pytest.mark.timeout(3_600),
]

SECONDS = float(os.environ.get("LOAD_SECONDS", "120"))
CLIENTS, CUT = 8, 20


def begin(lcirc_child: Callable[..., Any], cache: Path, *words: Any) -> tuple[Any, str]:
    """A server in a process of its own, and its address."""
    child = lcirc_child("serve", *words, "--port", "0", env={"LCIRC_CACHE": str(cache)})
    deadline = time.monotonic() + 120
    while not (found := re.search(r"http://127.0.0.1:\d+", child.out.read_text())):
        assert time.monotonic() < deadline and child.process.is_alive(), child.err.read_text()
        time.sleep(0.05)
    return child, found[0]


def resident(pid: int) -> int:
    """KiB that a process has in memory."""
    return int(re.findall(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[0])


def cut(address: str, question: str, *, seconds: float) -> None:
    """A connection that is closed in the midst of its answer, or after so long."""
    host, port = address.removeprefix("http://").split(":")
    body = json.dumps({"memories": ["notes"], "question": question})
    with socket.create_connection((host, int(port)), timeout=seconds) as connection:
        head = f"POST /api/ask HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/json"
        connection.sendall(f"{head}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        with contextlib.suppress(OSError):
            connection.recv(10)


def test_no_answer_is_mixed_up_and_nothing_is_lost(
    lcirc_child: Callable[..., Any],
    either: tuple[Engine, list[Path], list[Any]],
    tmp_path: Path,
) -> None:
    engine, memory_files, models = either
    is_tiny = engine.backbone.name != "smollm2"
    held = {file.stem.lower().replace(" ", "-"): load_memory(file) for file in memory_files}
    asked = [(name, question) for name in held for question in QUESTIONS[: 4 if is_tiny else 2]]
    expected = {
        each: engine.ask(held[each[0]], each[1], max_new_tokens=16).answer for each in asked
    }
    if not is_tiny:
        (tmp_path / "models").symlink_to(cache_dir() / "models")
    child, address = begin(lcirc_child, tmp_path, *memory_files, *models)
    end, wrong, counts = time.monotonic() + SECONDS, list[Any](), [0] * CLIENTS

    def client(number: int) -> None:
        with httpx2.Client(base_url=address, timeout=600) as http:
            while time.monotonic() < end:
                memory, question = asked[(number + counts[number]) % len(asked)]
                body = {"model": memory, "messages": [{"role": "user", "content": question}]}
                body |= {"max_tokens": 16, "stream": bool(counts[number] % 2)}
                reply = http.post("/v1/chat/completions", json=body)
                if reply.status_code != 200:
                    wrong.append(reply.text)
                    return
                text = reply.text
                if body["stream"]:
                    text = next(x for x in text.split("\n\n") if '"lcirc":' in x)[len("data: ") :]
                answer = json.loads(text)["lcirc"]["answer"]
                if answer != expected[memory, question]:
                    wrong.append((memory, question, answer))
                counts[number] += 1

    threads = [threading.Thread(target=client, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    sizes: list[int] = []
    with httpx2.Client(base_url=address, timeout=120) as http:
        text = make_text(11, words=20_000 if is_tiny else 4_000).encode()
        assert http.post("/api/documents?name=long.txt", content=text).status_code == 202
        cuts = 0
        while time.monotonic() < end:
            if cuts < CUT:
                wait = 60 if is_tiny else (cuts + 1) / 2  # some while they wait for their turn
                cut(address, asked[cuts % len(asked)][1], seconds=wait)
                cuts += 1
            sizes.append(resident(child.process.pid))
            time.sleep(min(1.0, SECONDS / 60))
        for thread in threads:
            thread.join(600)
        assert wrong == [] and cuts == CUT
        assert min(counts) > (3 if is_tiny else 0), counts
        jobs = http.get("/api/jobs").json()["jobs"]
        assert jobs[0]["state"] in ("compressing", "done")
        while http.get("/api/jobs").json()["jobs"][0]["state"] != "done":
            time.sleep(0.2)
        half = text[: len(text) // 2]
        assert http.post("/api/documents?name=cut.txt", content=half).status_code == 202
        while http.get("/api/jobs").json()["jobs"][1]["compressed"] == 0:
            time.sleep(0.01)
    third = len(sizes) // 3  # the first has the ingest's beginning in it
    before, after = (statistics.median(part) for part in (sizes[third : 2 * third], sizes[-third:]))
    told = f"{sum(counts)} answers, {before / 1024:.1f} MiB, then {after / 1024:.1f}"
    print(told)
    assert after <= 1.05 * before, told
    assert "Traceback" not in child.err.read_text()
    child.send_signal(signal.SIGKILL)
    child.process.join(30)
    child, address = begin(lcirc_child, tmp_path, *models)
    with httpx2.Client(base_url=address, timeout=120) as http:
        deadline = time.monotonic() + 600
        ids: list[str] = []
        while sorted(ids) != ["cut", "long"]:
            assert time.monotonic() < deadline, ids
            ids = [each["id"] for each in http.get("/v1/models").json()["data"]]
            time.sleep(0.2)
