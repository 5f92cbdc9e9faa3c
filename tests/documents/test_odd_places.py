"""Documents in odd places, and `lcirc ingest` without the usual streams: one line, never a hang."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from lcirc_cli.documents import child, collect_sources, pdf, read_document
from lcirc_cli.errors import DocumentError, StorageError
from lcirc_cli.files import atomic_folder

from .raw_pdf import text_pdf

NO_MODEL = ["--model", "/no/such/model", "--offline"]  # what stops it once all has been read


def one_line(text: str) -> str:
    assert len(text.splitlines()) == 1 and text.startswith("lcirc: "), text
    assert "unexpected" not in text and "Traceback" not in text
    return text


@pytest.fixture
def closed_to_us(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with documents, a file and a folder of which may not be opened, by root neither."""
    if not hasattr(os, "seteuid"):
        pytest.skip("no permissions as of POSIX")
    with tempfile.TemporaryDirectory() as name:  # pytest's own are closed to all but one user
        folder = Path(name)
        (folder / "secret").mkdir()
        for file in ("a.txt", "b.txt", "secret/c.txt"):
            (folder / file).write_bytes(b"Words.")
        read_document(folder / "a.txt")  # what is imported for it, while that may be read
        folder.chmod(0o755)
        (folder / "a.txt").chmod(0)
        (folder / "secret").chmod(0)
        root = os.geteuid() == 0
        if root:
            os.seteuid(65_534)
            # Python itself may lie where only root goes; what is closed is opened by the parent.
            monkeypatch.setattr(child.subprocess, "Popen", partial(subprocess.Popen, user=0))
        try:
            yield folder
        finally:
            if root:
                os.seteuid(0)
            (folder / "secret").chmod(0o700)


def test_what_may_not_be_opened(closed_to_us: Path, capsys: pytest.CaptureFixture[str]) -> None:
    closed = "can't be opened .permission denied.; check its permissions"
    with pytest.raises(DocumentError, match=f"secret: this folder {closed}"):
        collect_sources([str(closed_to_us / "secret")])
    (below,) = collect_sources([str(closed_to_us / "secret" / "c.txt")])
    with pytest.raises(DocumentError, match=f"^c.txt: {closed}"):
        read_document(below)
    first, second = collect_sources([str(closed_to_us)])
    with pytest.raises(DocumentError, match=f"^a.txt: {closed}"):
        read_document(first)
    # The note on the folder goes with its first document, and is told where that isn't read.
    skipped = f"folder {closed_to_us.name}: skipped 1 unreadable folders"
    assert capsys.readouterr().err == f"lcirc: {skipped}\n"
    assert read_document(second).text == "Words."


LONG = "x" * 300


@pytest.fixture
def imported(cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """The command line with all that it reads of the checkout, which only we may be allowed to."""
    import lcirc_cli.backbones.loading
    import lcirc_cli.memory.file  # noqa: F401

    cli("ingest", "missing.txt")
    cli("ask", "missing.lcirc", "What?")
    monkeypatch.setattr("lcirc_cli.app.check_links", lambda: None)
    for command in ("opening", "ingest"):  # the cached model may be ours alone, too
        monkeypatch.setattr(f"lcirc_cli.commands.{command}.find_models", lambda *_, **__: None)
    return cli


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["ingest", "secret/c.txt"], 3),
        (["ingest", "secret/missing/c.txt"], 3),
        (["ingest", f"{LONG}.txt"], 3),
        (["ingest", "nowhere/missing.pdf"], 3),
        (["ask", "secret/a.lcirc", "What?"], 5),
        (["ask", f"{LONG}.lcirc", "What?"], 5),
        (["ask", "secret/c.txt", "What?"], 3),
        (["ask", f"{LONG}.txt", "What?"], 3),
        (["info", "b.txt"], 2),
        (["pull", "secret/a/model"], 4),
        (["pull", LONG], 4),
    ],
)
def test_commands_say_what_may_not_be_seen(
    imported: Callable[..., Any],
    closed_to_us: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    status: int,
) -> None:
    monkeypatch.chdir(closed_to_us)
    found, out, err = imported(*arguments, "--offline")
    assert (found, out) == (status, "")
    one_line(err)


