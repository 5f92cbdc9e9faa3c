"""A server that gives the replies of a test, and requests to it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from lcirc_cli.endpoints.chat import ChatRequest
from lcirc_cli.endpoints.dialect import Dialect
from lcirc_cli.endpoints.endpoint import EndpointModel

REQUEST = ChatRequest(
    purpose="x",
    system="s",
    user="u",
    schema={"type": "object", "properties": {}},
    max_tokens=7,
    temperature=0.5,
    seed=3,
)
Answer = Callable[[dict[str, Any], int], Any]


def good(text: str = "hello", *, finish: str = "stop") -> bytes:
    body = {
        "id": "x",
        "object": "chat.completion",
        "created": 0,
        "model": "m",
        "choices": [
            {
                "index": 0,
                "finish_reason": finish,
                "message": {"role": "assistant", "content": text},
            }
        ],
        "usage": {"prompt_tokens": 11, "completion_tokens": 5, "total_tokens": 16},
    }
    return http(200, json.dumps(body).encode())


def http(status: int, body: bytes, *headers: str, length: int | None = None) -> bytes:
    lines = [
        f"HTTP/1.1 {status} X",
        "Content-Type: application/json",
        f"Content-Length: {len(body) if length is None else length}",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


@asynccontextmanager
async def serving(answer: Answer) -> AsyncIterator[tuple[str, list[dict[str, Any]]]]:
    """A server that gives what `answer(body, number)` returns; None closes the connection."""
    seen: list[dict[str, Any]] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                size = next(
                    int(line.split(":")[1])
                    for line in head.lower().split("\r\n")
                    if line.startswith("content-length:")
                )
                seen.append(json.loads(await reader.readexactly(size)))
                reply = answer(seen[-1], len(seen))
                if isinstance(reply, Awaitable):
                    reply = await reply
                if reply is None:
                    return
                writer.write(reply)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        yield f"http://127.0.0.1:{port}/v1", seen


def ask(answer: Answer, *, requests: int = 1, **more: Any) -> tuple[Any, Any, EndpointModel]:
    """Ask a server that answers so; (replies, what it saw, the model)."""

    async def run() -> tuple[Any, Any, EndpointModel]:
        async with serving(answer) as (url, seen):
            settings = {"dialect": Dialect(), "timeout": 1.0, "patience": 10.0} | more
            model = EndpointModel(url, "m", **settings)
            try:
                asked = (model.complete(REQUEST) for _ in range(requests))
                return await asyncio.gather(*asked), seen, model
            finally:
                await model.aclose()

    return asyncio.run(run())
