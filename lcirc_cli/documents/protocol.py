"""How lcirc and the child process that reads documents for it talk: JSON objects, one a line.

A message with a "size" is followed by so many bytes. Used on both sides, so it imports next to
nothing; knows nothing about documents.
"""

from __future__ import annotations

import json
from typing import IO, Any

OUT_OF_MEMORY = 70  # exit status of a child that its own watchdog stopped
_ERROR_CHARACTERS = 200

Message = dict[str, Any]


def send(pipe: IO[bytes], message: Message, data: bytes = b"") -> None:
    """Write a message, and `data` after it."""
    if data:
        message = {**message, "size": len(data)}
    pipe.write(json.dumps(message).encode("ascii") + b"\n")  # so lone surrogates survive
    pipe.write(data)
    pipe.flush()


def receive(pipe: IO[bytes]) -> tuple[Message, bytes] | None:
    """The next message with its bytes; None where the other side ended, in the midst of one too."""
    line = pipe.readline()
    if not line.endswith(b"\n"):
        return None
    message: Message = json.loads(line)
    size = message.get("size", 0)
    data = pipe.read(size) if size else b""
    return (message, data) if len(data) == size else None


def describe(error: BaseException) -> str:
    """What an exception says, on one short line."""
    text = " ".join(str(error).split())
    text = "".join(c if c.isprintable() else "?" for c in text)[:_ERROR_CHARACTERS]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
