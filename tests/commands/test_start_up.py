"""What is told before a model is needed imports none of the libraries that take seconds.

Modules are looked at, not clocks: all command lines run in one process, which at its end may still
not have imported them.
"""

from __future__ import annotations

import gc
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lcirc_cli import Engine, app
from lcirc_cli.commands import syncing as command
from lcirc_cli.errors import ModelError
from lcirc_cli.memory.file import load_memory

from ..engine.tiny import SMALL, make_text, save_adapter, save_backbone

Run = Callable[..., Any]
HEAVY = ("torch", "transformers", "datasets", "matplotlib", "bm25s", "pandas", "pyarrow")
# Runs each of the command lines; (status, last line of the errors, heavy modules) as JSON lines.
SCRIPT = """
import contextlib, io, json, sys
from lcirc_cli import app
lines, heavy, output = json.loads(sys.stdin.read()), sys.argv[1].split(), sys.stdout
for words in lines:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = app.run(words)
    told = (err.getvalue().strip().splitlines() or [""])[-1]
    found = [name for name in heavy if name in sys.modules]
    print(json.dumps([status, told, out.getvalue(), found]), file=output)
"""


def run_all(lines: list[list[Any]], folder: Path, heavy: tuple[str, ...]) -> list[list[Any]]:
    """Each line's status, last error line, output, and the heavy modules imported so far."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, " ".join(heavy)],
        input=json.dumps([[str(word) for word in words] for words in lines]),
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def every_command() -> list[list[str]]:
    """The words of each command and sub-command."""
    found: list[list[str]] = []
    group: Any = app.typer.main.get_command(app.build())
    for name, each in group.commands.items():
        found.append([name])
        found += [[name, below] for below in getattr(each, "commands", {})]
    return found


def test_help_imports_no_library_of_models(tmp_path: Path) -> None:
    lines = [["--help"], ["--version"], *([*words, "--help"] for words in every_command())]
    assert len(lines) > 12
    for words, (status, told, out, heavy) in zip(
        lines, run_all(lines, tmp_path, (*HEAVY, "numpy")), strict=True
    ):
        assert (status, told, heavy) == (0, "", []), words
        assert out


@pytest.fixture
def memory(tmp_path: Path, cli: Run, models: list[Any], monkeypatch: pytest.MonkeyPatch) -> Path:
    """book.lcirc, made by the tiny models of book.txt."""
    monkeypatch.chdir(tmp_path)
    Path("book.txt").write_text(make_text(1, words=200), "utf-8")
    assert cli("ingest", "book.txt", "--quiet", *models).status == 0
    return tmp_path / "book.lcirc"


def test_mistakes_and_what_is_up_to_date_are_told_without_them(
    memory: Path,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    engine: Any,
    models: list[Any],
) -> None:
    other = save_backbone(tmp_path_factory.mktemp("other") / "model", seed=5)
    adapter = save_adapter(tmp_path_factory.mktemp("other") / "adapter", engine, seed=3, **SMALL)
    backbone = ["--model", models[1], "--dtype", "float32"]
    (tmp_path / "cut.lcirc").write_bytes(memory.read_bytes()[:-9])
    (tmp_path / "bad.lcirc").write_bytes(b"no memory")
    q = ["-q", "Who wrote?"]
    told: list[tuple[int, str, list[Any]]] = [
        (5, "there is no memory file none.lcirc", ["ask", "none.lcirc", *q]),
        (4, "there is no model 'nosuch'", ["ask", memory, *q, "--model", "nosuch"]),
        (4, "there is no adapter nosuch", ["ask", memory, *q, *backbone, "--adapter", "nosuch"]),
        (4, "not a model folder", ["ask", memory, *q, "--model", tmp_path]),
        (4, "was made with the model", ["ask", memory, *q, "--model", other]),
        (4, "was made with the adapter", ["ask", memory, *q, *backbone, "--adapter", adapter]),
        (4, "was made for the model", ["ask", memory, *q, "--model", other, *models[2:4]]),
        (5, "cut short", ["ask", "cut.lcirc", *q, *models]),
        (5, "not an lcirc memory file", ["ask", "bad.lcirc", *q, *models]),
        (2, "method must be one of", ["ask", memory, *q, "--method", "best"]),
        (5, "there is no memory file", ["info", "none.lcirc"]),
        (0, "", ["info", memory]),
        (3, "no such file", ["ingest", "none.pdf", *models]),
        (4, "there is no model 'nosuch'", ["ingest", "book.txt", "--model", "nosuch"]),
        (
            4,
            "was made with the adapter",
            ["ingest", "b", "-o", memory, "--append", *backbone, "--adapter", adapter],
        ),
        (0, "is up to date", ["ingest", "book.txt", *models]),
        (0, "is up to date", ["ingest", "book.txt", "-o", memory, "--append", *models]),
        (4, "there is no model", ["pull", "nosuch"]),
        (0, "", ["bench", "list"]),
        (3, "there is no benchmark run", ["bench", "report", tmp_path]),
        (2, "there is no system", ["bench", "run", "needle", "-s", "best", "--out", "x"]),
        (2, "there is no task", ["bench", "run", "nothing", "-s", "ends", "--out", "x"]),
        (3, "none", ["bench", "run", "qa:none", "-s", "ends", "--out", "x", *models]),
        (4, "no model", ["bench", "run", "qa:b", "-s", "ends", "-o", "x", "--model", "nosuch"]),
    ]
    (tmp_path / "b").write_text("One more.", "utf-8")
    found = run_all([words for _, _, words in told], tmp_path, HEAVY)
    for (status, line, words), (got, said, _, heavy) in zip(told, found, strict=True):
        assert (got, heavy) == (status, []), (words, said)
        assert line in said, words


def test_nothing_is_collected_while_a_model_is_loaded(
    memory: Path, cli: Run, models: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes a third of the time. Afterwards it is, also where loading fails."""
    own, seen = Engine.load, []

    def load(*given: Any, **options: Any) -> Any:
        seen.append(gc.isenabled())
        if len(seen) > 1:
            raise ModelError("not today")
        return own(*given, **options)

    monkeypatch.setattr(Engine, "load", load)
    for status in (0, 4):
        assert cli("ask", memory, "Who wrote?", "--max-new-tokens", 1, *models).status == status
        assert gc.isenabled()
    assert seen == [False, False]


