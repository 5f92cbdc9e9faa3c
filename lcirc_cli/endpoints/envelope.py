"""What a server wraps its replies in, taken off: JSON of any shape in, a reply or a refusal out.

Knows nothing about connections.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from lcirc_cli.endpoints.chat import Reply
from lcirc_cli.endpoints.wire import WireTrouble

_MOST_TOKENS = 1 << 31  # more are no count, and fit in no cache
_SAID = 200  # characters of a server's message that are shown
_DATA, _DONE = b"data:", b"[DONE]"


@dataclass(frozen=True)
class Piece:
    """A part of a streamed reply; `finish` is why it ended, where it did."""

    text: str = ""
    finish: str = ""


def whole_reply(body: bytes) -> Reply:
    """The first choice of a response, as far as it is of the form that all servers share.

    Raises:
        WireTrouble: not JSON (`cut reply`), or another form (`odd reply`).
    """
    response = parsed(body)
    choice = _choice(response)
    if not isinstance(message := choice.get("message"), dict):
        raise WireTrouble("odd reply")
    usage = response.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    return Reply(
        text=_text(message.get("content")),
        complete=choice.get("finish_reason") != "length",
        prompt_tokens=_count(usage.get("prompt_tokens")),
        reply_tokens=_count(usage.get("completion_tokens")),
    )


async def pieces(chunks: AsyncIterator[bytes]) -> AsyncIterator[Piece]:
    """The parts of a streamed reply; one part where the server doesn't stream.

    Raises:
        WireTrouble: it ends before its end (`cut reply`), or has another form (`odd reply`).
    """
    start = b""
    async for chunk in chunks:
        start += chunk.lstrip() if not start else chunk
        if start:
            break
    if start.startswith(b"{"):
        reply = whole_reply(b"".join([start, *[chunk async for chunk in chunks]]))
        yield Piece(reply.text, "stop" if reply.complete else "length")
        return
    ended = False
    async for line in _lines(start, chunks):
        if not line.startswith(_DATA):
            continue
        if (data := line[len(_DATA) :].strip()) == _DONE:
            return
        piece = _piece(data)
        ended = ended or bool(piece.finish)
        yield piece
    if not ended:
        raise WireTrouble("cut reply")


async def _lines(start: bytes, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Lines as they come; what stands after the last one's end is none yet."""
    *lines, rest = start.split(b"\n")
    parts = [rest]
    for line in lines:
        yield line.strip()
    async for chunk in chunks:
        first, *more = chunk.split(b"\n")
        parts.append(first)
        if more:
            yield b"".join(parts).strip()
            for line in more[:-1]:
                yield line.strip()
            parts = more[-1:]


def parsed(body: bytes) -> dict[str, Any]:
    """A body's JSON object.

    Raises:
        WireTrouble: not JSON, or not an object.
    """
    try:
        value = json.loads(body)
    except RecursionError as error:  # so deep is no reply
        raise WireTrouble("odd reply") from error
    except ValueError as error:
        raise WireTrouble("cut reply") from error
    if not isinstance(value, dict):
        raise WireTrouble("odd reply")
    return value


def said(body: bytes) -> str:
    """What a server says about a refusal, in one short line."""
    try:
        value: Any = parsed(body)
        for name in ("error", "message", "detail"):
            value = value[name] if isinstance(value, dict) and name in value else value
        text = value if isinstance(value, str) else json.dumps(value)
    except WireTrouble:
        text = body[: 4 * _SAID].decode("utf-8", "replace")
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:_SAID]


def _piece(data: bytes) -> Piece:
    value = parsed(data)
    if "error" in value:
        raise WireTrouble("error in the reply")
    if value.get("choices") == []:  # what was used, at the end
        return Piece()
    choice = _choice(value)
    delta, finish = choice.get("delta"), choice.get("finish_reason")
    text = _text(delta.get("content")) if isinstance(delta, dict) else ""
    return Piece(text, finish if isinstance(finish, str) else "")


def _choice(response: dict[str, Any]) -> dict[str, Any]:
    choices = response.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    if not isinstance(choice, dict):
        raise WireTrouble("odd reply")
    return choice


def _text(content: Any) -> str:
    """The text of a message, whole or in parts; nothing in it that no text has."""
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, dict)]
        content = "".join(part for part in parts if isinstance(part, str))
    if content is None:
        return ""
    if not isinstance(content, str):
        raise WireTrouble("odd reply")
    return content.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def _count(value: Any) -> int:
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value if whole and 0 <= value < _MOST_TOKENS else 0
