"""The tools by the SDK's own client: in process, over HTTP, and over standard input and output."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from .conftest import Served

mcp = pytest.importorskip("mcp", reason="the extra `serve` is not installed")
pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])

QUESTION = "What did the harbour master write?"


def talk(server: Any, talking: Callable[[Any], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        async with mcp.Client(server) as client:
            return await talking(client)

    return asyncio.run(run())


async def everything(client: Any) -> dict[str, Any]:
    """What a client gets of each tool."""
    names = [tool.name for tool in (await client.list_tools()).tools]
    found = await client.call_tool("search", {"question": QUESTION, "limit": 2})
    answer = await client.call_tool("ask", {"question": QUESTION, "memories": ["notes"]})
    page = await client.call_tool("read_page", {"document": "3.txt", "page": 1})
    for each in (found, answer, page):
        assert not each.is_error, each
    return {
        "names": names,
        "passages": found.structured_content["passages"],
        "search": found.content[0].text,
        "ask": answer.structured_content,
        "page": page.content[0].text,
    }


def test_over_http(served: Served, text: str) -> None:
    got = talk(f"{served.url}/mcp", everything)
    assert got["names"] == ["search", "ask", "read_page"]
    assert len(got["passages"]) == 2
    for each in got["passages"]:
        held = served.house.library.get(each["memory"])
        assert each["text"] in held.memory.documents[each["number"]].text
        assert " ".join(each["quote"].split()) in got["search"]
    assert got["ask"]["citations"][0]["memory"] == "notes"
    assert got["page"] == text


def test_over_standard_input(memory_files: list[Path], models: list[Any], text: str) -> None:
    words = ["-m", "lcirc_cli", "mcp", str(memory_files[1]), *map(str, models), "--offline"]
    server = mcp.StdioServerParameters(command=sys.executable, args=words)
    got = talk(server, everything)
    assert got["page"] == text and got["passages"]


@pytest.mark.parametrize(
    ("tool", "arguments", "told"),
    [
        ("search", {"question": ""}, "empty"),
        ("search", {"question": "x", "memories": ["none"]}, "no such memory"),
        ("search", {"question": "x", "limit": 1_000}, "limit"),
        ("ask", {"question": "x " * 5_000}, "question"),
        ("read_page", {"document": "none.pdf", "page": 1}, "there are 1.txt, 2.txt, 3.txt"),
        ("read_page", {"document": "3.txt", "page": 2}, "no page 2"),
        ("read_page", {"document": "../../etc/passwd", "page": 1}, "no document"),
    ],
)
def test_mistakes_are_told_to_the_assistant(
    served: Served, tool: str, arguments: dict[str, Any], told: str, caplog: Any
) -> None:
    async def talking(client: Any) -> Any:
        return await client.call_tool(tool, arguments)

    result = talk(f"{served.url}/mcp", talking)
    assert result.is_error and told in result.content[0].text
    assert str(served.house.jobs.root) not in result.content[0].text
    assert not any(record.exc_info for record in caplog.records)


def test_a_call_that_is_cancelled_stops_its_generation(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, ended = threading.Event(), list[str]()

    def slow(*args: Any, on_token: Any, **options: Any) -> Any:
        begun.set()
        try:
            for _ in range(1_000):
                on_token("word ")
                time.sleep(0.01)
        except BaseException as error:
            ended.append(type(error).__name__)
            raise

    monkeypatch.setattr(served.house.engine, "ask", slow)

    async def talking(client: Any) -> None:
        call = asyncio.ensure_future(client.call_tool("ask", {"question": QUESTION}))
        while not begun.is_set():
            await asyncio.sleep(0.01)
        call.cancel()
        for _ in range(500):
            await asyncio.sleep(0.01)
            if ended:
                return

    talk(f"{served.url}/mcp", talking)
    assert ended == ["Stopped"]
