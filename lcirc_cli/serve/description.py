"""What can be asked of the server, as OpenAPI describes it (/openapi.json)."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lcirc_cli.serve.responses import answered, json_response
from lcirc_cli.serve.settings import Limits, ServeSettings
from lcirc_cli.version import __version__

_TEXT, _WHOLE, _TRUTH = {"type": "string"}, {"type": "integer"}, {"type": "boolean"}
_NUMBER = {"type": "number"}


def _list(items: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "array", "items": items, **more}


def _object(*needed: str, **fields: Any) -> dict[str, Any]:
    return {"type": "object", "properties": fields, "required": list(needed)}


def _own(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _in(place: str, name: str, kind: dict[str, Any], about: str) -> dict[str, Any]:
    needed = place == "path" or name == "name"
    return {"in": place, "name": name, "required": needed, "schema": kind, "description": about}


_ID = _in("path", "id", _TEXT, "of a memory, or of a job")
_DOCUMENT = _in("path", "number", _WHOLE, "of the document in its memory, from 0")
_PARTS = _in("query", "parts", _TEXT, "START-END.START-END, characters to mark")

_CITATION = _object(
    *("memory", "number", "document", "quote", "parts", "score"),
    memory=_TEXT,
    number=_WHOLE,
    document=_TEXT,
    page={"type": ["integer", "null"]},
    pages={"type": ["array", "null"], "items": _WHOLE},
    label={"type": ["string", "null"]},
    section={"type": ["string", "null"]},
    quote=_TEXT,
    parts=_list(_list(_WHOLE)),
    score=_NUMBER,
)
_ANSWER = _object(
    *("question", "answer", "said", "citations", "found", "sure", "refused", "weak", "confidence"),
    question=_TEXT,
    answer=_TEXT,
    said=_TEXT,
    citations=_list(_own("Citation")),
    found=_TRUTH,
    sure=_TRUTH,
    refused=_TRUTH,
    weak=_TRUTH,
    confidence={"type": ["number", "null"]},
    finish={"enum": ["stop", "length"]},
    tokens={"type": "object"},
    timings={"type": "object"},
)
_JOB = _object(
    *("id", "name", "state"),
    id=_TEXT,
    name=_TEXT,
    state={"enum": ["waiting", "reading", "compressing", "done", "failed", "cancelled"]},
    pages_read=_WHOLE,
    pages=_WHOLE,
    compressed=_NUMBER,
    message=_TEXT,
    memory={"type": ["string", "null"]},
)
_PAGE = _object(
    *("at", "of", "text", "marks", "picture", "boxes"),
    at=_WHOLE,
    of=_WHOLE,
    page={"type": ["integer", "null"]},
    text=_TEXT,
    marks=_list(_list(_WHOLE)),
    picture=_TRUTH,
    boxes=_list(_list(_NUMBER)),
)
_ERROR = _object("error", error=_object("message", "type", "param", "code", message=_TEXT))


def description(limits: Limits) -> dict[str, Any]:
    """The whole description."""
    question = {**_TEXT, "maxLength": limits.question}
    memories = _list(_TEXT, minItems=1, maxItems=limits.chosen)
    turn = _object("question", "answer", question=_TEXT, answer=_TEXT)
    history = _list(turn, maxItems=limits.turns)
    asked = {"memories": memories, "question": question}
    ask = _object("memories", "question", **asked, history=history)
    passages = {**_WHOLE, "minimum": 1, "maximum": limits.passages}
    search = _object("memories", "question", **asked, limit=passages)
    chat = _object("model", "messages", model=_TEXT, messages=_list({"type": "object"}))
    page = "/api/memories/{id}/documents/{number}"
    lines = "lines of JSON: stage, piece, then answer or error"
    paths = {
        "/api/memories": {"get": _does("the memories that can be asked")},
        "/api/memories/{id}": {"delete": _does("remove one that was dropped in", _ID)},
        "/api/documents": {
            "post": _does(
                "drop a document in; its bytes are the body",
                _in("query", "name", _TEXT, "the document's, with its ending"),
                body=("application/octet-stream", {}),
                gives=("application/json", _own("Job")),
                status=202,
            )
        },
        "/api/jobs": {"get": _does("the documents that are being read")},
        "/api/jobs/{id}": {
            "get": _does("one of them", _ID, gives=("application/json", _own("Job"))),
            "delete": _does("stop it", _ID, gives=("application/json", _own("Job"))),
        },
        "/api/ask": {
            "post": _does(
                "an answer with its quotes: " + lines,
                body=("application/json", ask),
                gives=("application/x-ndjson", _object(answer=_own("Answer"), piece=_TEXT)),
            )
        },
        "/api/search": {
            "post": _does(
                "passages alone",
                body=("application/json", search),
                gives=("application/json", _object(passages=_list(_own("Citation")))),
            )
        },
        f"{page}/page": {
            "get": _does(
                "a page's text, marks in it and boxes on its picture",
                *(_ID, _DOCUMENT, _PARTS),
                _in("query", "at", _WHOLE, "which page, from 0; else where the parts begin"),
                gives=("application/json", _own("Page")),
            )
        },
        f"{page}/picture": {
            "get": _does(
                "a page of a PDF as it is printed",
                *(_ID, _DOCUMENT),
                _in("query", "page", _WHOLE, "its number, from 1"),
                gives=("image/png", {}),
            )
        },
        "/v1/models": {"get": _does("the memories, as OpenAI's clients list models")},
        "/v1/models/{id}": {"get": _does("one of them", _ID)},
        "/v1/chat/completions": {
            "post": _does("an answer, in OpenAI's form", body=("application/json", chat))
        },
    }
    schemas = {"Citation": _CITATION, "Answer": _ANSWER, "Job": _JOB, "Page": _PAGE}
    bearer = {"type": "http", "scheme": "bearer"}
    return {
        "openapi": "3.1.0",
        "info": {"title": "lcirc serve", "version": __version__},
        "paths": paths,
        "components": {
            "schemas": {**schemas, "Error": _ERROR},
            "securitySchemes": {"token": bearer},
        },
    }


def _does(
    summary: str,
    *parameters: dict[str, Any],
    body: tuple[str, dict[str, Any]] | None = None,
    gives: tuple[str, dict[str, Any]] = ("application/json", {"type": "object"}),
    status: int = 200,
) -> dict[str, Any]:
    given = {"description": summary, "content": {gives[0]: {"schema": gives[1]}}}
    wrong = {"description": "why not", "content": {"application/json": {"schema": _own("Error")}}}
    record: dict[str, Any] = {
        "summary": summary,
        "parameters": list(parameters),
        "responses": {str(status): given, "default": wrong},
    }
    if body is not None:
        record["requestBody"] = {"required": True, "content": {body[0]: {"schema": body[1]}}}
    return record


def routes(settings: ServeSettings) -> list[Route]:
    """Its one route."""
    whole = description(settings.limits)
    if settings.token is not None:
        whole["security"] = [{"token": []}]

    async def described(request: Request) -> Response:
        return json_response(whole)

    return [Route("/openapi.json", answered(described), methods=["GET"])]
