"""Where a benchmark's file is looked for."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub.errors import LocalEntryNotFoundError

from lcirc_cli.bench.tasks import files
from lcirc_cli.bench.tasks.files import HubFile, locate
from lcirc_cli.errors import DocumentError

HUB = HubFile("someone/data", "0" * 40, "x.jsonl")


@pytest.mark.parametrize(
    "place", ["x.jsonl", "bench/x.jsonl", "bench/x.jsonl.gz", "LEval/Exam/x.jsonl"]
)
def test_where_a_file_may_lie(tmp_path: Path, place: str) -> None:
    file = tmp_path / place
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()
    assert locate(HUB, benchmark="bench", data_dir=tmp_path) == file


def test_a_missing_file_is_not_looked_for_elsewhere(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="--data-dir"):
        locate(HUB, benchmark="bench", data_dir=tmp_path)


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
        path = locate(hub, benchmark="bench", data_dir=None)
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
        locate(missing, benchmark="bench", data_dir=None)


@pytest.mark.parametrize("kind", ["no zip", "another member", "too large", "damaged"])
def test_an_archive_that_cannot_be_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    path = tmp_path / "data.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("other" if kind == "another member" else "data/a.jsonl", "word " * 999)
    data = bytearray(path.read_bytes())
    if kind == "no zip":
        data[-30:] = b""
    elif kind == "damaged":
        data[50:60] = b"\xff" * 10
    path.write_bytes(data)
    if kind == "too large":
        monkeypatch.setattr("lcirc_cli.bench.tasks.files._MOST_BYTES", 100)
    monkeypatch.setenv("LCIRC_CACHE", str(tmp_path / "cache"))
    hub = HubFile("owner/name", "0" * 40, "data.zip", member="data/a.jsonl")
    with pytest.raises(DocumentError) as caught:
        files._extract(path, hub, "longbench")
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)


def test_no_hub_is_a_document_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> str:
        raise OSError("no route")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", fail)
    with pytest.raises(DocumentError, match="--data-dir"):
        files.locate(HUB, benchmark="bench", data_dir=None)


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
