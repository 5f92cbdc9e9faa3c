"""An ingest that is killed goes on where it stopped, and ends in the same bytes."""

from __future__ import annotations

import os
import random
import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from lcirc_cli import Engine
from lcirc_cli.compression.kept import Kept, discard
from lcirc_cli.documents.document import Document
from lcirc_cli.memory.file import load_memory, save_memory

from ..engine.conftest import (  # noqa: F401
    adapter_folder,
    backbone_folder,
    engine,
    raw_adapter_folder,
    raw_engine,
)
from ..engine.tiny import make_document, make_text


@pytest.fixture
def documents() -> list[Document]:
    return [make_document(make_text(n, words=w), f"{n}.txt") for n, w in ((1, 2_500), (2, 900))]


def windows_of(engine: Engine, documents: list[Document]) -> int:  # noqa: F811
    size = engine.adapter.config.feature_window
    counts = [len(engine.ingest([document]).token_ids) for document in documents]
    return sum(-(-count // size) for count in counts)


def kept_in(folder: Path, engine: Engine) -> Kept:  # noqa: F811
    return Kept(folder / "m.lcirc.partial", engine.fingerprints, engine.memory_settings)


def count_windows(engine: Engine, monkeypatch: pytest.MonkeyPatch, log: Path) -> None:  # noqa: F811
    """Each window that is computed, by whatever process, leaves a byte in `log`."""
    real = engine.model.features

    def counted(ids: torch.Tensor) -> torch.Tensor:
        with log.open("ab") as file:
            file.write(b"x" * len(ids))
        time.sleep(0.002)
        return real(ids)

    monkeypatch.setattr(engine.model, "features", counted)


def run_in_child(engine: Engine, documents: list[Document], folder: Path) -> int:  # noqa: F811
    child = os.fork()
    if child:
        return child
    try:
        torch.set_num_threads(1)
        kept = kept_in(folder, engine)
        save_memory(folder / "m.lcirc", engine.ingest(documents, kept=kept))
        kept.remove()
        os._exit(0)
    finally:
        os._exit(99)


@pytest.mark.parametrize("kills", [5, pytest.param(40, marks=pytest.mark.slow)])
def test_killed_at_random(
    engine: Engine,  # noqa: F811
    documents: list[Document],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kills: int,
) -> None:
    windows = windows_of(engine, documents)
    save_memory(tmp_path / "whole.lcirc", engine.ingest(documents))
    log, wait = tmp_path / "log", random.Random(0)
    count_windows(engine, monkeypatch, log)
    killed = 0
    for _ in range(kills):
        before = log.stat().st_size if log.exists() else 0
        child = run_in_child(engine, documents, tmp_path)
        # Some windows later than the run before, wherever that is.
        more = wait.randrange(1, max(2, windows // kills))
        while not log.exists() or log.stat().st_size < before + more:
            if os.waitpid(child, os.WNOHANG)[0]:
                break
            time.sleep(0.001)
        else:
            time.sleep(wait.uniform(0, 0.004))
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            killed += 1
    assert killed >= 5
    _, status = os.waitpid(run_in_child(engine, documents, tmp_path), 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert (tmp_path / "m.lcirc").read_bytes() == (tmp_path / "whole.lcirc").read_bytes()
    assert windows <= log.stat().st_size <= windows + killed
    assert not (tmp_path / "m.lcirc.partial").exists()


def _ingest(engine: Engine, documents: list[Document], folder: Path, name: str) -> bytes:  # noqa: F811
    save_memory(folder / name, engine.ingest(documents, kept=kept_in(folder, engine)))
    return (folder / name).read_bytes()


@pytest.mark.parametrize("cut", [1, 7, 40, 5_000])
def test_what_was_half_written_is_computed_again(
    engine: Engine,  # noqa: F811
    documents: list[Document],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    cut: int,
) -> None:
    wanted = _ingest(engine, documents, tmp_path, "whole.lcirc")
    kept = kept_in(tmp_path, engine)
    kept.remove()
    monkeypatch.setattr(Kept, "finish", lambda self, document, contents: contents)
    _ingest(engine, documents, tmp_path, "again.lcirc")
    logs = sorted((tmp_path / "m.lcirc.partial").iterdir())
    assert len(logs) == 2
    for log in logs:
        data = log.read_bytes()
        log.write_bytes(data[: len(data) - cut])
    count_windows(engine, monkeypatch, tmp_path / "log")
    assert _ingest(engine, documents, tmp_path, "again.lcirc") == wanted
    assert 0 < (tmp_path / "log").stat().st_size <= 2 * (1 + cut // 1_000)


def test_damage_in_what_is_kept_is_computed_again(
    engine: Engine,  # noqa: F811
    documents: list[Document],
    tmp_path: Path,
) -> None:
    wanted = _ingest(engine, documents, tmp_path, "whole.lcirc")
    for path in (tmp_path / "m.lcirc.partial").iterdir():
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    assert _ingest(engine, documents, tmp_path, "again.lcirc") == wanted


def test_another_version_of_a_document_or_of_models_takes_nothing(
    engine: Engine,  # noqa: F811
    documents: list[Document],
    tmp_path: Path,
) -> None:
    kept = kept_in(tmp_path, engine)
    kept.finish(documents[0], engine.ingest(documents[:1]))
    assert kept.holds(documents[0]) and not kept.holds(documents[1])
    changes: list[dict[str, Any]] = [
        {"text": documents[0].text + "."},
        {"name": "other"},
        {"sha256": "0" * 64},
        {"notes": ("a note",)},
    ]
    for change in changes:
        assert not kept.holds(replace(documents[0], **change))
    folder = kept.folder
    prints = replace(engine.fingerprints, adapter="0" * 64)
    assert not Kept(folder, prints, engine.memory_settings).holds(documents[0])
    settings = {**engine.memory_settings, "segment_length": 7}
    assert not Kept(folder, engine.fingerprints, settings).holds(documents[0])


def test_where_nothing_can_be_kept_ingest_goes_on(
    engine: Engine,  # noqa: F811
    documents: list[Document],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    wanted = engine.ingest(documents)
    save_memory(tmp_path / "whole.lcirc", wanted)
    (tmp_path / "m.lcirc.partial").write_text("mine")
    got = _ingest(engine, documents, tmp_path, "m.lcirc")
    assert got == (tmp_path / "whole.lcirc").read_bytes()
    assert (tmp_path / "m.lcirc.partial").read_text() == "mine"
    assert "something else has its name" in capsys.readouterr().err


def test_raw_embeddings_are_kept_by_the_document(
    raw_engine: Engine,  # noqa: F811
    documents: list[Document],
    tmp_path: Path,
) -> None:
    wanted = _ingest(raw_engine, documents, tmp_path, "whole.lcirc")
    kept = kept_in(tmp_path, raw_engine)
    assert all(kept.holds(document) for document in documents)
    assert _ingest(raw_engine, documents, tmp_path, "again.lcirc") == wanted
    assert load_memory(tmp_path / "again.lcirc", whole=True).documents[1].name == "2.txt"
    assert (kept.folder.stat().st_mode & 0o777) == 0o700


def test_what_a_person_keeps_under_that_name_stays(tmp_path: Path) -> None:
    folder = tmp_path / "m.lcirc.partial"
    folder.mkdir()
    (folder / "letter.txt").write_text("mine")
    (folder / f"{'0f' * 16}.features").write_bytes(b"x")
    discard(folder)
    assert [path.name for path in folder.iterdir()] == ["letter.txt"]
    (folder / "letter.txt").unlink()
    discard(folder)
    assert not folder.exists()
