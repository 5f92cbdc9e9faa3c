"""`lcirc ask book.pdf`: documents that were not ingested, or whose memory lies beside them."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lcirc_cli.memory.file import load_memory

from ..engine.tiny import make_text

Run = Callable[..., Any]
QUESTION = "What did the harbour master write?"
UNREAD = "a question computes the segments that it needs"


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: Run, models: list[Any]) -> Run:
    """In a folder with one.txt, two.txt, and a folder of papers."""
    monkeypatch.chdir(tmp_path)
    for seed, name in enumerate(("one", "two", "papers/a", "papers/b"), start=1):
        path = Path(f"{name}.txt")
        path.parent.mkdir(exist_ok=True)
        path.write_text(make_text(seed, words=300), "utf-8")
    return lambda *arguments: cli("ask", *arguments, "--max-new-tokens", 4, *models)


@pytest.fixture
def ingest(ask: Run, cli: Run, models: list[Any]) -> Run:
    return lambda *arguments: cli("ingest", *arguments, "--quiet", *models)


def answer(done: Any) -> dict[str, Any]:
    """What the JSON says of the answer itself."""
    assert done.status == 0, done.err
    found = json.loads(done.out)
    return {k: v for k, v in found.items() if k not in ("timings", "memory_sha256")}


@pytest.mark.parametrize("segments", [0, 3])
def test_it_is_the_answer_of_its_memory(ask: Run, ingest: Run, segments: int) -> None:
    names = {path.name for path in Path().iterdir()}
    words = (QUESTION, "--json", "--segments", segments)
    done = ask("one.txt", *words)
    assert json.loads(done.out)["memory_sha256"] is None
    told = [line for line in done.err.splitlines() if UNREAD in line]
    assert len(told) == 1 and told[0].startswith("lcirc: one.txt: ") and "ingest one.txt" in told[0]
    assert {path.name for path in Path().iterdir()} == names
    assert ingest("one.txt", "-o", "elsewhere.lcirc").status == 0
    assert answer(ask("elsewhere.lcirc", *words)) == answer(done)


def test_several_documents_and_a_folder(ask: Run, ingest: Run) -> None:
    words = ("-q", QUESTION, "--json")
    done = ask("one.txt", "two.txt", "papers", *words)
    assert "4 documents: " in done.err and "lcirc ingest ... -o OUT.lcirc" in done.err
    assert ingest("one.txt", "two.txt", "papers", "-o", "all.lcirc").status == 0
    assert answer(ask("all.lcirc", *words)) == answer(done)
    alone = ask("papers", *words)
    assert "papers: " in alone.err and "of 2 documents read" in alone.err


def test_a_document_beside_a_memory(ask: Run, ingest: Run) -> None:
    ingest("one.txt", "-o", "first.lcirc")
    ingest("two.txt", "-o", "second.lcirc")
    both = answer(ask("first.lcirc", "two.txt", QUESTION, "--json"))
    assert both == answer(ask("first.lcirc", "second.lcirc", QUESTION, "--json"))


def test_an_up_to_date_memory_beside_it_is_asked(
    ask: Run, ingest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest("one.txt")
    ingest("papers")
    for name in ("one", "papers"):
        given = f"{name}.txt" if name == "one" else name
        done = ask(given, QUESTION, "--json")
        assert json.loads(done.out)["memory_sha256"] == load_memory(f"{name}.lcirc").sha256
        assert f"{name}.lcirc holds {given} as it is" in done.err and UNREAD not in done.err
    for path, text in (("one.txt", "A new text of bread."), ("papers/c.txt", "A third.")):
        Path(path).write_text(text, "utf-8")
    for given in ("one.txt", "papers"):
        done = ask(given, QUESTION, "--json")
        assert json.loads(done.out)["memory_sha256"] is None
        assert f"does not hold {given} as it is now" in done.err and UNREAD in done.err
    data = bytearray(Path("papers.lcirc").read_bytes())
    data[len(data) // 2] ^= 1
    Path("papers.lcirc").write_bytes(data)
    assert ask("papers", QUESTION).status == 0  # it is read anew


def test_a_memory_of_some_pages_is_not_the_document(ask: Run, ingest: Run, data_dir: Path) -> None:
    Path("trace.pdf").write_bytes((data_dir / "pdfs" / "tracemonkey.pdf").read_bytes())
    ingest("trace.pdf", "--pages", "4")
    done = ask("trace.pdf", QUESTION, "--json", "--segments", 1)
    assert UNREAD in done.err and answer(done)["tokens"]["document"] > 10_000


def test_one_that_cant_be_read_is_told_before_a_model_is_loaded(
    ask: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def loaded(*_: object) -> None:
        raise AssertionError("a model was loaded")

    monkeypatch.setattr("lcirc_cli.commands.opening.load_engine", loaded)
    Path("broken.pdf").write_bytes(b"%PDF-1.4\nnothing")
    for words in (("broken.pdf",), ("one.txt", "broken.pdf"), ("missing.pdf",)):
        done = ask(*words, "-q", QUESTION)
        assert done.status == 3 and words[-1] in done.err and done.out == ""


def test_a_broken_one_in_a_folder_is_skipped_aloud(ask: Run) -> None:
    Path("papers/broken.pdf").write_bytes(b"%PDF-1.4\nnothing")
    done = ask("papers", QUESTION)
    assert done.status == 0 and "skipped broken.pdf" in done.err and "of 2 documents" in done.err


def test_a_question_may_hold_a_name(ask: Run, ingest: Run) -> None:
    ingest("one.txt")
    assert ask("one.lcirc", "What is in nothing.txt?").status == 0
    assert ask("one.txt", "two.txt", QUESTION).status == 0


@pytest.mark.parametrize("moment", ["reading", "answering"])
def test_interrupted_it_leaves_no_file(
    lcirc_child: Run, ask: Run, tmp_path: Path, models: list[Any], moment: str
) -> None:
    Path("q.jsonl").write_text('"bread"\n' * 20_000)
    names = sorted(str(path) for path in tmp_path.rglob("*"))
    words = ["ask", "one.txt", "papers", "--questions", "q.jsonl", "--json", *models]
    child = lcirc_child(*words, cwd=tmp_path)
    # Past its own start it has the process that reads documents, and later the line of them.
    children = Path(f"/proc/{child.process.pid}/task/{child.process.pid}/children")
    deadline = time.monotonic() + 120
    while UNREAD not in child.err.read_text("utf-8"):
        if moment == "reading" and children.read_text().strip():
            break
        assert time.monotonic() < deadline
        time.sleep(0.01)
    child.send_signal(signal.SIGINT)
    assert child.finish().status == 130
    assert sorted(str(path) for path in tmp_path.rglob("*")) == names
