"""Documents of all formats but PDF share a child process, and one that breaks it costs no other."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lcirc_cli.documents import ReadLimits, WholeReader, child, read_document, whole
from lcirc_cli.errors import DocumentError

TRICK = """
import os, runpy, time
worker = runpy.run_path(WORKER)
worker["_import_alone"]()
from lcirc_cli.documents import text
plain = text.read_text
def read_text(data, **options):
    if b"spin" in data:
        while True:
            pass
    if b"sleep" in data:
        time.sleep(600)
    if b"die" in data:
        os.kill(os.getpid(), 11)
    if b"eat" in data:
        hoard = bytearray(300 << 20)
    if b"recurse" in data:
        return read_text(data, **options)
    if b"fail" in data:
        raise KeyError("odd\\x1b[31m")
    if b"babble" in data:
        os.write(1, b"to nowhere")
    return plain(data, **options)
text.read_text = read_text
worker["main"]()
"""
SHORT = ReadLimits(whole_seconds=1, whole_seconds_per_mib=0)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[child.ChildProcess]:
    """The children that are started."""
    found: list[child.ChildProcess] = []
    plain = child.ChildProcess.__init__

    def init(self: child.ChildProcess, *args: object, **options: object) -> None:
        found.append(self)
        plain(self, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(child.ChildProcess, "__init__", init)
    return found


@pytest.fixture
def tricky(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[WholeReader]:
    """A reader whose child does what the text tells it."""
    script = tmp_path / "tricky_worker.py"
    script.write_text(f"WORKER = {str(child._WORKER)!r}\n{TRICK}")
    monkeypatch.setattr(whole, "_PATIENCE", 100.0)  # other programs may have the processor
    monkeypatch.setattr(child, "_WORKER", script)
    with WholeReader() as reader:
        yield reader


def read(reader: WholeReader, text: str, limits: ReadLimits = SHORT) -> str:
    return reader.read(text.encode(), format="text", name="a.txt", limits=limits).text


def test_a_folder_is_read_in_one_child(tmp_path: Path, started: list[child.ChildProcess]) -> None:
    for number in range(30):
        (tmp_path / f"{number}.txt").write_text(f"text {number}")
        (tmp_path / f"{number}.md").write_text(f"# Title\n\ntext {number} too")
    (tmp_path / "word.docx").write_bytes(b"PK\x03\x04 no archive")
    with WholeReader() as reader:
        for number in range(30):
            assert read_document(tmp_path / f"{number}.txt", reader=reader).text == f"text {number}"
            assert read_document(tmp_path / f"{number}.md", reader=reader).format == "markdown"
            if number == 10:  # a refusal is an answer like any other
                with pytest.raises(DocumentError, match=r"^word.docx: damaged"):
                    read_document(tmp_path / "word.docx", reader=reader)
    assert len(started) == 1


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("spin", "took longer than 1 s"),
        ("die", f"its reader was stopped by signal {signal.SIGSEGV.value}"),
        ("eat", "needs more than 256 MiB of memory"),
        ("recurse", "RecursionError: maximum recursion depth exceeded.*"),
        ("fail", r"KeyError: 'odd\\x1b\[31m'"),
    ],
)
def test_what_breaks_the_child_costs_its_own_document_only(
    tricky: WholeReader, started: list[child.ChildProcess], word: str, reason: str
) -> None:
    assert read(tricky, "one") == "one"
    start = time.monotonic()
    with pytest.raises(DocumentError, match=rf"^a.txt: can't be read \({reason}\); try another"):
        read(tricky, word)
    assert time.monotonic() - start < 60
    assert read(tricky, "three, and babble") == "three, and babble"
    assert len(started) == 2


def test_a_clock_stands_behind_the_processor_time(tricky: WholeReader) -> None:
    limits = ReadLimits(seconds=0.5)
    with pytest.raises(DocumentError, match=r"can't be read \(took longer than 0 s\)"):
        read(tricky, "sleep", limits)
    assert read(tricky, "four") == "four"


def test_limits_are_those_of_the_document_and_not_of_the_child(tricky: WholeReader) -> None:
    """Memory by the size of the file, and processor time from its own beginning."""
    with pytest.raises(DocumentError, match="needs more than 256 MiB"):
        read(tricky, "eat")
    assert read(tricky, "eat" + " " * (1 << 20)).startswith("eat")  # 150 MiB more for this one
    limits = ReadLimits(whole_seconds=2, whole_seconds_per_mib=0)
    for number in range(200):
        assert read(tricky, f"{number}", limits) == str(number)


@pytest.mark.skipif(not hasattr(os, "wait"), reason="needs processes as of POSIX")
def test_a_child_that_dies_between_two_documents(
    tricky: WholeReader, started: list[child.ChildProcess]
) -> None:
    assert read(tricky, "one") == "one"
    os.kill(started[0]._process.pid, signal.SIGKILL)
    started[0]._process.wait()
    with pytest.raises(DocumentError, match="stopped by signal 9"):
        read(tricky, "two")
    assert read(tricky, "two") == "two"


def test_text_and_places_come_back_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "a.html"
    path.write_text("<title>T</title><p>Ä\U0001f600</p><h1>Zwei\n</h1>と", "utf-8")
    document = read_document(path)
    assert document.text == "Ä\U0001f600\n\nZwei\n\nと"
    assert [(page.number, page.section, page.start) for page in document.pages] == [
        (None, "T", 0),
        (None, "Zwei", 4),
    ]
    with pytest.raises(DocumentError, match="more than 5 characters of text"):
        read_document(path, limits=ReadLimits(characters=5))
