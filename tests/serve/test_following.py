"""`lcirc serve FOLDER --watch`: what is asked is what the folder holds now."""

from __future__ import annotations

import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from lcirc_cli.commands.following import Following
from lcirc_cli.memory.file import load_memory
from lcirc_cli.settings import CommonSettings

from ..engine.tiny import make_text
from .conftest import Served

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])
Run = Callable[..., Any]


def write(path: Path, seed: int) -> None:
    path.write_text(make_text(seed, words=60), "utf-8")


def until(said: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 60
    while not (found := said()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


@pytest.fixture
def books(tmp_path: Path) -> Path:
    folder = tmp_path / "books"
    folder.mkdir()
    write(folder / "a.txt", 1)
    write(folder / "b.txt", 2)
    return folder


def begin(monkeypatch: pytest.MonkeyPatch, folder: Path, served: Served) -> list[Any]:
    """A folder that is followed; a sync comes with each call of the list's last member."""
    go = threading.Semaphore(0)

    def changes(folders: list[str], *, stop: threading.Event) -> Iterator[None]:
        while not stop.is_set():
            if go.acquire(timeout=0.05):
                yield

    monkeypatch.setattr("lcirc_cli.documents.watching.changes", changes)
    settings = CommonSettings(model=served.house.engine.backbone.name)
    following = Following(str(folder), served.house, settings)
    following.start()
    return [following, go.release]


def test_a_new_version_is_served_under_the_same_id(
    served: Served, books: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    following, sync = begin(monkeypatch, books, served)
    with served.client() as client:

        def documents() -> dict[str, int]:
            held = client.get("/api/memories").json()["memories"]
            found = next((each for each in held if each["id"] == "books"), {"documents": ()})
            return {each["name"]: each["number"] for each in found["documents"]}

        def page(number: int) -> Any:
            return client.get(f"/api/memories/books/documents/{number}/page")

        assert documents() == {}
        sync()
        assert until(documents) == {"a.txt": 0, "b.txt": 1}
        asked = {"memories": ["books"], "question": "What did the harbour master write?"}
        before = client.post("/api/search", json=asked).json()["passages"]
        assert {each["number"] for each in before} <= {0, 1}
        (books / "a.txt").unlink()
        write(books / "c.txt", 3)
        sync()
        until(lambda: "c.txt" in documents())
        assert documents() == {"b.txt": 2, "c.txt": 3}
        assert page(2).json()["name"] == "b.txt" and page(2).json()["document"] == 2
        assert page(0).status_code == 404 and "ask again" in page(0).text  # and not b.txt
        assert page(4).status_code == 404
        after = client.post("/api/search", json=asked).json()["passages"]
        names = documents()
        assert after and all(names[each["document"]] == each["number"] for each in after)
        removed = client.delete("/api/memories/books")
        assert removed.status_code == 403
    following.close()
    assert not following._thread.is_alive()


def test_questions_are_answered_while_documents_are_compressed(
    served: Served, books: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, memory = served.house.engine, books.parent / "books.lcirc"
    searches: list[int] = []
    answered: list[int] = []
    ingest, search = engine.ingest, engine.search

    def slow(documents: Any, *, kept: Any, progress: Any) -> Any:
        def step(characters: float) -> None:
            if not answered:
                until(lambda: served.house.worker.waiting)  # a question is here
            before = len(searches)
            progress(characters)
            answered.append(len(searches) - before)

        return ingest(documents, kept=kept, progress=step)

    monkeypatch.setattr(engine, "ingest", slow)
    monkeypatch.setattr(engine, "search", lambda *a, **b: (searches.append(1), search(*a, **b))[1])
    following, sync = begin(monkeypatch, books, served)
    sync()
    with served.client() as client:
        asked = {"memories": ["notes"], "question": "Who wrote?"}
        while not memory.exists():
            assert client.post("/api/search", json=asked).status_code == 200
    assert answered[0] >= 1  # before the rest of the document
    following.close()


def test_a_memory_that_is_there_is_served_at_once(
    served: Served, books: Path, memory_files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    (books.parent / "books.lcirc").write_bytes(memory_files[1].read_bytes())
    following, _ = begin(monkeypatch, books, served)
    assert [held.id for held in served.house.library.all()] == ["two-books", "notes", "books"]
    following.close()


def test_the_command(
    lcirc_child: Run, cli: Run, books: Path, models: list[Any], tmp_path: Path
) -> None:
    child = lcirc_child(
        *("serve", books, "--watch", "--port", "0", *models),
        env={"LCIRC_CACHE": str(tmp_path / "cache")},
    )
    address = until(lambda: re.search(r"http://127.0.0.1:\d+", child.out.read_text()))[0]
    with httpx2.Client(base_url=address, timeout=60) as client:

        def names() -> list[str]:
            held = client.get("/api/memories").json()["memories"]
            return [each["name"] for memory in held for each in memory["documents"]]

        until(lambda: names() == ["a.txt", "b.txt"])
        write(books / "c.txt", 3)
        until(lambda: names() == ["a.txt", "b.txt", "c.txt"])
        assert [each["id"] for each in client.get("/v1/models").json()["data"]] == ["books"]
    child.send_signal(signal.SIGINT)
    status, _, err = child.finish(30)
    assert status in (0, 130) and "Traceback" not in err
    assert len(load_memory(tmp_path / "books.lcirc", whole=True).documents) == 3
    done = cli("serve", books / "a.txt", "--watch")
    assert done.status == 2 and "--watch is for folders" in done.err
    (tmp_path / "books.lcirc").write_text("something else")
    done = cli("serve", books, "--watch")
    assert done.status == 2 and "no memory file" in done.err
