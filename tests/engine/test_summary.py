"""A summary by a model on a server: in pieces, with pages, and gone on with after a kill."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lcirc_cli import Engine
from lcirc_cli.documents.document import Document, Page
from lcirc_cli.documents.page_ranges import parse_page_ranges
from lcirc_cli.endpoints.replay import ReplayCache
from lcirc_cli.endpoints.settings import ReaderSettings
from lcirc_cli.errors import EndpointError, UsageError
from lcirc_cli.memory.contents import MemoryContents
from lcirc_cli.memory.file import save_memory

from ..endpoints.hostile import http, serving
from ..endpoints.scripted_reader import stream
from .tiny import make_text

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])


def paged(pages: int) -> Document:
    """A document whose pages say their number."""
    texts = [f"Page {n} begins here. {make_text(n, words=120)}" for n in range(1, pages + 1)]
    text, starts = "", []
    for each in texts:
        starts.append(len(text))
        text += each + "\n\n"
    ends = [*starts[1:], len(text)]
    found = [Page(n, None, *ends) for n, ends in enumerate(zip(starts, ends, strict=True), 1)]
    return Document("book.pdf", text, tuple(found), "0" * 64, "pdf")


@pytest.fixture
def memory(engine: Engine) -> MemoryContents:
    return engine.ingest([paged(12)])


class Script:
    """Notes that name the first and the last number of a piece, and one that is made up."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.merges: list[str] = []
        self.before: Callable[[], None] = lambda: None

    async def __call__(self, writer: Any, asked: dict[str, Any], key: str) -> None:
        text = asked["messages"][-1]["content"]
        numbers = re.findall(r"\[(\d+)\]", text)
        if "Write a summary" in text:
            await stream(writer, f"It begins [{numbers[0]}]. It ends [{numbers[-1]}][999].")
            return
        (self.pieces if "\nPage" in text or "(book" in text else self.merges).append(text)
        self.before()
        said = f"Boats leave [{numbers[0]}][{numbers[-1]}][998]."
        body = b'{"choices": [{"message": {"content": "%s"}}]}' % said.encode()
        writer.write(http(200, body))


def test_every_page_is_read_once_and_the_summary_names_pages(
    engine: Engine, memory: MemoryContents, tmp_path: Path
) -> None:
    script, cache = Script(), tmp_path / "book.replies"
    with serving({"m": script}) as (url, seen):
        engine.reader = ReaderSettings(f"{url}/m/v1", "m")
        work = engine.summariser(memory, window_tokens=400)
        plan, done = work.estimate, list[int]()
        assert plan.pages == 12 and plan.pieces > 4
        summary = work.run(cache=cache, progress=done.append)
    sent = "".join(script.pieces)
    assert [sent.count(f"Page {n} begins here.") for n in range(1, 13)] == [1] * 12
    assert len(script.pieces) == plan.pieces == sum(done)
    assert len(seen) == plan.pieces + len(script.merges) + 1
    assert summary.text == "It begins [p. 1]. It ends [p. 12]. [?]"
    assert summary.pages == (1, 12) and not cache.exists()
    count = engine.backbone.tokenizer
    sent_tokens = sum(len(count(str(asked["messages"])).input_ids) for _, asked in seen)
    assert sent_tokens / 1.5 < plan.tokens_sent < sent_tokens * 2


def test_pages_may_be_chosen(engine: Engine, memory: MemoryContents) -> None:
    script = Script()
    with serving({"m": script}) as (url, _):
        engine.reader = ReaderSettings(f"{url}/m/v1", "m")
        work = engine.summariser(memory, pages=parse_page_ranges("4-7"), window_tokens=300)
        work.run()
    sent = "".join(script.pieces)
    assert all(f"Page {n} begins here." in sent for n in range(4, 8))
    assert "Page 2 begins" not in sent and "Page 9 begins" not in sent
    with pytest.raises(UsageError, match="out of range"):
        engine.summariser(memory, pages=parse_page_ranges("40"))


