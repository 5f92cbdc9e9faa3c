"""The endpoint of OpenAI's form: each memory is a model, the last message of the user the question.

    GET  /v1/models, /v1/models/ID
    POST /v1/chat/completions       {"model": ID, "messages": [...], "stream": true}

Citations stand behind the answer as text, which plain clients show, and in the field `lcirc`.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lcirc_cli import console
from lcirc_cli.answering.answer import Answer
from lcirc_cli.answering.windows import Turn
from lcirc_cli.files import schema
from lcirc_cli.serve.answers import answer_record, as_text, sources_text, without_sources
from lcirc_cli.serve.asking import Asking, Piece, Running
from lcirc_cli.serve.library import Held
from lcirc_cli.serve.problems import Problem, Stopped, told
from lcirc_cli.serve.responses import (
    Stream,
    answered,
    as_bytes,
    body_of,
    error_record,
    json_response,
    unless_closed,
)
from lcirc_cli.serve.settings import Limits

_USED = (
    *("model", "messages", "stream", "stream_options", "temperature", "seed", "n", "user"),
    *("max_tokens", "max_completion_tokens", "metadata", "store"),
)
# What would change the answer's form, and can't be had here.
_REFUSED = ("tools", "functions", "logprobs", "audio", "response_format", "prediction")


def _content(value: Any, name: str) -> Any:
    if isinstance(value, list):
        return schema.items(value, name, each=_part, most=100)
    return schema.optional(schema.text)(value, name)


def _part(value: Any, name: str) -> Any:
    fields = {"type": schema.text, "text": schema.optional(schema.text)}
    return schema.table(value, name, fields=fields)


def _message(value: Any, name: str) -> Any:
    content = schema.optional(_content)
    return schema.table(value, name, fields={"role": schema.text, "content": content})


_FIELDS: dict[str, schema.Check] = {
    "model": schema.text,
    "messages": lambda value, name: schema.items(value, name, each=_message, most=1_000),
    "stream": schema.optional(schema.truth),
    "stream_options": schema.optional(lambda v, n: schema.mapping(v, n, each=lambda v, n: v)),
    "temperature": schema.optional(lambda v, n: schema.number(v, n, least=0, most=2)),
    "seed": schema.optional(lambda v, n: schema.whole(v, n, least=-(2**63), most=2**63 - 1)),
    "n": schema.optional(lambda v, n: schema.whole(v, n, least=1, most=1)),
    "max_tokens": schema.optional(lambda v, n: schema.whole(v, n, least=1)),
    "max_completion_tokens": schema.optional(lambda v, n: schema.whole(v, n, least=1)),
}


@dataclass(frozen=True)
class _Chat:
    """A request as it is understood."""

    question: str
    history: list[Turn]
    options: dict[str, Any]
    ignored: list[str]  # what was given and has no effect here


def routes(asking: Asking, limits: Limits) -> list[Route]:
    """The endpoint's routes."""

    async def models(request: Request) -> Response:
        data = [_model(held) for held in asking.library.all()]
        return json_response({"object": "list", "data": data})

    async def model(request: Request) -> Response:
        return json_response(_model(asking.library.get(request.path_params["id"])))

    async def chat(request: Request) -> Any:
        body = await body_of(request, _FIELDS, closed=False)
        asked = _understood(body, limits)
        running = asking.ask(
            [body["model"]], asked.question, history=asked.history, **asked.options
        )
        reply = _Reply(body["model"], running, asked.ignored)
        try:
            # What can't be answered is said before anything is sent.
            first = await unless_closed(request, running.next())
            if body.get("stream"):
                usage = (body.get("stream_options") or {}).get("include_usage") is True
                return Stream(reply.chunks(first, usage=usage), media_type="text/event-stream")
            while not isinstance(first, Answer):
                first = await unless_closed(request, running.next())
        except BaseException:
            running.close()
            raise
        return json_response(reply.whole(first))

    return [
        Route("/v1/models", answered(models), methods=["GET"]),
        Route("/v1/models/{id}", answered(model), methods=["GET"]),
        Route("/v1/chat/completions", answered(chat), methods=["POST"]),
    ]


def _model(held: Held) -> dict[str, Any]:
    names = [each["name"] for each in held.to_json()["documents"]]
    own = {"id": held.id, "object": "model", "created": held.since, "owned_by": "lcirc"}
    return {**own, "lcirc": {"name": held.name, "documents": names}}


