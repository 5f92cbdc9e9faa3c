"""`lcirc serve` on the command line."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from lcirc_cli.commands import serve as command
from lcirc_cli.errors import UsageError

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])


def test_it_serves_until_it_is_interrupted(
    lcirc_child: Callable[..., Any], memory_files: list[Path], models: list[Any], tmp_path: Path
) -> None:
    document = tmp_path / "page.md"
    document.write_text("# Harbour\n\nThe harbour master wrote that every boat must leave.")
    child = lcirc_child(
        *("serve", memory_files[1], document, "--port", "0", *models),
        env={"LCIRC_CACHE": str(tmp_path / "cache")},
    )
    deadline = time.monotonic() + 60
    while not (found := re.search(r"http://127.0.0.1:\d+", child.out.read_text())):
        assert time.monotonic() < deadline and child.process.is_alive(), child.err.read_text()
        time.sleep(0.05)
    with httpx2.Client(base_url=found[0], timeout=60) as client:
        ids: list[str] = []
        while ids != ["notes", "page"]:
            assert time.monotonic() < deadline
            ids = [each["id"] for each in client.get("/v1/models").json()["data"]]
        assert client.get("/").status_code == 200
    child.send_signal(signal.SIGINT)
    status, out, err = child.finish(30)
    assert status in (0, 130) and "Traceback" not in err
    assert out.strip() == found[0]


def test_what_is_named(memory_files: list[Path], tmp_path: Path) -> None:
    folder = memory_files[0].parent
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.txt").write_text("a")
    memories, documents = command._sorted([str(folder), str(tmp_path / "docs")])
    assert memories == sorted(memory_files) and [each.name for each in documents] == ["a.txt"]
    for wrong in ("-", ""):
        with pytest.raises(UsageError):
            command._sorted([wrong])


def test_a_token_is_made_for_other_hosts_and_shown_once(
    cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, models: list[Any]
) -> None:
    monkeypatch.setattr(
        "lcirc_cli.serve.running.listen", lambda _: socket.create_server(("127.0.0.1", 0))
    )
    seen: list[Any] = []

    def run(house: Any, settings: Any, listening: Any, *, ready: Any) -> None:
        seen.append(settings)
        ready()

    monkeypatch.setattr("lcirc_cli.serve.running.serve", run)
    status, _, err = cli("serve", "--host", "0.0.0.0", *models)
    assert status == 0
    assert err.count(seen[0].token) == 2 and len(seen[0].token) >= 32
    assert "plain HTTP" in err
    monkeypatch.setenv("LCIRC_TOKEN", "one-of-the-person's-own")
    status, _, err = cli("serve", "--host", "0.0.0.0", *models)
    assert status == 0 and seen[1].token == "one-of-the-person's-own"
    assert seen[1].token not in err


def test_mistakes_end_in_one_line(cli: Callable[..., Any], tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        status, _, err = cli("serve", "--port", port)
        assert status == 2 and err.count("\n") == 1 and "choose another --port" in err
    for words in (["missing.lcirc"], ["missing.pdf"], ["--public-url", "x"], ["--host", "a b"]):
        status, out, err = cli("serve", *words, "--port", "0")
        assert status != 0 and out == "" and err.count("\n") == 1, err


def test_without_the_extra_one_line_says_what_to_install(tmp_path: Path) -> None:
    """And nothing of it is imported by any other command."""
    code = (
        "import sys\n"
        "class Gone:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in ('starlette', 'uvicorn', 'mcp', 'PIL'):\n"
        "            raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Gone())\n"
        "import importlib.util as util\n"
        "real = util.find_spec\n"
        "def find(name, package=None):\n"
        "    try:\n"
        "        return real(name, package)\n"
        "    except ModuleNotFoundError:\n"
        "        return None\n"
        "util.find_spec = find\n"
        "from lcirc_cli import app\n"
        "status = app.run(sys.argv[1:])\n"
        "wrong = {'starlette', 'uvicorn', 'mcp'} & {n.split('.')[0] for n in sys.modules}\n"
        "print(status, sorted(wrong))\n"
    )
    for words, expected in (["serve"], 2), (["serve", "--help"], 0), (["--version"], 0):
        done = subprocess.run(
            [sys.executable, "-c", code, *words], capture_output=True, text=True, env=os.environ
        )
        assert done.stdout.splitlines()[-1] == f"{expected} []", done.stderr
        if expected:
            assert "pip install 'lcirc[serve]'" in done.stderr and done.stderr.count("\n") == 1