def in_sections() -> Document:
    """Page 1 to 3 are the first section, and so on."""
    book = paged(12)
    names = ["Harbour rules", "Lanterns and  Bread", "Bridges of the north", "Bridges"]
    return replace(
        book,
        pages=tuple(
            replace(page, section=names[number // 3]) for number, page in enumerate(book.pages)
        ),
    )


@pytest.mark.parametrize(
    ("name", "pages"),
    [
        ("harbour RULES", (1, 2, 3)),
        ("lanterns and bread", (4, 5, 6)),
        ("Bridges", (10, 11, 12)),
        ("north", (7, 8, 9)),
    ],
)
def test_a_section_may_be_chosen(engine: Engine, name: str, pages: tuple[int, ...]) -> None:
    script = Script()
    with serving({"m": script}) as (url, _):
        engine.reader = ReaderSettings(f"{url}/m/v1", "m")
        memory = engine.ingest([in_sections()])
        engine.summariser(memory, section=name, window_tokens=300).run()
    sent = "".join(script.pieces)
    assert all(f"Page {n} begins here." in sent for n in pages)
    far = {n for n in range(1, 13) if n not in range(pages[0] - 1, pages[-1] + 2)}
    assert not any(f"Page {n} begins here." in sent for n in far)


def test_a_section_that_is_not_there_names_the_nearest(engine: Engine) -> None:
    engine.reader = ReaderSettings("http://127.0.0.1:9/v1", "m")
    memory = engine.ingest([in_sections()])
    with pytest.raises(UsageError, match='no such section; the nearest are "Harbour rules"'):
        engine.summariser(memory, section="Harbor rule")
    with pytest.raises(UsageError, match='more than one .* "Bridges of the north", "Bridges"'):
        engine.summariser(memory, section="bridge")
    with pytest.raises(UsageError, match="have no named sections; give --pages"):
        engine.summariser(engine.ingest([paged(2)]), section="a")


def test_an_interrupted_summary_repeats_nothing_that_was_answered(
    engine: Engine, memory: MemoryContents, tmp_path: Path
) -> None:
    script, cache = Script(), tmp_path / "book.replies"

    def fail() -> None:
        if len(script.pieces) == 4:
            raise ConnectionError

    script.before = fail
    with serving({"m": script}) as (url, _):
        engine.reader = ReaderSettings(f"{url}/m/v1", "m", patience=0)
        with pytest.raises(EndpointError):
            engine.summariser(memory, window_tokens=300).run(cache=cache)
        assert cache.stat().st_mode & 0o077 == 0
        kept = ReplayCache(cache)
        assert len(kept) == 3
        kept.close()
        script.before = lambda: None
        engine.reader = ReaderSettings(f"{url}/m/v1", "m", patience=30)
        engine.summariser(memory, window_tokens=300).run(cache=cache)
    assert script.pieces[3] == script.pieces[4]
    assert len(set(script.pieces)) == len(script.pieces) - 1


def test_one_piece_is_summarised_at_once(engine: Engine, memory: MemoryContents) -> None:
    script = Script()
    with serving({"m": script}) as (url, seen):
        engine.reader = ReaderSettings(f"{url}/m/v1", "m")
        engine.summariser(memory, pages=parse_page_ranges("1")).run()
    assert len(seen) == 1


def test_no_summary_without_a_reader(
    engine: Engine, memory: MemoryContents, cli: Callable[..., Any], tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="reader"):
        engine.summariser(memory)
    save_memory(tmp_path / "book.lcirc", memory)
    done = cli("ask", tmp_path / "book.lcirc", "--summarise")
    assert done.status == 2 and "--reader URL --reader-model NAME" in done.err
    done = cli("ask", tmp_path / "book.lcirc", "why?", "--pages", "3")
    assert done.status == 2 and "--summarise" in done.err
    done = cli("ask", tmp_path / "book.lcirc", "why?", "--section", "x")
    assert done.status == 2 and "--summarise" in done.err
    both = ("--summarise", "--section", "x", "--pages", "3")
    done = cli("ask", tmp_path / "book.lcirc", *both)
    assert done.status == 2 and "not both" in done.err


@pytest.mark.slow
def test_a_killed_command_goes_on(
    lcirc_child: Callable[..., Any],
    engine: Engine,
    memory: MemoryContents,
    models: list[Any],
    tmp_path: Path,
) -> None:
    """Every page once; at most one piece twice."""
    save_memory(tmp_path / "book.lcirc", memory)
    script = Script()
    with serving({"m": script}) as (url, _):
        command = ("ask", tmp_path / "book.lcirc", "--summarise", "--window-tokens", "300")
        command += ("--reader", f"{url}/m/v1", "--reader-model", "m", *models)
        script.before = lambda: time.sleep(0.2)
        child = lcirc_child(*command)
        while len(script.pieces) < 4:
            time.sleep(0.01)
        child.send_signal(signal.SIGKILL)
        child.process.join()
        done = lcirc_child(*command).finish()
    assert done.status == 0 and done.out.startswith("It begins [p. 1].")
    assert "going on with what" in done.err and "requests, about" in done.err
    assert len(script.pieces) - len(set(script.pieces)) <= 1
    assert not (tmp_path / "book.lcirc.replies").exists()