def test_what_is_up_to_date_is_known_by_hash_pages_and_reader(
    memory: Path, cli: Run, models: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from lcirc_cli.documents import reader_version

    before, loaded = memory.read_bytes(), []
    monkeypatch.setattr(
        command,
        "load_engine",
        lambda *_: loaded.append(True) or pytest.fail("a model was loaded"),
    )
    done = cli("ingest", "book.txt", "--json", *models)
    report = json.loads(done.out)
    assert (done.status, report["reused"]) == (0, True)
    assert report["sha256"] == load_memory(memory).sha256
    assert report["tokens"] == len(load_memory(memory).token_ids)
    monkeypatch.undo()
    monkeypatch.chdir(memory.parent)
    # Another reader may read it otherwise: then it is read, once, and what is the same stays.
    monkeypatch.setattr(reader_version, "_LIBRARIES", ("pypdf",))
    reader_version.reader_version.cache_clear()
    calls = []
    original = command.load_engine
    monkeypatch.setattr(command, "load_engine", lambda *a: calls.append(True) or original(*a))
    assert "1 kept, 0 changed, 0 new, 0 removed" in cli("ingest", "book.txt", *models).err
    assert "is up to date" in cli("ingest", "book.txt", *models).err
    assert (calls, len(memory.read_bytes())) == ([True], len(before))
    monkeypatch.undo()
    reader_version.reader_version.cache_clear()
    monkeypatch.chdir(memory.parent)
    Path("book.txt").write_text(make_text(2, words=200), "utf-8")
    assert "1 changed" in cli("ingest", "book.txt", *models).err
    assert memory.read_bytes() != before


def test_other_pages_are_read(
    cli: Run, models: list[Any], data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["ingest", data_dir / "pdfs" / "multicolumn.pdf", "-o", "m.lcirc", *models]
    assert cli(*words, "--pages", "1").status == 0
    assert load_memory("m.lcirc").documents[0].asked == "1"
    assert "is up to date" in cli(*words, "--pages", "1").err
    assert "1 changed" in cli(*words).err
    assert load_memory("m.lcirc").documents[0].asked == ""
