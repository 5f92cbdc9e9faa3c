"""Broken data stops a run before it starts, with the file and the line."""

from __future__ import annotations

import gzip
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub.errors import LocalEntryNotFoundError

from lcirc_cli.bench.tasks import files
from lcirc_cli.bench.tasks.files import HubFile, locate
from lcirc_cli.errors import DocumentError
from lcirc_cli.qa.records import read_records

HUB = HubFile("someone/data", "0" * 40, "x.jsonl")


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ('{"a": "x"}\n{"a": \n', 2, "not valid JSON"),
        ("[1]\n", 1, "a list"),
        ("\n\nnull\n", 3, "null"),
        ('{"a": "x"} {"a": "y"}\n', 1, "not valid JSON"),
        ("[" * 100_000, 1, "not valid JSON"),
    ],
)
def test_a_broken_line_is_named(tmp_path: Path, text: str, line: int, said: str) -> None:
    file = tmp_path / "x.jsonl"
    file.write_text(text)
    with pytest.raises(DocumentError, match=rf"x\.jsonl, line {line}: .*{said}") as caught:
        list(read_records(file))
    assert caught.value.exit_code == 3


def test_fields_are_checked_and_named(tmp_path: Path) -> None:
    file = tmp_path / "x.jsonl"
    file.write_text('{"a": "x", "n": 3, "many": ["p", "q"], "mixed": ["p", 1]}\n')
    (record,) = read_records(file)
    assert (record.text("a"), record.texts("many")) == ("x", ("p", "q"))
    for field, said in [("b", "missing"), ("n", "a int"), ("many", "a list")]:
        with pytest.raises(DocumentError, match=rf'line 1: .*"{field}".*{said}'):
            record.text(field)
    for field in ("mixed", "a", "none"):
        with pytest.raises(DocumentError, match=rf'"{field}"'):
            record.texts(field)


def test_blank_lines_are_no_records_and_gzip_is_read(tmp_path: Path) -> None:
    file = tmp_path / "x.jsonl.gz"
    file.write_bytes(gzip.compress(b'\n{"a": "x"}\n\n{"a": "y"}\n'))
    assert [record.line for record in read_records(file)] == [2, 4]


@pytest.mark.parametrize("data", [b"no gzip", gzip.compress(b'{"a": 1}\n' * 999)[:-30]])
def test_broken_gzip(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "x.jsonl.gz"
    file.write_bytes(data)
    with pytest.raises(DocumentError, match=r"x\.jsonl\.gz"):
        list(read_records(file))


def test_other_encodings_and_missing_files(tmp_path: Path) -> None:
    file = tmp_path / "x.jsonl"
    with pytest.raises(DocumentError, match="can't read"):
        list(read_records(file))
    file.write_bytes('{"a": "é"}\n'.encode("latin-1"))
    with pytest.raises(DocumentError, match="UTF-8"):
        list(read_records(file))


@pytest.mark.parametrize(
    "place", ["x.jsonl", "bench/x.jsonl", "bench/x.jsonl.gz", "LEval/Exam/x.jsonl"]
)
def test_where_a_file_may_lie(tmp_path: Path, place: str) -> None:
    file = tmp_path / place
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()
    assert locate("x.jsonl", data_dir=tmp_path, benchmark="bench", hub=HUB) == file


def test_a_missing_file_is_not_looked_for_elsewhere(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="--data-dir"):
        locate("x.jsonl", data_dir=tmp_path, benchmark="bench", hub=HUB)


def test_the_hub_is_asked_for_a_pinned_revision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {}
    archive = tmp_path / "data.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("data/x.jsonl", '{"a": "x"}\n')

    def fake(repository: str, path: str, **options: str) -> str:
        asked.update(options, repository=repository, path=path)
        return str(archive)

    monkeypatch.setattr("huggingface_hub.hf_hub_download", fake)
    monkeypatch.setenv("LCIRC_CACHE", str(tmp_path / "cache"))
    hub = HubFile("someone/data", "1" * 40, "data.zip", member="data/x.jsonl")
    for _ in range(2):  # taken out once, then found in the cache
        path = locate("x.jsonl", data_dir=None, benchmark="bench", hub=hub)
        assert path.read_text() == '{"a": "x"}\n'
    assert asked == {
        "repository": "someone/data",
        "path": "data.zip",
        "repo_type": "dataset",
        "revision": "1" * 40,
        "local_files_only": False,
    }
    missing = HubFile("someone/data", "1" * 40, "data.zip", member="data/y.jsonl")
    with pytest.raises(DocumentError, match=r"y\.jsonl"):
        locate("y.jsonl", data_dir=None, benchmark="bench", hub=missing)


def test_no_hub_is_a_document_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> str:
        raise OSError("no route")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", fail)
    with pytest.raises(DocumentError, match="--data-dir"):
        files.locate("x.jsonl", data_dir=None, benchmark="bench", hub=HUB)


@pytest.mark.parametrize("task", ["infinitebench/en_qa", "longbench/qasper", "leval/coursera"])
def test_offline_reaches_the_client_of_the_hub(
    task: str, bench_cli: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []

    def fail(*_: object, local_files_only: bool, **__: object) -> str:
        asked.append(local_files_only)
        raise LocalEntryNotFoundError("not cached")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", fail)
    done = bench_cli("run", task, "-s", "constant", "--offline", "--out", tmp_path / "out")
    assert (done.status, asked) == (3, [True])
    assert "without --offline" in done.err
