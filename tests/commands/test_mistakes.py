"""Typical mistakes, each with the line and the exit code that a person gets.

All are told without a model, and so without torch; they run in one process.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lcirc_cli import Engine
from lcirc_cli.commands import questions
from lcirc_cli.documents.ocr import remedy
from lcirc_cli.errors import UsageError

from ..engine.tiny import make_text
from .test_start_up import HEAVY, run_all

Run = Callable[..., Any]
QUESTION = "What is the rent?"

# Exit code, the whole line (%s is the folder), the words after `lcirc`.
MISTAKES: list[tuple[int, str, list[str]]] = [
    # a memory that isn't one
    (
        5,
        "there is no memory file lease; did you mean lease.lcirc?",
        ["ask", "lease", "-q", QUESTION],
    ),
    (5, "there is no memory file lease; did you mean lease.lcirc?", ["ask", "lease", QUESTION]),
    (5, "there is no memory file leese.lcirc; did you mean lease.lcirc?", ["ask", "leese.lcirc"]),
    (5, "there is no memory file leese.lcirc; did you mean lease.lcirc?", ["info", "leese.lcirc"]),
    (5, "there is no memory file x.lcirc; make it with lcirc ingest", ["ask", "x.lcirc", QUESTION]),
    (5, "there is no memory file x.lcirc; make it with lcirc ingest", ["info", "x.lcirc"]),
    (5, "there is no memory file x.lcirc; make it with lcirc ingest", ["show", "x.lcirc"]),
    (
        2,
        "lease.txt is not a memory file; did you mean lease.lcirc?",
        ["info", "lease.txt"],
    ),
    (
        2,
        "other.txt is not a memory file; ingest it first: lcirc ingest other.txt",
        ["info", "other.txt"],
    ),
    (
        2,
        "papers is a folder, not a memory file; ingest it first: lcirc ingest papers",
        ["info", "papers"],
    ),
    (
        2,
        "scan.png is not a memory file; ingest it first: lcirc ingest scan.png",
        ["info", "scan.png"],
    ),
    (
        2,
        "https://a.org/b.pdf is an address, and lcirc fetches nothing: download the document, "
        "then: lcirc ingest FILE",
        ["ask", "https://a.org/b.pdf", QUESTION],
    ),
    (
        2,
        'no document or memory file given: lcirc ask book.pdf "question"',
        ["ask", QUESTION],
    ),
    # the question
    (
        2,
        'put a question of several words in quotes: lcirc ask ... "What is the rent?"',
        ["ask", "lease.lcirc", *QUESTION.split()],
    ),
    (2, "the question is empty", ["ask", "lease.lcirc", "-q", " "]),
    (
        2,
        "can't read none.jsonl: No such file or directory",
        ["ask", "lease.lcirc", "--questions", "none.jsonl"],
    ),
    # a document
    (3, "leese.txt: no such file; did you mean lease.txt?", ["ingest", "leese.txt"]),
    (
        3,
        f"scan.png: is an image; run OCR first, e.g. ocrmypdf, {remedy('off')}",
        ["ingest", "scan.png", "--ocr", "off"],
    ),
    (3, "leese.txt: no such file; did you mean lease.txt?", ["ask", "leese.txt", QUESTION]),
    (
        3,
        f"scan.png: is an image; run OCR first, e.g. ocrmypdf, {remedy('off')}",
        ["ask", "scan.png", "--ocr", "off", QUESTION],
    ),
    (3, "empty: this folder holds no readable document", ["ask", "empty", QUESTION]),
    (
        3,
        "https://a.org/b.pdf: an address, and lcirc fetches nothing; download it and name the file",
        ["ingest", "https://a.org/b.pdf"],
    ),
    (
        3,
        "empty: this folder holds no readable document",
        ["ingest", "empty"],
    ),
    (
        2,
        'lease.lcirc is a memory file already; ask it: lcirc ask lease.lcirc "..."',
        ["ingest", "lease.lcirc"],
    ),
    (
        2,
        "several inputs need a name for the memory file: add -o OUT.lcirc",
        ["ingest", "lease.txt", "other.txt"],
    ),
    (
        2,
        "the name of a memory file ends in .lcirc: -o out.lcirc",
        ["ingest", "lease.txt", "-o", "out"],
    ),
    (
        8,
        "can't write none/x.lcirc: there is no folder none; create it",
        ["ingest", "other.txt", "-o", "none/x.lcirc"],
    ),
    (
        8,
        "can't write /proc/x.lcirc: the folder doesn't exist; create it or choose another place",
        ["ingest", "other.txt", "-o", "/proc/x.lcirc"],
    ),
    (
        2,
        "page range 'three' is not understood; write e.g. 1-40,52,60-",
        ["ingest", "other.txt", "--pages", "three"],
    ),
    # models, options, commands
    (
        4,
        "there is no model 'smolm2': give smollm2, a Hub id (owner/model), a model folder or a "
        ".gguf file",
        ["ask", "lease.lcirc", QUESTION, "--model", "smolm2"],
    ),
    (
        2,
        "--device: 'gpu' is not one of auto, cpu, cuda",
        ["ask", "lease.lcirc", QUESTION, "--device", "gpu"],
    ),
    (
        2,
        "method must be one of auto, qd-lcirc, lcirc, reader, none, not 'rag'",
        ["ask", "lease.lcirc", QUESTION, "--method", "rag"],
    ),
    (2, "No such command 'aks'. Did you mean 'ask'?; see lcirc --help", ["aks", "lease.lcirc"]),
    (
        2,
        "No such option: --qestion (Possible options: --question, --questions, --section); see "
        "lcirc ask --help",
        ["ask", "lease.lcirc", "--qestion", "x"],
    ),
    (
        2,
        "can't read the config file none.toml: No such file or directory",
        ["ask", "lease.lcirc", QUESTION, "--config", "none.toml"],
    ),
    (
        3,
        "there is no benchmark run in papers: papers/run.json can't be read",
        ["bench", "report", "papers"],
    ),
    (2, "say what to train on: --data DIR", ["train", "--out", "run"]),
    (
        3,
        "there is no none: give a folder with documents.jsonl, Parquet files, or a data set of the "
        "Hub (OWNER/NAME)",
        ["train", "--data", "none", "--out", "run"],
    ),
]


@pytest.fixture
def folder(tmp_path: Path, cli: Run, models: list[Any], monkeypatch: pytest.MonkeyPatch) -> Path:
    """lease.txt with its memory, other.txt, a picture, a folder of papers and an empty one."""
    monkeypatch.chdir(tmp_path)
    Path("lease.txt").write_text(make_text(1, words=60), "utf-8")
    assert cli("ingest", "lease.txt", "--quiet", *models).status == 0
    Path("other.txt").write_text("Another text.", "utf-8")
    Path("scan.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    Path("papers").mkdir()
    Path("papers/one.txt").write_text("One.", "utf-8")
    Path("empty").mkdir()
    return tmp_path


def test_each_has_its_own_line_and_code_and_needs_no_model(folder: Path) -> None:
    assert len(MISTAKES) >= 30
    wrong = []
    found = run_all([words for _, _, words in MISTAKES], folder, HEAVY)
    for (status, line, words), (got, told, out, heavy) in zip(MISTAKES, found, strict=True):
        if (got, told, out, heavy) != (status, f"lcirc: {line}", "", []):
            wrong.append((words, got, told, out[:80], heavy))
    assert wrong == []
    assert {path.name for path in folder.iterdir()} == {
        *("lease.txt", "lease.lcirc", "other.txt", "scan.png", "papers", "empty")
    }


def test_the_python_api_says_what_it_takes(engine: Engine, folder: Path) -> None:
    from lcirc_cli.memory.file import load_memory

    memory = load_memory("lease.lcirc")
    for given, said in (
        ("lease.lcirc", "load it with lcirc_cli.memory_file.load_memory"),
        (Path("lease.lcirc"), "load it with lcirc_cli.memory_file.load_memory"),
        (["lease.lcirc"], "load it with lcirc_cli.memory_file.load_memory"),
        (None, "give a memory"),
    ):
        with pytest.raises(UsageError, match=said):
            engine.ask(given, QUESTION)  # type: ignore[arg-type]
    for documents in ("lease.txt", [Path("lease.txt")]):
        with pytest.raises(UsageError, match="read_document"):
            engine.ingest(documents)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="no option 'citation'; did you mean citations?"):
        engine.ask(memory, QUESTION, citation=2)
    with pytest.raises(UsageError, match="no option 'zzz'; there are method, window"):
        engine.ask(memory, QUESTION, zzz=2)


def test_a_word_that_is_also_a_memorys_name_may_be_the_question(folder: Path) -> None:
    paths, question = questions.split_arguments(["lease.lcirc", "lease"], None)
    assert (paths, question) == ([Path("lease.lcirc")], "lease")


def test_one_page_and_one_segment_are_in_the_singular(folder: Path, cli: Run) -> None:
    from lcirc_cli.console import counted

    assert (counted(1, "page"), counted(0, "page")) == ("1 page", "0 pages")
    assert counted(1_200, "segment") == "1,200 segments"
    assert " 1 token" not in cli("info", "lease.lcirc").out
