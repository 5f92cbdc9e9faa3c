"""The description names all that can be asked, and nothing else; answers are as it says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lcirc_cli.serve.app import application

from .conftest import Served
from .test_marks import made

jsonschema = pytest.importorskip("jsonschema", reason="the extra `serve` is not installed")
pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])


def fits(described: dict[str, Any], path: str, method: str, value: Any) -> None:
    [(status, given)] = [
        each
        for each in described["paths"][path][method]["responses"].items()
        if each[0] != "default"
    ]
    assert int(status) in (200, 202)
    [kind] = given["content"].values()
    jsonschema.validate(value, {**kind["schema"], "components": described["components"]})


def test_every_route_is_described(served: Served) -> None:
    guard: Any = application(served.house, served.settings, port=served.port)
    known = {
        (route.path, method.lower())
        for route in guard.app.routes
        for method in route.methods or ()
        if method != "HEAD" and route.path not in ("/", "/openapi.json")
    }
    with served.client() as client:
        described = client.get("/openapi.json").json()
    assert known == {
        (path, method) for path, methods in described["paths"].items() for method in methods
    }
    for methods in described["paths"].values():
        for each in methods.values():
            names = {one["name"] for one in each["parameters"] if one["in"] == "path"}
            assert names <= {"id", "number"} and each["summary"]


def test_answers_are_as_described(served: Served, tmp_path: Path) -> None:
    with served.client() as client:
        described = client.get("/openapi.json").json()
        job = served.upload(client, "a.pdf", made(tmp_path).read_bytes())
        fits(described, "/api/jobs/{id}", "get", job)
        asked = {"memories": [job["memory"]], "question": "What does Number 3 say?"}
        last = json.loads(client.post("/api/ask", json=asked).text.splitlines()[-1])
        fits(described, "/api/ask", "post", last)
        fits(described, "/api/search", "post", client.post("/api/search", json=asked).json())
        page = "/api/memories/{id}/documents/{number}/page"
        given = client.get(page.format(id=job["memory"], number=0)).json()
        fits(described, page, "get", given)
        error = described["components"]["schemas"]["Error"]
        jsonschema.validate(client.get("/api/jobs/none").json(), error)
