"""The page in a real browser: Chromium of the system, driven by playwright.

Where AXE_CORE names the file axe.min.js of axe-core, the page is checked with it too.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lcirc_cli.documents import ocr
from lcirc_cli.prompts import REFUSAL

from ..engine.tiny import make_text
from .conftest import Served
from .test_marks import made

api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.allow_hosts(["127.0.0.1"]),
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this system"),
]

ARGUMENTS = """--no-sandbox --disable-gpu --disable-quic --no-first-run
    --disable-background-networking --disable-component-update --disable-sync""".split()
QUESTION = "What did the harbour master write?"
NO_PICTURE = "damaged or no picture" if ocr.version() else "is an image"
SCRIPT = "<img src=x onerror=\"document.title='in'\"><script>document.title='in'</script>"
DROP = """([name, data]) => {
  const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
  const held = new DataTransfer();
  held.items.add(new File([bytes], name));
  for (const type of ["dragover", "drop"])
    document.dispatchEvent(new DragEvent(type, {dataTransfer: held, cancelable: true}));
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture
def page(browser: Any, served: Served) -> Iterator[Any]:
    """The page of a server with two memories; nothing may go wrong in its console."""
    opened = browser.new_page(viewport={"width": 1280, "height": 800})
    wrong: list[str] = []
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    own = (served.url, "data:")
    opened.on("request", lambda r: None if r.url.startswith(own) else wrong.append(r.url))
    opened.goto(served.url)
    opened.locator("#memories li").nth(1).wait_for()
    yield opened
    assert opened.title() == "Ask your documents"
    opened.close()
    assert wrong == []


def drop(page: Any, name: str, data: bytes) -> None:
    page.evaluate(DROP, [name, base64.b64encode(data).decode()])


def ask(page: Any, question: str) -> Any:
    """Ask, and wait for the answer; the turn."""
    turns = page.locator("article.turn").count()
    page.get_by_label("Your question").fill(question)
    page.get_by_role("button", name="Ask", exact=True).click()
    turn = page.locator("article.turn").nth(turns)
    turn.locator(".answer[aria-busy=false]").wait_for()
    assert turn.locator(".bad").count() == 0, turn.inner_text()
    return turn


def choose_only(page: Any, name: str) -> None:
    for box in page.locator("#memories input").all():
        box.set_checked(name in box.locator("..").inner_text())


def test_from_a_dropped_pdf_to_its_marked_page(page: Any, tmp_path: Path) -> None:
    """Drop, ask, open the page, turn pages, follow up, a second document."""
    drop(page, "columns.pdf", made(tmp_path, columns=2).read_bytes())
    page.locator("#memories li").nth(2).wait_for()
    choose_only(page, "columns.pdf")
    assert page.locator("#chosen").inner_text() == "Asking columns.pdf"
    turn = ask(page, "What does Number 7 say?")
    quote = turn.locator(".quote").first
    assert "columns.pdf, page 1" in quote.inner_text()
    quote.click()
    page.locator(".sheet .box").first.wait_for()
    assert page.locator("#title").inner_text() == "columns.pdf, page 1"
    page.locator(".sheet img").evaluate("image => image.decode()")
    whole, box = page.locator(".sheet").bounding_box(), page.locator(".box").first.bounding_box()
    assert whole["x"] <= box["x"] and box["x"] + box["width"] <= whole["x"] + whole["width"]
    page.get_by_role("button", name="Text", exact=True).click()
    said = " ".join(quote.locator(".said").inner_text().split())
    assert " ".join(" ".join(page.locator(".words mark").all_inner_texts()).split()) == said
    page.keyboard.press("Escape")
    assert not page.locator("#viewer").is_visible()
    assert quote.evaluate("each => each === document.activeElement")
    sent: list[Any] = []
    page.on("request", lambda r: sent.append(json.loads(r.post_data)) if r.post_data else None)
    ask(page, "And Number 9?")
    assert [turn["question"] for turn in sent[0]["history"]] == ["What does Number 7 say?"]
    drop(page, "second.md", make_text(8).encode())
    page.locator("#memories li").nth(3).wait_for()
    assert page.locator("#memories input").nth(3).is_checked()
    turn = ask(page, QUESTION)
    assert "second.md" in turn.inner_text()
    page.get_by_role("button", name="New conversation").click()
    assert page.locator("article.turn").count() == 0
    page.get_by_role("button", name="Remove second.md").click()
    page.locator("#memories li").nth(3).wait_for(state="detached")


def test_refused_documents_say_why(page: Any, served: Served) -> None:
    drop(page, "picture.png", b"\x89PNG and more")
    message = page.locator("#jobs .bad")
    message.wait_for()
    assert NO_PICTURE in message.inner_text()
    page.get_by_role("button", name="Dismiss picture.png").click()
    message.wait_for(state="detached")
    page.evaluate("state.limits.upload_bytes = 10")
    drop(page, "large.txt", b"larger than ten bytes")
    message.wait_for()
    assert "which is the limit" in message.inner_text()
    assert len(served.house.library.all()) == 2


def test_a_document_that_comes_while_jobs_are_asked_for_is_seen(page: Any) -> None:
    """The reply that is on its way does not know of it."""

    page.evaluate(
        """() => {
          const own = window.fetch;
          let first = true;
          window.fetch = async (...given) => {
            const reply = await own(...given);
            if (first && String(given[0]).endsWith("/api/jobs")) {
              first = false;
              document.body.dataset.replied = "yes";
              await new Promise((done) => setTimeout(done, 1500));
            }
            return reply;
          };
          void watchJobs();
        }"""
    )
    page.wait_for_function("document.body.dataset.replied === 'yes'")
    drop(page, "picture.png", b"\x89PNG and more")
    message = page.locator("#jobs .bad")
    message.wait_for()
    assert NO_PICTURE in message.inner_text()


def test_what_changed_meanwhile_is_seen_on_coming_back_and_after_an_answer(
    page: Any, served: Served
) -> None:
    memories = page.locator("#memories li")

    def add(name: str) -> None:
        """As a folder that is watched does: the page is not told."""
        before = len(served.house.library.all())
        sent = page.request.post(f"{served.url}/api/documents?name={name}", data=make_text(9))
        assert sent.ok
        while len(served.house.library.all()) == before:
            page.wait_for_timeout(50)

    add("third.txt")
    assert memories.count() == 2
    box = memories.nth(0).locator("input").element_handle()
    page.evaluate("window.dispatchEvent(new Event('focus'))")
    memories.nth(2).wait_for()
    page.evaluate("window.dispatchEvent(new Event('focus'))")
    again = memories.nth(0).locator("input").element_handle()
    page.wait_for_timeout(300)
    assert not box.evaluate("each => each.isConnected")  # the list was made anew, but only once:
    assert again.evaluate("each => each.isConnected")  # a click on it is not lost
    add("fourth.txt")
    ask(page, QUESTION)
    memories.nth(3).wait_for()


def test_by_keyboard_alone(page: Any) -> None:
    """From the first Tab to a marked page and back."""

    def focused() -> str:
        return str(page.evaluate("document.activeElement.id || document.activeElement.className"))

    page.keyboard.press("Tab")
    assert focused() == "skip"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab") if focused() != "question" else None
    assert focused() == "question"
    page.keyboard.type(QUESTION)
    page.keyboard.press("Enter")
    page.locator(".answer[aria-busy=false]").wait_for()
    for _ in range(8):
        page.keyboard.press("Shift+Tab")
        if focused() == "quote":
            break
    assert focused() == "quote"
    page.keyboard.press("Enter")
    page.locator(".words mark").first.wait_for()
    assert focused() == "title"
    page.keyboard.press("Escape")
    assert focused() == "quote"
    for _ in range(12):
        page.keyboard.press("Shift+Tab")
        if focused().startswith("m-"):
            break
    before = page.locator("#memories input:checked").count()
    page.keyboard.press("Space")
    assert page.locator("#memories input:checked").count() == before - 1


def test_what_documents_say_stays_text(page: Any, served: Served) -> None:
    """In names, in text, in quotes; the title would change if a script ran."""
    text = f"The harbour master wrote {SCRIPT} in his book. {make_text(5)}"
    drop(page, "<img src=x onerror=\"document.title='no'\">.txt", text.encode())
    page.locator("#memories li").nth(2).wait_for()
    choose_only(page, "onerror")
    turn = ask(page, f"What did the harbour master write? {SCRIPT}")
    assert "onerror" in turn.inner_text()
    turn.locator(".quote").first.click()
    page.locator(".words").wait_for()
    assert page.locator("main img, main script, #viewer img").count() == 0
    assert "onerror" in page.locator(".words").inner_text()


@pytest.mark.parametrize("score", [0.9, 0.1])
def test_a_refusal_says_nothing_against_its_quotes(
    page: Any, served: Served, monkeypatch: pytest.MonkeyPatch, score: float
) -> None:
    """Where a quote fits, no answer was read; where none does, the documents may not say."""
    own = served.house.engine.ask

    def refusing(*args: Any, **options: Any) -> Any:
        answer = own(*args, **{**options, "on_token": None})
        quotes = tuple(replace(each, score=score) for each in answer.citations)
        return replace(answer, answer=REFUSAL, found=False, confidence=0.54, citations=quotes)

    monkeypatch.setattr(served.house.engine, "ask", refusing)
    told = ask(page, QUESTION).locator(".answer").inner_text()
    weak = score < 0.5
    assert ("No short answer read; see [1]" in told, REFUSAL in told) == (not weak, weak)
    assert ("may not say" in told, "54 %" in told) == (weak, weak)


def test_stop_ends_an_answer(page: Any, served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    ended: list[str] = []

    def slow(*args: Any, on_token: Any, **options: Any) -> Any:
        try:
            for number in range(2_000):
                on_token(f"word{number} ")
                time.sleep(0.01)
        except BaseException as error:
            ended.append(type(error).__name__)
            raise

    monkeypatch.setattr(served.house.engine, "ask", slow)
    page.get_by_label("Your question").fill(QUESTION)
    page.get_by_role("button", name="Ask", exact=True).click()
    page.get_by_text("word3").wait_for()  # it streams
    page.get_by_role("button", name="Stop").click()
    page.locator(".answer[aria-busy=false]").wait_for()
    assert "stopped" in page.locator(".answer").inner_text()
    deadline = time.monotonic() + 10
    while not ended and time.monotonic() < deadline:
        time.sleep(0.02)
    assert ended == ["Stopped"]


@pytest.mark.parametrize("width", [360, 800, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_its_window_and_axe_finds_nothing(
    browser: Any, served: Served, width: int, scheme: str
) -> None:
    size = {"width": width, "height": 740}
    page = browser.new_page(viewport=size, color_scheme=scheme, bypass_csp=True)
    page.goto(served.url)
    page.locator("#memories li").nth(1).wait_for()
    ask(page, QUESTION)
    for opened in (False, True):
        if opened:
            page.locator(".quote").first.click()
            page.locator(".words mark").first.wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        if axe := os.environ.get("AXE_CORE"):
            page.evaluate(Path(axe).read_text("utf-8"))
            found = page.evaluate("axe.run()")
            wrong = [(each["id"], each["nodes"][0]["html"]) for each in found["violations"]]
            assert wrong == [] and len(found["passes"]) > 15
    page.close()