def _understood(body: dict[str, Any], limits: Limits) -> _Chat:
    for name in _REFUSED:
        value = body.get(name)
        if value and value != {"type": "text"}:
            raise Problem(f"{name} can't be had from this model", param=name)
    ignored = sorted(str(name)[:40] for name in body if name not in (*_USED, *_REFUSED))
    turns: list[Turn] = []
    question: str | None = None
    for message in body["messages"]:
        role, text = message["role"], _text(message.get("content"))
        if role == "user":
            question = text
        elif role == "assistant" and question is not None:
            turns.append((question, without_sources(text)))
            question = None
        elif f"{role} message" not in ignored:
            ignored.append(f"{role} message"[:40])
    if question is None:
        raise Problem("the last message must be the user's question", param="messages")
    if len(question) > limits.question:
        raise Problem(
            f"the question is longer than {limits.question:,} characters", param="messages"
        )
    options: dict[str, Any] = {}
    most = body.get("max_completion_tokens") or body.get("max_tokens")
    if most is not None:
        options["max_new_tokens"] = min(most, limits.new_tokens)
    if body.get("temperature"):
        options["temperature"] = float(body["temperature"])
    if body.get("seed") is not None:
        options["seed"] = abs(body["seed"]) % 2**63
    return _Chat(question, turns[-limits.turns :], options, ignored)


def _text(content: Any) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    if any(part["type"] != "text" for part in content):
        raise Problem("the model reads text alone", param="messages")
    return "\n".join(part.get("text") or "" for part in content)


class _Reply:
    """The answer to one request, whole or in chunks."""

    def __init__(self, model: str, running: Running, ignored: list[str]) -> None:
        self._running, self._ignored = running, ignored
        self._id = f"chatcmpl-{secrets.token_hex(12)}"
        self._common = {"id": self._id, "created": int(time.time()), "model": model}

    def whole(self, answer: Answer) -> dict[str, Any]:
        message = {"role": "assistant", "content": as_text(answer), "refusal": None}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": answer.finish}
        own = {"object": "chat.completion", "choices": [choice], "usage": _usage(answer)}
        return {**self._common, **own, "lcirc": self._own(answer)}

    async def chunks(self, event: Any, *, usage: bool) -> AsyncGenerator[bytes]:
        """The draft as it is said, and at its end what became of it; from this event on."""
        said = ""
        try:
            yield self._chunk({"role": "assistant", "content": ""})
            while not isinstance(event, Answer):
                if isinstance(event, Piece):
                    piece = console.printable(event.text)
                    said += piece
                    yield self._chunk({"content": piece})
                event = await self._running.next()
            if rest := _rest(event, said) + sources_text(event):
                yield self._chunk({"content": rest})
            yield self._chunk({}, finish=event.finish, more={"lcirc": self._own(event)})
            if usage:
                record = {"object": "chat.completion.chunk", "choices": []}
                yield _sent({**self._common, **record, "usage": _usage(event)})
            yield b"data: [DONE]\n\n"
        except Stopped:
            return
        except Exception as error:
            yield _sent(error_record(told(error, _paths(self._running))))
        finally:
            self._running.close()

    def _chunk(
        self,
        delta: dict[str, Any],
        *,
        finish: str | None = None,
        more: dict[str, Any] | None = None,
    ) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        record = {"object": "chat.completion.chunk", "choices": [choice]}
        return _sent({**self._common, **record, **(more or {})})

    def _own(self, answer: Answer) -> dict[str, Any]:
        return {**answer_record(answer, self._running.chosen), "ignored": self._ignored}


def _rest(answer: Answer, said: str) -> str:
    """What an answer says beyond its draft, which can't be taken back once it was sent."""
    whole = as_text(answer).removesuffix(sources_text(answer))
    if whole.startswith(said):
        return whole[len(said) :]
    unsure = console.printable(answer.answer) == said
    return "\n\n(not sure)" if unsure else f"\n\n(taken back) {whole}"


def _paths(running: Running) -> set[str]:
    return {held.memory.path for held in running.chosen}


def _sent(record: dict[str, Any]) -> bytes:
    return b"data: " + as_bytes(record) + b"\n\n"


def _usage(answer: Answer) -> dict[str, int]:
    prompt, said = answer.tokens.window, answer.tokens.answer
    return {"prompt_tokens": prompt, "completion_tokens": said, "total_tokens": prompt + said}
