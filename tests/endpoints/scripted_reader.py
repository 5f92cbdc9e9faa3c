"""A server whose model answers questions from the passages that it is shown, by script."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

from .hostile import MODES as HOSTILE
from .hostile import Mode, Writer, head, http, said

REFUSAL = "The document does not say."
MODES: dict[str, Mode] = {
    name: HOSTILE[name] for name in ("redirect", "never", "page", "wait_long", "slow_body")
}
_cut: list[str] = []  # questions whose first reply was cut


def mode(function: Mode) -> Mode:
    MODES[function.__name__] = function
    return function


def passages(asked: dict[str, Any]) -> dict[int, str]:
    """What was shown, by number."""
    text = asked["messages"][-1]["content"].partition("Passages:\n\n")[2]
    _, *parts = re.split(r"(?:\A|\n\n)\[(\d+)\] \(.*\)\n", text.rpartition("\n\n")[0])
    return {int(number): passage for number, passage in zip(parts[::2], parts[1::2], strict=True)}


def sentence(asked: dict[str, Any], number: int) -> str:
    """The first sentence of a passage, without its full stop."""
    return passages(asked)[number].split(".")[0].replace("\n", " ")


def delta(text: str, finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
    return b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n"


async def stream(
    writer: Writer, text: str, *, size: int = 7, finish: str = "stop", end: bool = True
) -> None:
    writer.write(head(200, "Content-Type: text/event-stream", "Connection: close"))
    for at in range(0, len(text), size):
        writer.write(delta(text[at : at + size]))
        await writer.drain()
        await asyncio.sleep(0)
    if end:
        writer.write(delta("", finish) + b"data: [DONE]\n\n")


@mode
async def good(writer: Writer, asked: dict[str, Any], key: str) -> None:
    await stream(writer, f"{sentence(asked, 1)} [1]. {sentence(asked, 2)}. [2]")


@mode
async def letter_by_letter(writer: Writer, asked: dict[str, Any], key: str) -> None:
    await stream(writer, f"{sentence(asked, 1)} [1]. {sentence(asked, 2)}. [2]", size=1)


@mode
async def no_stream(writer: Writer, asked: dict[str, Any], key: str) -> None:
    writer.write(http(200, said(f"{sentence(asked, 1)} [1].")))


@mode
async def thinking(writer: Writer, asked: dict[str, Any], key: str) -> None:
    await stream(writer, f"<think>[9] hm</think>\n\n{sentence(asked, 1)} [1].")


@mode
async def refusal(writer: Writer, asked: dict[str, Any], key: str) -> None:
    await stream(writer, REFUSAL)


@mode
async def made_up(writer: Writer, asked: dict[str, Any], key: str) -> None:
    await stream(writer, f"{sentence(asked, 1)} [99]. {sentence(asked, 2)} [2, 77][0].")


@mode
async def unbacked(writer: Writer, asked: dict[str, Any], key: str) -> None:
    await stream(writer, f"Zeppelins hovered above Jupiter [1]. {sentence(asked, 2)} [2].")


@mode
async def at_the_limit(writer: Writer, asked: dict[str, Any], key: str) -> None:
    await stream(writer, f"{sentence(asked, 1)} [1", finish="length")


@mode
async def escapes(writer: Writer, asked: dict[str, Any], key: str) -> None:
    await stream(writer, f"\x1b[31m\x07{sentence(asked, 1)}\0 \u202e[1].")


@mode
async def key_in_answer(writer: Writer, asked: dict[str, Any], key: str) -> None:
    await stream(writer, f"{sentence(asked, 1)} {key} [1].", size=3)


@mode
async def cut_once(writer: Writer, asked: dict[str, Any], key: str) -> None:
    question = asked["messages"][-1]["content"]
    _cut.remove(question) if (again := question in _cut) else _cut.append(question)
    await (good(writer, asked, key) if again else stream(writer, "", end=False))


@mode
async def cut(writer: Writer, asked: dict[str, Any], key: str) -> None:
    await stream(writer, f"{sentence(asked, 1)} [1].", end=False)


@mode
async def error_in_stream(writer: Writer, asked: dict[str, Any], key: str) -> None:
    await stream(writer, sentence(asked, 1), end=False)
    writer.write(b'data: {"error": {"message": "out of memory"}}\n\n')


@mode
async def odd_piece(writer: Writer, asked: dict[str, Any], key: str) -> None:
    await stream(writer, sentence(asked, 1), end=False)
    writer.write(b'data: {"choices": {"delta": 1}}\n\n')


@mode
async def empty(writer: Writer, asked: dict[str, Any], key: str) -> None:
    await stream(writer, " \n")


@mode
async def only_thoughts(writer: Writer, asked: dict[str, Any], key: str) -> None:
    await stream(writer, "<think> hm " + "hm " * 300)


@mode
async def endless(writer: Writer, asked: dict[str, Any], key: str) -> None:
    await stream(writer, "and so on " * 100_000, size=1000)


@mode
async def too_long(writer: Writer, asked: dict[str, Any], key: str) -> None:
    writer.write(http(400, b'{"error": {"message": "the prompt has 5000 tokens, not 4096"}}'))


@mode
async def wrong_key(writer: Writer, asked: dict[str, Any], key: str) -> None:
    writer.write(http(401, b"{}"))


@mode
async def no_model(writer: Writer, asked: dict[str, Any], key: str) -> None:
    writer.write(http(404, b'{"error": {"message": "model not found"}}'))


@mode
async def broken(writer: Writer, asked: dict[str, Any], key: str) -> None:
    writer.write(http(500, b"oh"))


@mode
async def one_word(writer: Writer, asked: dict[str, Any], key: str) -> None:
    writer.write(head(200))
    writer.write(delta("one "))
    await writer.drain()
    await asyncio.sleep(600)


@mode
async def slow_answer(writer: Writer, asked: dict[str, Any], key: str) -> None:
    writer.write(head(200))
    while True:
        writer.write(delta("on "))
        await writer.drain()
        await asyncio.sleep(0.05)