@pytest.mark.parametrize("place", ["secret/o.lcirc", f"{LONG}.lcirc"])
def test_a_memory_where_none_can_be(
    imported: Callable[..., Any], closed_to_us: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.chdir(closed_to_us)
    monkeypatch.setattr("lcirc_cli.commands.syncing.load_engine", lambda settings: None)
    status, out, err = imported("ingest", "b.txt", "-o", place)
    assert (status, out) == (8, "")
    assert "can't write" in one_line(err)
    with pytest.raises(StorageError, match="can't write"), atomic_folder(Path(place)):
        pass


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_a_pipe_in_a_folder_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    with pytest.raises(DocumentError, match="holds no readable document .skipped: 1 pipes and"):
        collect_sources([str(tmp_path)])
    (tmp_path / "a.txt").write_bytes(b"Words.")
    (tmp_path / "gone.txt").symlink_to(tmp_path / "nowhere")
    sources = collect_sources([str(tmp_path)])
    assert [source.name for source in sources] == ["a.txt", "gone.txt"]
    assert sources[0].notes == (f"folder {tmp_path.name}: skipped 1 pipes and devices",)
    with pytest.raises(DocumentError, match="no such file"):
        read_document(sources[1])


@pytest.mark.parametrize("how", ["written", "replaced", "cut", "removed"])
def test_a_pdf_that_changes_while_it_is_read(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its hash would be of one version and its pages of another."""
    path, other = tmp_path / "book.pdf", tmp_path / "other"
    path.write_bytes(text_pdf(["one", "two"]))
    other.write_bytes(text_pdf(["three"]))
    read_pages = pdf._Reading._read_pages

    def change_then_read(self: Any, process: Any) -> None:
        if how == "written":
            path.write_bytes(text_pdf(["one", "two", "three"]))
        elif how == "replaced":
            other.replace(path)
        elif how == "cut":
            path.write_bytes(b"%PDF-1.7")
        else:
            path.unlink()
        read_pages(self, process)

    assert read_document(path).page_count == 2
    monkeypatch.setattr(pdf._Reading, "_read_pages", change_then_read)
    with pytest.raises(DocumentError, match="^book.pdf: changed while it was read; try again"):
        read_document(path)


def test_names_with_line_breaks_and_escapes(
    cli: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a\nb\r\x1b[2Jc\u2028d.txt", os.fsdecode(b"\xff\n.pdf")):
        (tmp_path / name).write_bytes(b"")
        status, out, err = cli("ingest", name, "-o", "m.lcirc")
        assert (status, out) == (3, "")
        assert "is empty" in one_line(err) and "\x1b" not in err


@pytest.mark.parametrize("closed", [0, 2])
def test_closed_streams(closed: int, tmp_path: Path) -> None:
    """As with `<&-` or `2>&-` in a shell, or under some supervisors."""
    (tmp_path / "a.pdf").write_bytes(text_pdf(["Words."]))
    script = (
        "import sys; from lcirc_cli import app, console; "
        "console.note('a note that is not for standard output'); "
        "sys.exit(app.run(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "ingest", "a.pdf", *NO_MODEL],
        preexec_fn=lambda: os.close(closed),
        cwd=tmp_path,
        stdin=subprocess.DEVNULL if closed != 0 else None,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE if closed != 2 else None,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout) == (4, "")
    if closed != 2:
        assert "no model '/no/such/model'" in one_line(done.stderr.splitlines(keepends=True)[-1])


def test_standard_input_that_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(DocumentError, match="^stdin: is closed; pipe a document into lcirc"):
        read_document("-")
