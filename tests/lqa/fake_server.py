"""An OpenAI-compatible endpoint on 127.0.0.1 that answers by script and fails on purpose.

Run as a program: it writes its port to --port-file and a line per request to --log (the hash of
what was asked, and what was done about it). Faults: 429 with Retry-After, 500, a reply that never
comes, a connection cut in the middle of a reply, broken JSON in the reply, an empty reply.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from scripted import reply_to

FAULTS = ("429", "500", "hang", "cut", "broken", "empty")


class Server:
    """Answers /chat/completions; anything else is a 404."""

    def __init__(self, *, latency: float, faults: float, seed: int, log: Path) -> None:
        self._latency = latency
        self._faults = faults
        self._chance = random.Random(seed)
        self._log = log.open("a", buffering=1)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._one(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        lengths = [
            int(line.split(":")[1])
            for line in head.split("\r\n")
            if line.lower().startswith("content-length:")
        ]
        body = await reader.readexactly(lengths[0] if lengths else 0)
        if "/chat/completions" not in head.split("\r\n")[0]:
            await _send(writer, 404, b'{"error": {"message": "no such address"}}')
            return True
        asked = json.loads(body)
        key = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:24]
        fault = ""
        if self._chance.random() < self._faults:
            fault = self._chance.choice(FAULTS)
        if self._latency:
            await asyncio.sleep(self._latency)
        self._log.write(f"{key} {fault or 'ok'}\n")
        return await self._answer(asked, fault, writer)

    async def _answer(self, asked: dict, fault: str, writer: asyncio.StreamWriter) -> bool:
        if fault == "429":
            await _send(
                writer, 429, b'{"error": {"message": "slow down"}}', "Retry-After: 0.05\r\n"
            )
            return True
        if fault == "500":
            await _send(writer, 500, b'{"error": {"message": "oh dear"}}')
            return True
        if fault == "hang":
            await asyncio.sleep(30)
            return False
        content = reply_to(asked["messages"][-1]["content"])
        if fault == "broken":
            content = content[: len(content) // 2]
        if fault == "empty":
            content = ""
        reply = {
            "id": "x",
            "object": "chat.completion",
            "created": 0,
            "model": asked["model"],
            "choices": [
                {
                    "index": 0,
                    "finish_reason": "stop",
                    "message": {"role": "assistant", "content": content},
                }
            ],
            "usage": {
                "prompt_tokens": len(asked["messages"][-1]["content"]) // 4,
                "completion_tokens": len(content) // 4,
                "total_tokens": 0,
            },
        }
        await _send(writer, 200, json.dumps(reply).encode(), cut=fault == "cut")
        return fault != "cut"


async def _send(
    writer: asyncio.StreamWriter, status: int, body: bytes, extra: str = "", *, cut: bool = False
) -> None:
    head = (
        f"HTTP/1.1 {status} Status\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n{extra}\r\n"
    )
    writer.write(head.encode() + (body[: len(body) // 2] if cut else body))
    await writer.drain()


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port-file", type=Path, required=True)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--latency", type=float, default=0.0)
    parser.add_argument("--faults", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    fake = Server(
        latency=options.latency, faults=options.faults, seed=options.seed, log=options.log
    )
    server = await asyncio.start_server(fake.handle, "127.0.0.1", 0, limit=1 << 22)
    port = server.sockets[0].getsockname()[1]
    part = options.port_file.with_suffix(".part")
    part.write_text(str(port))
    part.rename(options.port_file)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
