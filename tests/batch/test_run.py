"""`lcirc ingest FOLDER --out DIR`: a memory for each document, wherever it is made."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from lcirc_cli.memory.file import load_memory

from ..engine.tiny import make_text

Run = Callable[..., Any]

OLD = 1_000_000_000  # seconds: long before any run

MISSING = [name for name in ("datatrove", "orjson") if find_spec(name) is None]
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"the extra `lqa` lacks {MISSING}")


@pytest.fixture
def ingest(
    cli: Run,
    models: list[Any],
    tmp_path: Path,
    repository: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Run:
    """`lcirc ingest` with the tiny models, in a folder with six documents, one of them broken."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(repository))
    for number in range(5):
        write(f"books/{'deep/' if number % 2 else ''}{number}.txt", number)
    Path("books/broken.pdf").write_bytes(b"%PDF-1.7 not really")
    return lambda *given: cli("ingest", "books", *given, *models)


def write(name: str, seed: int) -> None:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_text(make_text(seed, words=60), "utf-8")


def made(folder: str) -> dict[str, bytes]:
    """All that there is in a folder."""
    root = Path(folder)
    files = [path for path in root.rglob("*") if path.is_file()]
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}


NAMES = ["0.txt.lcirc", "2.txt.lcirc", "4.txt.lcirc", "deep/1.txt.lcirc", "deep/3.txt.lcirc"]


def test_one_worker_and_two_make_the_same_bytes(ingest: Run) -> None:
    done = ingest("--out", "one")
    assert done.status == 0 and done.out.strip().endswith("/one")
    assert "skipped broken.pdf: " in done.err and "5 made, 0 there already, 1 failed (" in done.err
    assert ingest("--out", "two", "--workers", 2).status == 0
    assert sorted(made("one")) == NAMES and made("one") == made("two")
    memory = load_memory("one/deep/1.txt.lcirc", whole=True)
    assert [each.name for each in memory.documents] == ["deep/1.txt"]
    assert memory.documents[0].text == make_text(1, words=60) and memory.recipe


def test_a_second_run_makes_what_is_missing(ingest: Run) -> None:
    assert ingest("--out", "out").status == 0
    for name in NAMES:  # by time: a new file may get the number of one that was removed
        os.utime(Path("out", name), (OLD, OLD))
    write("books/0.txt", 10)
    write("books/5.txt", 5)
    Path("out/2.txt.lcirc").unlink()
    Path("out/4.txt.lcirc").write_bytes(Path("out/4.txt.lcirc").read_bytes()[:-9])  # cut short
    Path("books/broken.pdf").unlink()
    done = ingest("--out", "out", "--json")
    found = json.loads(done.out)
    assert (found["made"], found["kept"], found["failed"]) == (4, 2, [])
    kept = {name for name in NAMES if Path("out", name).stat().st_mtime == OLD}
    assert kept == {"deep/1.txt.lcirc", "deep/3.txt.lcirc"}
    assert load_memory("out/0.txt.lcirc").documents[0].text == make_text(10, words=60)
    again = json.loads(ingest("--out", "out", "--json").out)
    assert (again["made"], again["kept"]) == (0, 6)
    assert sorted(made("out")) == sorted([*NAMES, "5.txt.lcirc"])


def test_failures_are_counted_by_file_and_reason(ingest: Run, monkeypatch: Any) -> None:
    Path("books/empty.txt").touch()
    Path("books/none.txt").touch()
    Path("out").mkdir()
    Path("out/2.txt.lcirc").write_text("something else")
    from lcirc_cli import Engine

    real = Engine.ingest

    def refuse(self: Any, documents: Any, **options: Any) -> Any:
        if documents[0].name == "4.txt":
            raise RuntimeError("a bug")
        return real(self, documents, **options)

    monkeypatch.setattr(Engine, "ingest", refuse)
    done = ingest("--out", "out", "--json")
    found = json.loads(done.out)
    assert done.status == 0 and found["made"] == 3
    failed = {each["name"]: each["reason"] for each in found["failed"]}
    assert sorted(failed) == ["2.txt", "4.txt", "broken.pdf", "empty.txt", "none.txt"]
    assert found["reasons"]["is empty"] == 2 and sum(found["reasons"].values()) == 5
    assert "unexpected RuntimeError: a bug" in failed["4.txt"]
    assert "is no memory file" in failed["2.txt"]
    assert Path("out/2.txt.lcirc").read_text() == "something else"


