"""What a server wraps its replies in, taken off: JSON of any shape in, a reply or a refusal out.

Knows nothing about connections.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from lcirc_cli.endpoints.chat import Reply
from lcirc_cli.endpoints.wire import WireTrouble
from lcirc_cli.files.schema import BrokenText, Check, items, mapping, optional, parse, table, whole

_MOST_TOKENS = 1 << 31  # more are no count, and fit in no cache
_MOST_VALUES = 250_000  # of one body: some 25 MB once read, and many are read at a time
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
    choice = _choice(response, _WHOLE)
    return Reply(
        text=_text(choice["message"].get("content")),
        complete=choice.get("finish_reason") != "length",
        prompt_tokens=_count(response, "prompt_tokens"),
        reply_tokens=_count(response, "completion_tokens"),
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
        WireTrouble: not JSON (`cut reply`); or not an object, nested as no reply is, of too many
            values, or with a number of thousands of digits (`odd reply`).
    """
    try:
        # Infinite numbers may be among what nobody here reads.
        return _object(parse(body, "the reply", finite=False, most=_MOST_VALUES), "the reply")
    except BrokenText as error:
        raise WireTrouble("cut reply") from error
    except ValueError as error:
        raise WireTrouble("odd reply") from error


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


def _anything(value: Any, name: str) -> Any:
    return value


def _content(value: Any, name: str) -> Any:
    """The text of a message, whole, in parts, or none."""
    if value is not None and not isinstance(value, str | list):
        raise ValueError(f"{name} must be a text")
    return value


_object = partial(mapping, each=_anything)
_says = partial(table, fields={"content": optional(_content)})
_WHOLE: Mapping[str, Check] = {"message": _says}
_PART: Mapping[str, Check] = {"delta": optional(_says)}


def _piece(data: bytes) -> Piece:
    value = parsed(data)
    if "error" in value:
        raise WireTrouble("error in the reply")
    if value.get("choices") == []:  # what was used, at the end
        return Piece()
    choice = _choice(value, _PART)
    finish = choice.get("finish_reason")
    text = _text((choice.get("delta") or {}).get("content"))
    return Piece(text, finish if isinstance(finish, str) else "")


def _choice(response: dict[str, Any], fields: Mapping[str, Check]) -> dict[str, Any]:
    """The first choice; the others, which nobody asked for, may be anything."""
    try:
        choices = items(response.get("choices"), "choices", each=_anything)
        return table(choices[0] if choices else None, "a choice", fields=fields)
    except ValueError as error:
        raise WireTrouble("odd reply") from error


def _text(content: str | list[Any] | None) -> str:
    """The text of a message; nothing in it that no text has."""
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, dict)]
        content = "".join(part for part in parts if isinstance(part, str))
    return (content or "").replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def _count(response: dict[str, Any], name: str) -> int:
    """How many tokens a server says that it used; 0 where that is no number, as it is for show."""
    try:
        return whole(_object(response.get("usage"), "usage").get(name), name, most=_MOST_TOKENS - 1)
    except ValueError:
        return 0
