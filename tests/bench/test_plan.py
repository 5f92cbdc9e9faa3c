"""Which questions `--limit` draws."""

from __future__ import annotations

from pathlib import Path

import pytest

from lcirc_cli.bench.plan import plan
from lcirc_cli.bench.tasks import TaskOptions, open_task

from .conftest import write_lines


def _data(folder: Path) -> Path:
    write_lines(folder / "documents.jsonl", [{"id": "d", "text": "Ada rang."}])
    asked = [
        {"document_id": "d", "question": f"Who rang {number}?", "answers": ["Ada"], "evidence": []}
        for number in range(60)
    ]
    write_lines(folder / "qa.jsonl", asked)
    return folder


def _drawn(name: str, *, seed: int = 0) -> list[str]:
    asked = plan(open_task(name, TaskOptions()), limit=20, seed=seed).asked
    return [sample.question for sample in asked]  # type: ignore[union-attr]


def test_the_draw_is_the_same_wherever_the_folder_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = _data(tmp_path / "here" / "stories")
    second = _data(tmp_path / "there" / "deeper" / "stories")
    drawn = _drawn(f"qa:{first}")
    assert len(set(drawn)) == 20
    assert _drawn(f"qa:{second}") == drawn
    monkeypatch.chdir(first.parent)
    assert _drawn("qa:stories") == _drawn("qa:stories/") == _drawn("qa:./stories") == drawn
    monkeypatch.chdir(first)
    assert _drawn("qa:.") == drawn
    assert _drawn("qa:.", seed=1) != drawn


def test_another_set_of_the_same_size_has_its_own_draw(tmp_path: Path) -> None:
    folder = _data(tmp_path / "stories")
    other = _data(tmp_path / "articles")
    assert _drawn(f"qa:{folder}") != _drawn(f"qa:{other}")
    (tmp_path / "a link").symlink_to(folder)  # the folder that it points to is the same set
    assert _drawn(f"qa:{tmp_path / 'a link'}") == _drawn(f"qa:{folder}")
