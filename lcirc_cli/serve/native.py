"""The page's own JSON: memories, documents that are dropped in, questions, passages, pages.

GET    /api/memories            DELETE /api/memories/ID
POST   /api/documents?name=...  with the document's bytes; gives the job that reads it
GET    /api/jobs                DELETE /api/jobs/ID
POST   /api/ask                 lines of JSON: {"stage"}, {"piece"}, {"answer"} or {"error"}
POST   /api/search              passages alone
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lcirc_cli.answering.answer import Answer
from lcirc_cli.errors import LcircError
from lcirc_cli.files import schema
from lcirc_cli.serve.answers import answer_record, found_record
from lcirc_cli.serve.asking import Asking, Piece, Running
from lcirc_cli.serve.jobs import Jobs
from lcirc_cli.serve.kept import document_name, new_place
from lcirc_cli.serve.pictures import Pictures
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


def routes(asking: Asking, jobs: Jobs, pictures: Pictures, limits: Limits) -> list[Route]:
    """All of them but those of pages."""
    library = asking.library
    common = _common_fields(limits)
    ask_fields = {**common, "history": schema.optional(_history(limits))}
    limit = schema.optional(lambda v, n: schema.whole(v, n, least=1, most=limits.passages))
    search_fields = {**common, "limit": limit}

    async def memories(request: Request) -> Response:
        held = [each.to_json() for each in library.all()]
        return json_response({"memories": held, "limits": {"upload_bytes": limits.upload_bytes}})

    async def remove(request: Request) -> Response:
        held = library.remove(request.path_params["id"])
        assert held.folder is not None  # else it could not be removed
        pictures.forget(held.folder)
        await asyncio.to_thread(shutil.rmtree, held.folder, ignore_errors=True)
        return json_response({"removed": held.id})

    async def upload(request: Request) -> Response:
        jobs.check_room()
        try:
            name = document_name(request.query_params.get("name", ""))
        except LcircError as error:
            raise Problem(str(error), param="name") from error
        place = await asyncio.to_thread(new_place, jobs.root, name)
        try:
            await _receive(request, place.document)
            jobs.check_room()
            job = jobs.start(place)
        except BaseException:
            place.remove()
            raise
        return json_response(job.to_json(), status=202)

    async def all_jobs(request: Request) -> Response:
        return json_response({"jobs": [job.to_json() for job in jobs.all()]})

    async def one_job(request: Request) -> Response:
        return json_response(jobs.get(request.path_params["id"]).to_json())

    async def cancel(request: Request) -> Response:
        return json_response(jobs.cancel(request.path_params["id"]).to_json())

    async def ask(request: Request) -> Any:
        body = await body_of(request, ask_fields)
        turns = [(turn["question"], turn["answer"]) for turn in body.get("history") or ()]
        running = asking.ask(body["memories"], body["question"], history=turns)
        try:
            first = await unless_closed(request, running.next())
        except BaseException:
            running.close()
            raise
        return Stream(
            _lines(running, first, request.app.state.paths()), media_type="application/x-ndjson"
        )

    async def search(request: Request) -> Response:
        body = await body_of(request, search_fields)
        running = asking.search(body["memories"], body["question"], limit=body.get("limit") or 5)
        try:
            found = await unless_closed(request, running.next())
        finally:
            running.close()
        return json_response({"passages": [found_record(each, running.chosen) for each in found]})

    def route(path: str, handler: Any, method: str) -> Route:
        return Route(path, answered(handler), methods=[method])

    return [
        route("/api/memories", memories, "GET"),
        route("/api/memories/{id}", remove, "DELETE"),
        route("/api/documents", upload, "POST"),
        route("/api/jobs", all_jobs, "GET"),
        route("/api/jobs/{id}", one_job, "GET"),
        route("/api/jobs/{id}", cancel, "DELETE"),
        route("/api/ask", ask, "POST"),
        route("/api/search", search, "POST"),
    ]


def _common_fields(limits: Limits) -> dict[str, schema.Check]:
    return {
        "memories": lambda v, n: schema.items(v, n, each=schema.text, most=limits.chosen),
        "question": lambda v, n: schema.text(v, n, most=limits.question),
    }


def _history(limits: Limits) -> schema.Check:
    fields = {"question": schema.text, "answer": schema.text}

    def turn(value: Any, name: str) -> Any:
        return schema.table(value, name, fields=fields, closed=True)

    return lambda value, name: schema.items(value, name, each=turn, most=limits.turns)


async def _receive(request: Request, target: Path) -> None:
    """The bytes of a document into a file of their own, which appears when all are there."""
    part = target.with_suffix(".part")
    size = 0
    with part.open("xb") as file:
        async for chunk in request.stream():
            size += len(chunk)
            await asyncio.to_thread(file.write, chunk)
    if not size:
        raise Problem("the document is empty", status=422, code="unreadable_document")
    part.rename(target)


async def _lines(running: Running, event: Any, paths: set[str]) -> AsyncGenerator[bytes]:
    """Everything that happens, from this event on."""
    try:
        while not isinstance(event, Answer):
            yield _line(_told(event))
            event = await running.next()
        yield _line({"answer": answer_record(event, running.chosen)})
    except Stopped:
        return
    except Exception as error:
        yield _line(error_record(told(error, paths)))
    finally:
        running.close()


def _told(event: Any) -> dict[str, Any]:
    if isinstance(event, Piece):
        return {"piece": event.text}
    return {"stage": event.name, "done": event.done, "total": event.total}


def _line(record: dict[str, Any]) -> bytes:
    return as_bytes(record) + b"\n"