def test_where_nothing_can_be_read_the_command_fails(ingest: Run) -> None:
    for path in Path("books").rglob("*.txt"):
        path.unlink()
    done = ingest("--out", "out")
    assert done.status == 3 and "0 made, 0 there already, 1 failed" in done.err
    assert made("out") == {}


def test_killed_it_goes_on(ingest: Run, lcirc_child: Run, models: list[Any]) -> None:
    for number in range(6, 26):
        write(f"books/{number}.txt", number)
    given = ["ingest", "books", "--out", "out", *models]
    child = lcirc_child(*given, cwd=Path.cwd())
    deadline = time.monotonic() + 60
    while not list(Path("out").glob("*.txt.lcirc")):
        assert child.process.is_alive() and time.monotonic() < deadline, child.err.read_text()
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    child.process.join()
    there = len(list(Path("out").glob("*.txt.lcirc")))
    assert there < 25 and Path("out/.work").exists()
    found = json.loads(ingest("--out", "out", "--json").out)
    assert found["kept"] in (there, there + 1) and found["kept"] + found["made"] == 25
    assert ingest("--out", "whole").status == 0 and made("out") == made("whole")


@pytest.mark.slow  # a process for each of its tasks
def test_slurm_makes_what_local_makes(ingest: Run, slurm: Path) -> None:
    assert ingest("--out", "local").status == 0
    done = ingest("--out", "far", "--executor", "slurm", "--slurm", "partition=any")
    assert done.status == 0, done.err
    assert made("far") == made("local")
    assert (slurm / "sbatch.log").read_text().count("launch_pickled_pipeline") >= 6


def test_the_job_of_slurm(ingest: Run, slurm: Path) -> None:
    """What would be submitted; here no task ever runs."""
    script = slurm / "script"
    (slurm / "sbatch").write_text(
        f'#!/bin/bash\nfor word in "$@"; do last=$word; done\ncp -n "$last" {script}\n'
        "echo Submitted batch job 7\n"
    )
    words = ["--out", "out", "--executor", "slurm", "--workers", 3]
    done = ingest(*words, "--slurm", "partition=any", "--slurm", "time=1:00:00")
    assert done.status == 1 and "6 of 6 tasks of the stage memories did not finish" in done.err
    text = script.read_text()
    for line in ("array=0-5%3", "partition=any", "time=1:00:00", "job-name=lcirc-memories"):
        assert f"#SBATCH --{line}" in text, text
    assert "launch_pickled_pipeline" in text and "afterok" not in text
    done = ingest("--out", "out")  # elsewhere, after all
    assert done.status == 0 and sorted(made("out")) == NAMES


def test_ray_makes_what_local_makes(ingest: Run) -> None:
    if find_spec("ray") is None:
        done = ingest("--out", "ray", "--executor", "ray")
        assert done.status == 2 and "pip install 'lcirc[ray]'" in done.err
        pytest.skip("Ray is not installed; run: pip install 'lcirc[ray]'")
    assert ingest("--out", "local").status == 0
    assert ingest("--out", "ray", "--executor", "ray").status == 0
    assert made("ray") == made("local")


def test_mistakes_are_told_at_once(ingest: Run, cli: Run) -> None:
    for given, said in (
        (["--out", "out", "-o", "all.lcirc"], "--out goes with"),
        (["--out", "out", "--watch"], "--out goes with"),
        (["--out", "out", "--executor", "cloud"], "--executor must be one of"),
        (["--out", "out", "--executor", "slurm", "--slurm", "x"], "KEY=VALUE"),
        (["--executor", "slurm"], "add --out DIR"),
    ):
        done = ingest(*given)
        assert done.status == 2 and said in done.err and done.err.count("\n") == 1, done.err
    assert cli("ingest", "-", "--out", "out").status == 2
