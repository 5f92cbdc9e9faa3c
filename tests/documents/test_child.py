"""The child process: what hangs, dies or eats memory is stopped, and nothing outlives lcirc."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lcirc_cli.documents import ReadLimits, child, protocol, read_document
from lcirc_cli.errors import DocumentError

from .raw_pdf import text_pdf

SHORT = ReadLimits(seconds=60, page_seconds=2)
TRICK = """
import os, runpy, time
worker = runpy.run_path(WORKER)
worker["_import_alone"]()
from lcirc_cli.documents.pdf_pdfium import PdfiumReader
plain = PdfiumReader.page
def page(reader, number):
    answer = plain(reader, number)
    text = answer["text"]
    if "sleep" in text:
        time.sleep(600)
    if "spin" in text:
        while True:
            pass
    if "die" in text:
        os.kill(os.getpid(), 9)
    if "quit" in text:
        os._exit(3)
    if "eat" in text:
        hoard = bytearray(1 << 40)
    return answer
PdfiumReader.page = page
worker["main"]()
"""


@pytest.fixture
def tricky(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A worker in which pages that say `sleep`, `spin`, `die`, `quit` or `eat` do that."""
    script = tmp_path / "tricky_worker.py"
    script.write_text(f"WORKER = {str(child._WORKER)!r}\n{TRICK}")
    monkeypatch.setattr(child, "_WORKER", script)


def make(folder: Path, pages: list[str]) -> Path:
    path = folder / "book.pdf"
    path.write_bytes(text_pdf(pages))
    return path


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("sleep", "took longer than 2 s"),
        ("spin", "took longer than 2 s"),
        ("die", "its reader was stopped by signal 9"),
        ("quit", "its reader ended with status 3"),
        ("eat", "MemoryError"),
    ],
)
def test_a_page_that_hangs_or_crashes_is_named(
    tricky: None, tmp_path: Path, word: str, reason: str
) -> None:
    start = time.monotonic()
    document = read_document(make(tmp_path, ["one", word, "three"]), limits=SHORT)
    assert time.monotonic() - start < 30
    assert [page.number for page in document.pages] == [1, 3]
    assert document.notes == (f"page 2 can't be read ({reason})",)


def test_too_many_lost_pages_refuse_the_file(tricky: None, tmp_path: Path) -> None:
    path = make(tmp_path, ["one", *["die"] * 5])
    with pytest.raises(DocumentError, match=r"^book.pdf: page 5 can't be read \(its reader was"):
        read_document(path, limits=SHORT)


def test_the_limit_of_the_whole_document_names_the_page(tricky: None, tmp_path: Path) -> None:
    path = make(tmp_path, ["one", "two", "sleep"])
    with pytest.raises(DocumentError, match="longer than 3 s and was stopped at page 3 of 3"):
        read_document(path, limits=ReadLimits(seconds=3))


def test_a_worker_that_cannot_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(child, "_WORKER", tmp_path / "absent.py")
    with pytest.raises(DocumentError, match="its reader ended with status 2"):
        read_document(make(tmp_path, ["one"]), limits=SHORT)


def test_the_memory_limit_holds(tmp_path: Path) -> None:
    """Less than an interpreter with pypdf needs: it ends in a message, not in a traceback."""
    with pytest.raises(DocumentError, match="^book.pdf: "):
        read_document(make(tmp_path, ["one"]), limits=ReadLimits(memory_bytes=1 << 20))


def children_of(process: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(stat.read_text().rsplit(")", 1)[1].split()[1]) == process:
                found.append(int(stat.parent.name))
        except OSError:
            continue
    return found


def wait_until(done, seconds: float = 20) -> bool:  # type: ignore[no-untyped-def]
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if done():
            return True
        time.sleep(0.05)
    return False


def alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_child_outlives_its_parent(
    tricky: None, tmp_path: Path, repository: Path, how: signal.Signals
) -> None:
    path = make(tmp_path, ["one", "spin"])
    code = (
        "from pathlib import Path; from lcirc_cli.documents import child, read_document;"
        f"child._WORKER = Path({str(child._WORKER)!r});"
        f"read_document({str(path)!r})"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(repository)},
        stderr=subprocess.DEVNULL,
    )
    try:
        assert wait_until(lambda: children_of(parent.pid))
        (reader,) = children_of(parent.pid)
        time.sleep(1)  # it spins now
        parent.send_signal(how)
        parent.wait(20)
        assert wait_until(lambda: not alive(reader))
    finally:
        parent.kill()
        parent.wait()


def exchange(log: Path, serve: str, requests: list[tuple[dict[str, object], bytes]]) -> list[str]:
    """The lines of a worker's answers; what it imports goes to `log`, told by Python itself."""
    limits = {"memory_bytes": SHORT.memory_bytes, "cpu_seconds": 60}
    command = [sys.executable, "-P", "-X", "importtime", str(child._WORKER)]
    with (
        log.open("wb") as errors,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors
        ) as worker,
    ):
        assert worker.stdin is not None and worker.stdout is not None
        for message, data in [({"serve": serve, **limits}, b""), *requests]:
            protocol.send(worker.stdin, message, data)
        if serve == "whole_worker":
            worker.stdin.close()  # it waits for the next document
        return worker.stdout.read().decode().splitlines()


OURS = ("pdf_", "proto", "raised", "allowance")


def test_the_worker_imports_no_torch_and_of_lcirc_only_what_reads_the_format(
    tmp_path: Path,
) -> None:
    log, pdf = tmp_path / "imports.txt", text_pdf(["one"])
    request = {"path": None, "readers": ["pdfium"]}
    answers = exchange(log, "pdf_worker", [(request, pdf), ({"pages": [1]}, b"")])
    page = json.loads(answers[1])
    assert json.loads(answers[-1]) == {"done": True} and page["text"].strip() == "one"
    imported = {line.rsplit("|", 1)[1].strip() for line in log.read_text().splitlines()}
    assert "pypdfium2" in imported and not imported & {"pypdf", "torch"}
    ours = {name for name in imported if name.split(".")[0] == "lcirc_cli"}
    assert "lcirc_cli.documents.pdf_pdfium" in ours
    assert not [name for name in ours if not name.rpartition(".")[2].startswith(OURS)]

    asked = {"format": "text", "name": "a", "characters": 9, "cpu_seconds": 9, "memory_bytes": 1}
    answers = exchange(log, "whole_worker", [(asked | {"memory_bytes": 1 << 28}, b"a word")])
    assert json.loads(answers[0])["pages"] == [[None, None, 0, 6]] and answers[1] == "a word"
    imported = {line.rsplit("|", 1)[1].strip() for line in log.read_text().splitlines()}
    assert "lcirc_cli.documents.text" in imported
    heavy = {"torch", "typer", "rich", "transformers", "numpy", "pypdfium2", "lcirc_cli.console"}
    assert not imported & (heavy | {"lcirc_cli.documents.html", "lcirc_cli.documents.pdf"})


def test_no_process_or_pipe_is_left_behind(tmp_path: Path) -> None:
    if not Path("/proc/self/fd").exists():
        pytest.skip("needs /proc")
    path = make(tmp_path, ["one", "two"])
    others = children_of(os.getpid())  # of other tests in this process
    read_document(path)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        read_document(path)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    assert children_of(os.getpid()) == others
