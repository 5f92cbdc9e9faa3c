"""Requests as checked values, and answers as JSON or as streams that end when nobody listens."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from lcirc_cli.files import schema
from lcirc_cli.serve.guard import App, Message, Receive, Scope, Send
from lcirc_cli.serve.problems import Problem, Stopped, Told, told

T = TypeVar("T")
Handler = Callable[[Request], Awaitable[Any]]
_MOST_VALUES = 20_000  # of a request
GONE = 499  # nobody reads the answer


def as_bytes(record: Any) -> bytes:
    """JSON in UTF-8; half a character of a document's text is escaped."""
    text = json.dumps(record, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        return json.dumps(record, allow_nan=False, separators=(",", ":")).encode("ascii")


def json_response(record: Any, *, status: int = 200) -> Response:
    return Response(as_bytes(record), status_code=status, media_type="application/json")


def error_record(problem: Told) -> dict[str, Any]:
    """The form in which OpenAI's clients expect errors; ours take it as well."""
    kind = "invalid_request_error" if problem.status < 500 else "server_error"
    if problem.status == 429:
        kind = "rate_limit_error"
    error = {"message": problem.message, "type": kind, "param": problem.param}
    return {"error": {**error, "code": problem.code}}


async def body_of(
    request: Request, fields: Mapping[str, schema.Check], *, closed: bool = True
) -> dict[str, Any]:
    """The JSON object of a request, checked.

    Raises:
        Problem: 415 it is not sent as JSON, 400 it is none, or not as it must be.
    """
    data = await request.body()  # first: a client that still sends would lose the refusal
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind != "application/json":
        raise Problem("send it as application/json", status=415, code="not_json")
    try:
        value = schema.parse(data, "the request", most=_MOST_VALUES)
        return schema.table(value, "the request", fields=fields, closed=closed)
    except ValueError as error:
        raise Problem(str(error)) from error


def answered(handler: Handler) -> Handler:
    """A handler whose exceptions become answers."""

    @functools.wraps(handler)
    async def safe(request: Request) -> Any:
        try:
            return await handler(request)
        except (ClientDisconnect, Stopped):
            return Response(status_code=GONE)
        except Exception as error:
            problem = told(error, request.app.state.paths())
            response = json_response(error_record(problem), status=problem.status)
            if problem.status == 429:
                response.headers["retry-after"] = "5"
            return response

    return safe


async def unless_closed(request: Request, work: Awaitable[T]) -> T:
    """What the work gives; raises Stopped where the client goes before."""
    closed = asyncio.ensure_future(_closed(request.receive))
    doing = asyncio.ensure_future(work)
    try:
        await asyncio.wait({closed, doing}, return_when=asyncio.FIRST_COMPLETED)
        if not doing.done():
            raise Stopped("the client has gone")
        return doing.result()
    finally:
        await _end(closed, doing)


async def _closed(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _end(*tasks: asyncio.Future[Any]) -> None:
    for task in tasks:
        task.cancel()
    for task in tasks:
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await task


class WhileOpen:
    """An application whose work on a request ends when the client goes."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, of which the body is small."""
        parts = [await receive()]
        while parts[-1].get("more_body", False):
            parts.append(await receive())
        gone = asyncio.Event()

        async def again() -> Message:
            if parts:
                return parts.pop(0)
            await gone.wait()
            return {"type": "http.disconnect"}

        closed = asyncio.ensure_future(_closed(receive))
        work = asyncio.ensure_future(self._app(scope, again, send))
        try:
            await asyncio.wait({closed, work}, return_when=asyncio.FIRST_COMPLETED)
            gone.set()
            if work.done():
                work.result()
        finally:
            await _end(closed, work)


class Stream:
    """An answer that comes piece by piece; the pieces are closed when the client goes."""

    def __init__(self, pieces: AsyncGenerator[bytes], *, media_type: str) -> None:
        self._pieces, self._media_type = pieces, media_type

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        headers = [(b"content-type", self._media_type.encode()), (b"x-accel-buffering", b"no")]
        closed = asyncio.ensure_future(_closed(receive))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            while True:
                piece = asyncio.ensure_future(anext(self._pieces))
                await asyncio.wait({closed, piece}, return_when=asyncio.FIRST_COMPLETED)
                if not piece.done():
                    await _end(piece)
                    return
                try:
                    body = piece.result()
                except StopAsyncIteration:
                    break
                await send({"type": "http.response.body", "body": body, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        finally:
            await _end(closed)
            await self._pieces.aclose()
