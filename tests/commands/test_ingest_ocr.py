"""`lcirc ingest` and `ask` of scans: when they are read again, and what is kept of a killed run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lcirc_cli.commands import reading
from lcirc_cli.documents import child, ocr
from lcirc_cli.memory.file import load_memory

from ..documents.test_ocr import mixed, needs_ocr, save, small

Run = Callable[..., Any]


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of pages whose pictures are read from now on."""
    found: list[int] = []
    receive = child.ChildProcess.receive

    def noted(self: Any, seconds: float) -> Any:
        answer = receive(self, seconds)
        found.extend([answer[0]["page"]] if "looking" in answer[0] else [])
        return answer

    monkeypatch.setattr(child.ChildProcess, "receive", noted)
    return found


@needs_ocr
def test_a_scan_is_read_again_only_where_it_would_be_read_otherwise(
    ingest: Run, looks: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = mixed(Path("mixed.pdf"), small("few", dpi=300))
    with monkeypatch.context() as patch:
        patch.setattr(ocr, "version", lambda: "")
        assert "pip install 'lcirc[ocr]'" in ingest(path).err
        assert "up to date" in ingest(path).err
    (document,) = load_memory("mixed.lcirc").documents
    assert (document.ocr, document.scans, looks) == (ocr.UNREAD, (), [])

    assert "page 2: read from the picture (OCR)" in ingest(path).err  # the extra came
    (document,) = load_memory("mixed.lcirc").documents
    assert (document.ocr, [each.number for each in document.scans]) == (
        f"auto: {ocr.version()}",
        [2],
    )
    assert "up to date" in ingest(path).err
    assert looks == [2]

    assert "or leave out --ocr off" in ingest(path, "--ocr", "off").err
    assert load_memory("mixed.lcirc").documents[0].ocr == ocr.UNREAD
    assert looks == [2]


@needs_ocr
def test_a_killed_ingest_does_not_read_pictures_again(
    ingest: Run, looks: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(Path("scan.pdf"), [small("few", dpi=300), small("few", dpi=300, start=9)])
    with monkeypatch.context() as patch:

        def stop(self: Any, done: int, total: int) -> None:
            raise KeyboardInterrupt

        patch.setattr(reading._Steps, "page", stop)
        assert ingest(path).status == 130
    assert looks[0] == 1 and any(Path("scan.lcirc.partial").iterdir())
    looks.clear()
    assert ingest(path).status == 0
    assert looks == [2]
    assert sorted(each.name for each in Path().iterdir()) == ["scan.lcirc", "scan.pdf"]


@needs_ocr
def test_a_picture_is_asked_at_once(cli: Run, models: list[Any], tmp_path: Path) -> None:
    path = save(tmp_path / "scan.png", [small("few")])
    asked = cli("ask", path, "-q", "What stands for what?", *models)
    assert asked.status == 0 and "scan.png" in asked.err
    with_off = cli("ask", path, "-q", "What stands for what?", "--ocr", "off", *models)
    assert with_off.status == 3 and "is an image; run OCR first" in with_off.err
