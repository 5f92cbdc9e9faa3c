"""A server on 127.0.0.1 that misbehaves in as many ways as its addresses name.

`http://127.0.0.1:PORT/MODE/v1` answers every request in that mode. It knows the key that it was
sent, and repeats it where it can.
"""

from __future__ import annotations

import asyncio
import json
import threading
import zlib
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

Writer = asyncio.StreamWriter
Mode = Callable[[Writer, dict[str, Any], str], Awaitable[None]]
MODES: dict[str, Mode] = {}
ELSEWHERE = "http://localhost:9/v1"  # another origin; nothing is there


def mode(function: Mode) -> Mode:
    MODES[function.__name__] = function
    return function


def said(text: Any = "hello", **more: Any) -> bytes:
    """A reply's JSON."""
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "finish_reason": "stop", "message": message}
    return json.dumps({"choices": [choice], "usage": {"prompt_tokens": 3}} | more).encode()


def head(status: int, *headers: str, length: int | None = None) -> bytes:
    lines = [f"HTTP/1.1 {status} X", *headers]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    return "\r\n".join([*lines, "", ""]).encode()


def http(status: int, body: bytes, *headers: str) -> bytes:
    return head(status, "Content-Type: application/json", *headers, length=len(body)) + body


def simple(name: str, answer: Callable[[str], bytes]) -> None:
    """A mode that writes one thing, made from the key."""

    async def write(writer: Writer, asked: dict[str, Any], key: str) -> None:
        writer.write(answer(key))

    MODES[name] = write


@mode
async def slow_header(writer: Writer, asked: dict[str, Any], key: str) -> None:
    for byte in head(200, "X: " + "y" * 5000):
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.02)


@mode
async def endless_header(writer: Writer, asked: dict[str, Any], key: str) -> None:
    writer.write(b"HTTP/1.1 200 X\r\n")
    while True:
        writer.write(b"X-More: " + b"y" * 1000 + b"\r\n")
        await writer.drain()
        await asyncio.sleep(0.001)


@mode
async def slow_body(writer: Writer, asked: dict[str, Any], key: str) -> None:
    body = said("a" * 5000)
    writer.write(head(200, length=len(body)))
    for byte in body:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.02)


@mode
async def endless_body(writer: Writer, asked: dict[str, Any], key: str) -> None:
    writer.write(head(200))
    while True:
        writer.write(b" " * 65536)
        await writer.drain()
        await asyncio.sleep(0.001)


@mode
async def never(writer: Writer, asked: dict[str, Any], key: str) -> None:
    await asyncio.sleep(60)


@mode
async def slow_chunks(writer: Writer, asked: dict[str, Any], key: str) -> None:
    writer.write(head(200, "Transfer-Encoding: chunked"))
    while True:
        writer.write(b"1\r\n \r\n")
        await writer.drain()
        await asyncio.sleep(0.02)


def _gzip(data: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return packer.compress(data) + packer.flush()


BOMB = _gzip(b'{"choices": "' + b" " * (64 << 20))  # made once
simple("bomb", lambda key: http(200, BOMB, "Content-Encoding: gzip"))
simple("bad_gzip", lambda key: http(200, b"\x1f\x8b no", "Content-Encoding: gzip"))
simple("good_gzip", lambda key: http(200, _gzip(said()), "Content-Encoding: gzip"))
simple("unknown_encoding", lambda key: http(200, said(), "Content-Encoding: br"))
simple("redirect", lambda key: http(307, b"", f"Location: {ELSEWHERE}/{key}"))
simple("redirect_get", lambda key: http(302, b"", "Location: http://evil.example/v1"))
simple("wait_long", lambda key: http(429, b"{}", "Retry-After: 86400"))
simple("wait_infinite", lambda key: http(503, b"{}", "Retry-After: inf"))
simple("wait_nan", lambda key: http(429, b"{}", "Retry-After: nan"))
simple("no_choices", lambda key: http(200, b'{"object": "list"}'))
simple("a_list", lambda key: http(200, b"[1, 2]"))
simple("content_is_a_number", lambda key: http(200, said(7)))
simple("nul", lambda key: http(200, said("a\0b\ud800c")))
simple("deep", lambda key: http(200, b'{"a":' * 200_000))
simple("huge_numbers", lambda key: http(200, said(usage={"prompt_tokens": 10**4000})))
simple("more_digits_than_python_reads", lambda key: http(200, b'{"choices": ' + b"9" * 200_000))
simple("digits", lambda key: http(200, said()[:-1] + b', "created": ' + b"9" * 5_000 + b"}"))
simple("many_values", lambda key: http(200, said()[:-1] + b', "x": [' + b"{}," * 2**20 + b"1]}"))
simple("usage_is_a_list", lambda key: http(200, said(usage=[{"prompt_tokens": 3}])))
simple("infinite_numbers", lambda key: http(200, said(usage={"prompt_tokens": float("inf")})))
simple("choice_is_a_text", lambda key: http(200, b'{"choices": ["hello"]}'))
simple("message_is_a_list", lambda key: http(200, b'{"choices": [{"message": ["hello"]}]}'))
simple("page", lambda key: http(200, b"<html>sign in</html>", "X: text/html"))
simple("cut", lambda key: head(200, length=5000) + said())
simple("bad_chunks", lambda key: head(200, "Transfer-Encoding: chunked") + b"zz\r\nhello\r\n")
simple("not_http", lambda key: b"SSH-2.0-OpenSSH_9.6\r\n")
simple("two_lengths", lambda key: head(200, "Content-Length: 3", "Content-Length: 7") + b"{}")
simple("key_in_refusal", lambda key: http(400, json.dumps({"error": f"bad {key}"}).encode()))
simple("key_in_reply", lambda key: http(200, said(f"your key is {key}, no?")))
simple("key_in_page", lambda key: http(451, f"<p>\x1b[31m{key}\n".encode()))


async def _handle(
    reader: asyncio.StreamReader, writer: Writer, modes: dict[str, Mode], seen: list[Any]
) -> None:
    try:
        while True:
            lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            fields = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
            asked = json.loads(await reader.readexactly(int(fields["content-length"])))
            key = next(
                (line.split()[-1] for line in lines if line.lower().startswith("authorization")),
                "",
            )
            name = lines[0].split()[1].split("/")[1]
            seen.append((name, asked))
            await modes[name](writer, asked, key)
            await writer.drain()
            writer.close()
            return
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


@contextmanager
def serving(
    modes: dict[str, Mode] = MODES,
) -> Iterator[tuple[str, list[tuple[str, dict[str, Any]]]]]:
    """The address before /MODE/v1, and (mode, request) of what came."""
    seen: list[tuple[str, dict[str, Any]]] = []
    loop = asyncio.new_event_loop()

    async def begin() -> Any:
        async def handle(reader: asyncio.StreamReader, writer: Writer) -> None:
            await _handle(reader, writer, modes, seen)

        return await asyncio.start_server(handle, "127.0.0.1", 0, limit=1 << 24)

    server = loop.run_until_complete(begin())
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def end() -> None:
        server.close()
        rest = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)

    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", seen
    finally:
        asyncio.run_coroutine_threadsafe(end(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
