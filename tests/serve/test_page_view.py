"""Pages as clients get them: text with marks, pictures with boxes, and only what was given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .conftest import Served
from .test_marks import made

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])

NOTES = "/api/memories/notes/documents/0"


def test_text_with_the_marked_parts(served: Served, text: str) -> None:
    with served.client() as client:
        page = client.get(f"{NOTES}/page", params={"parts": "10-20.40-55"}).json()
    assert page["text"] == text and page["marks"] == [[10, 20], [40, 55]]
    assert (page["picture"], page["boxes"], page["of"]) == (False, [], 1)


def test_a_page_of_a_pdf_and_its_picture(served: Served, tmp_path: Path) -> None:
    data = made(tmp_path, columns=2).read_bytes()
    with served.client() as client:
        id = served.upload(client, "two columns.pdf", data)["memory"]
        base = f"/api/memories/{id}/documents/0"
        memory = served.house.library.get(id).memory
        start = memory.documents[0].text.index("Number 5 says")
        page = client.get(f"{base}/page", params={"parts": f"{start}-{start + 40}"}).json()
        assert page["page"] == 1 and page["picture"] and page["boxes"]
        for left, top, right, bottom in page["boxes"]:
            assert 0 <= left < right <= 1 and 0 <= top < bottom <= 1
        picture = client.get(f"{base}/picture?page=1")
        assert picture.headers["content-type"] == "image/png"
        assert picture.content.startswith(b"\x89PNG")
        assert client.get(f"{base}/picture?page=2").status_code == 404
        client.delete(f"/api/memories/{id}")
        assert client.get(f"{base}/picture?page=1").status_code == 404


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"{NOTES}/page?at=1", 404),
        (f"{NOTES}/page?at=-1", 400),
        (f"{NOTES}/page?at=x", 400),
        (f"{NOTES}/page?parts=1-2-3", 400),
        (f"{NOTES}/page?parts=0-99999999", 400),
        (f"{NOTES}/page?parts=5-3", 200),
        (f"{NOTES}/picture?page=1", 404),
        (f"{NOTES}/picture", 404),
        ("/api/memories/notes/documents/1/page", 404),
        ("/api/memories/notes/documents/-1/page", 404),
        ("/api/memories/notes/documents/99999999999999/page", 404),
        ("/api/memories/..%2f..%2fetc/documents/0/page", 404),
        ("/api/memories/none/documents/0/page", 404),
    ],
)
def test_nothing_else_is_reached(served: Served, path: str, status: int) -> None:
    with served.client() as client:
        reply: Any = client.get(path)
    assert reply.status_code == status, reply.text
