"""The page's own JSON: questions, passages, documents that are dropped in."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lcirc_cli import Engine, console
from lcirc_cli.commands.memories import memory_beside
from lcirc_cli.memory.file import load_memory
from lcirc_cli.serve.opening import hold_documents, hold_earlier
from lcirc_cli.serve.settings import Limits, ServeSettings

from ..engine.tiny import make_text
from .conftest import Served, serving

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])

QUESTION = "What did the harbour master write?"


def events(client: Any, **body: Any) -> list[dict[str, Any]]:
    reply = client.post("/api/ask", json=body)
    assert reply.status_code == 200, reply.text
    return [json.loads(line) for line in reply.text.splitlines()]


def test_the_page_is_one_file_that_needs_nothing_else(served: Served) -> None:
    with served.client() as client:
        reply = client.get("/")
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    policy = reply.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert "'sha256-" in policy.split("script-src")[1].split(";")[0]
    for away in ("http://", "https://", "//cdn", "@import", "innerHTML", "document.write", "eval("):
        assert away not in reply.text


def test_a_question_with_everything_that_happens(served: Served) -> None:
    with served.client() as client:
        memories = client.get("/api/memories").json()["memories"]
        ids = [each["id"] for each in memories]
        found = events(client, memories=ids, question=QUESTION)
    kinds = [next(iter(each)) for each in found]
    assert kinds[0] == "stage" and kinds[-1] == "answer"
    draft = "".join(each.get("piece", "") for each in found)
    answer = found[-1]["answer"]
    assert answer["answer"] == draft or answer["refused"]
    assert {each["memory"] for each in answer["citations"]} <= set(ids)


def test_a_follow_up_knows_what_was_said(served: Served) -> None:
    history = [{"question": QUESTION, "answer": "every boat must leave"}]
    engine, held = served.house.engine, served.house.library.get("notes")
    turns = [(QUESTION, "every boat must leave")]
    expected = engine.ask(held.memory, "And when?", history=turns, max_new_tokens=8)
    with served.client() as client:
        found = events(client, memories=["notes"], question="And when?", history=history)
    assert found[-1]["answer"]["answer"] == console.printable(expected.answer)
    assert found[-1]["answer"]["tokens"]["window"] == expected.tokens.window


def test_passages_alone(served: Served) -> None:
    body = {"memories": ["two-books", "notes"], "question": QUESTION, "limit": 4}
    with served.client() as client:
        found = client.post("/api/search", json=body).json()["passages"]
    assert len(found) == 4
    assert [each["score"] for each in found] == sorted((e["score"] for e in found), reverse=True)
    for each in found:
        text = served.house.library.get(each["memory"]).memory.documents[each["number"]].text
        assert each["text"] in text and each["quote"].split("\n")[0] in each["text"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"memories": ["none"], "question": "x"}, 404),
        ({"memories": [], "question": "x"}, 400),
        ({"memories": "notes", "question": "x"}, 400),
        ({"memories": ["notes"]}, 400),
        ({"memories": ["notes"], "question": ""}, 400),
        ({"memories": ["notes"], "question": "x", "history": [["a", "b"]]}, 400),
        ({"memories": ["notes"], "question": "x", "window": "none"}, 400),
        ({"memories": ["notes"] * 51, "question": "x"}, 400),
        (["notes"], 400),
    ],
)
def test_bodies_are_checked(served: Served, body: Any, status: int) -> None:
    with served.client() as client:
        reply = client.post("/api/ask", json=body)
        assert reply.status_code == status, reply.text
        plain = client.post(
            "/api/ask", content=json.dumps(body), headers={"content-type": "text/plain"}
        )
        assert plain.status_code == 415
        assert client.post("/api/ask", json={}).status_code == 400
        cut = {"content-type": "application/json"}
        assert client.post("/api/ask", content='{"memories": [', headers=cut).status_code == 400


def test_a_document_is_read_and_asked_and_removed(served: Served, tmp_path: Path) -> None:
    with served.client() as client:
        job = served.upload(client, "../My <b>book</b>.txt", make_text(8).encode())
        assert (job["state"], job["name"]) == ("done", "b>.txt")
        found = events(client, memories=[job["memory"]], question=QUESTION)
        assert found[-1]["answer"]["citations"][0]["document"] == "b>.txt"
        assert client.delete(f"/api/memories/{job['memory']}").status_code == 200
        assert client.delete(f"/api/memories/{job['memory']}").status_code == 404
        assert client.delete("/api/memories/notes").status_code == 403
    assert list((tmp_path / "served").iterdir()) == []


def test_what_can_not_be_read_says_why_in_one_line(served: Served, tmp_path: Path) -> None:
    with served.client() as client:
        for name, data in (
            ("x.pdf", b"%PDF-1.7 nothing"),
            ("p.png", b"\x89PNG123"),
            ("q.png", b"\x89PNG\r\n\x1a\n" + b"0" * 40),
            ("j.jpg", b"\xff\xd8\xff\xe0" + b"0" * 40),
            ("t.tiff", b"II*\0" + b"\xff" * 40),
            ("w.docx", b"PK\3\4" + b"0" * 40),
            ("b.epub", b"PK\3\4" + b"0" * 40),
            ("e.txt", b" "),
        ):
            job = served.upload(client, name, data)
            said = job["message"]
            assert job["state"] == "failed" and said.startswith(f"{name}: ") and "\n" not in said
            assert "/" not in said, said  # nor where it is kept here
        assert client.post("/api/documents?name=x.txt", content=b"").status_code == 422
        assert client.post("/api/documents", content=b"x").status_code == 400
        assert client.post("/api/documents?name=..", content=b"x").status_code == 400
    assert list((tmp_path / "served").iterdir()) == []


def test_uploads_are_limited_in_size_and_number(serve_with: Callable[..., Any]) -> None:
    limits = Limits(upload_bytes=1_000, jobs=2, memories=3)
    with serve_with(ServeSettings(port=0, limits=limits)) as served, served.client() as client:
        assert client.get("/api/memories").json()["limits"] == {"upload_bytes": 1_000}
        large = client.post("/api/documents?name=x.txt", content=b"x" * 1_001)
        assert large.status_code == 413
        chunked = client.post("/api/documents?name=x.txt", content=iter([b"x" * 600, b"y" * 600]))
        assert chunked.status_code == 413
        served.upload(client, "fits.txt", make_text(1, words=60).encode())
        full = client.post("/api/documents?name=x.txt", content=b"some words of text")
        assert full.status_code == 507
        assert len(list(served.house.jobs.root.iterdir())) == 1


def test_a_job_that_is_cancelled_leaves_nothing(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = served.house.engine
    ingest = engine.ingest

    def slow(*args: Any, progress: Any, **options: Any) -> Any:
        import time

        while True:
            progress(1)
            time.sleep(0.01)

    monkeypatch.setattr(engine, "ingest", slow)
    with served.client() as client:
        reply = client.post("/api/documents?name=x.txt", content=make_text(9).encode()).json()
        answer = events(client, memories=["notes"], question=QUESTION)[-1]  # beside it
        assert "answer" in answer
        assert client.delete(f"/api/jobs/{reply['id']}").status_code == 200
        assert served.over(client, reply["id"])["state"] == "cancelled"
        assert client.delete("/api/jobs/none").status_code == 404
    assert list(served.house.jobs.root.iterdir()) == []
    monkeypatch.setattr(engine, "ingest", ingest)


def test_what_was_dropped_in_is_there_after_a_new_start(
    tiny_engine: Engine, tmp_path: Path
) -> None:
    """Also what was not finished: as after a kill, its memory is missing."""
    root = tmp_path / "served"
    with serving(tiny_engine, [], root) as served, served.client() as client:
        for seed in (4, 5):
            served.upload(client, f"{seed}.txt", make_text(seed).encode())
        ids = [each["id"] for each in client.get("/api/memories").json()["memories"]]
        assert sorted(ids) == ["4", "5"]
        first = served.house.library.get("4").folder
        expected = load_memory(first / "memory.lcirc").states[:]  # type: ignore[operator]
    (first / "memory.lcirc").unlink()  # type: ignore[operator]
    with serving(tiny_engine, [], root) as served, served.client() as client:
        hold_earlier(served.house)
        for job in served.house.jobs.all():
            assert served.over(client, job.id)["state"] == "done"
        held = {each.name: each for each in served.house.library.all()}
        assert set(held) == {"4", "5"}
        assert bool((held["4"].memory.states[:] == expected).all())


def test_documents_that_are_named_take_the_memory_that_is_there(
    tiny_engine: Engine, memory_files: list[Path], tmp_path: Path
) -> None:
    from lcirc_cli.documents import Source, read_document
    from lcirc_cli.memory.file import save_memory

    beside, alone = tmp_path / "a.txt", tmp_path / "b.txt"
    beside.write_text(make_text(3))
    alone.write_text(make_text(6))
    save_memory(tmp_path / "a.lcirc", tiny_engine.ingest([read_document(beside)]))
    shutil.copy(memory_files[1], tmp_path / "b.lcirc")  # of another document
    sources = [Source(beside, "a.txt"), Source(alone, "b.txt")]
    root = tmp_path / "served"
    for jobs in (1, 0):  # at the second start its memory is there
        with serving(tiny_engine, [], root) as served, served.client() as client:
            hold_documents(served.house, sources, beside=memory_beside)
            assert len(served.house.jobs.all()) == jobs
            for job in served.house.jobs.all():
                assert served.over(client, job.id)["state"] == "done"
            assert [each.name for each in served.house.library.all()] == ["a", "b"]
            assert alone.read_text() == make_text(6)


def test_no_path_of_this_machine_is_in_any_answer(
    served: Served, backbone_folder: Path, memory_files: list[Path]
) -> None:
    """Memories and models are named by paths here."""
    with served.client() as client:
        served.upload(client, "x.txt", make_text(8).encode())
        texts = [client.get(path).text for path in ("/api/memories", "/api/jobs", "/v1/models")]
        texts.append(json.dumps(events(client, memories=["notes", "x"], question=QUESTION)))
        memory_files[1].rename(memory_files[1].with_suffix(".gone"))
        try:
            texts.append(client.get("/api/memories/notes/documents/0/page").text)
        finally:
            memory_files[1].with_suffix(".gone").rename(memory_files[1])
    for text in texts:
        for path in (backbone_folder, memory_files[0].parent, served.house.jobs.root):
            assert str(path) not in text
