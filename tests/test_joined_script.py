"""Documents joined with others for the scripts that ask which segments a question needs."""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from typing import Any

import pytest

from lcirc_cli import Engine
from lcirc_cli.memory.file import save_memory

from .engine.tiny import SMALL, make_document, make_text, save_adapter, save_backbone

SCRIPTS = Path(__file__).parent.parent / "scripts"


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    import joined

    yield joined
    for name in ("joined", "losses", "qa_sets", "two_stages"):
        sys.modules.pop(name, None)


def _write(folder: Path, seeds: list[int], rows: list[dict[str, Any]]) -> Path:
    folder.mkdir()
    documents = [{"id": f"{seed}", "text": make_text(seed)} for seed in seeds]
    for name, written in (("documents", documents), ("qa", rows)):
        lines = "".join(json.dumps(row) + "\n" for row in written)
        (folder / f"{name}.jsonl").write_text(lines, "utf-8")
    return folder


def test_the_evidence_of_a_question_is_found_among_other_documents(
    tmp_path: Path, scripts: Any
) -> None:
    end = len(make_text(2))
    asked = {"question": "What is carried?", "answers": ["grain"]}
    rows = [
        {**asked, "document_id": "1", "evidence": [[0, 1]]},
        {**asked, "document_id": "2", "evidence": [[end - 1, end]]},
        {**asked, "document_id": "2", "answers": [], "evidence": []},
    ]
    own = _write(tmp_path / "own", [1, 2], rows)
    others = _write(tmp_path / "others", [3, 4, 5], [])
    draw = random.Random(0)
    (group,) = scripts.joined(own, join=2, limit=9, draw=draw, fill=5, others=[others])
    assert [group.texts.index(make_text(seed)) for seed in (1, 2)] == [2, 3]
    assert sorted(number for number, _ in group.asked) == [2, 3]

    backbone = save_backbone(tmp_path / "backbone")
    engine = Engine.load(str(backbone), dtype="float32", offline=True)
    adapter = save_adapter(tmp_path / "adapter", engine, **SMALL)
    engine = Engine.load(str(backbone), str(adapter), dtype="float32", offline=True)
    (memory,) = scripts.memories_of(engine, [group], None)
    segments = [document.num_segments for document in memory.documents]
    assert min(segments) > 1
    first = {1: sum(segments[:2]), 2: sum(segments[:4]) - 1}  # segments of both evidences
    for each in group.asked:
        mine = first[each[0] - 1]
        assert scripts.holds(memory, each, [mine])
        assert not scripts.holds(memory, each, sorted({*range(sum(segments))} - {mine}))

    larger = engine.open([make_document(make_text(seed), f"{seed}") for seed in (7, 2, 3, 4, 5, 1)])
    save_memory(tmp_path / "larger.lcirc", larger)
    (own_only,) = scripts.joined(own, join=2, limit=9, draw=draw)
    whole, held = scripts.among(own_only, tmp_path / "larger.lcirc")
    assert len(held.documents) == 6
    assert sorted((n, q.evidence[0][1]) for n, q in whole.asked) == [(1, end), (5, 1)]


def test_two_stages_are_measured_against_all_segments(
    tmp_path: Path,
    scripts: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With as many as there are nothing differs; each number has its line."""
    import two_stages

    backbone = save_backbone(tmp_path / "backbone")
    engine = Engine.load(str(backbone), dtype="float32", offline=True)
    adapter = save_adapter(tmp_path / "adapter", engine, **SMALL, trained=True)
    engine = Engine.load(str(backbone), str(adapter), dtype="float32", offline=True)
    monkeypatch.setattr(two_stages.Engine, "load", lambda **_: engine)
    asked = {"question": "Who carries bread and grain?", "answers": ["the harbour master"]}
    rows = [{**asked, "document_id": f"{seed}", "evidence": [[0, 40]]} for seed in (1, 2)]
    own = _write(tmp_path / "own", [1, 2], rows)
    words = [own, "--join", 2, "--ranked", 2, "--answers", 1, "--segments", 1, 99]
    monkeypatch.setattr(sys, "argv", ["two_stages.py", *map(str, words)])
    two_stages.main()
    one, every = map(json.loads, capsys.readouterr().out.splitlines())
    assert (one["most"], every["most"]) == (1, 99)
    for line in (one, every):
        assert (line["questions"], line["ranked"], line["answered"]) == (2, 2, 1)
        assert line["loss_all"] == every["loss_all"] > 0
    assert one["loss_two_stages"] != one["loss_all"]  # another memory, steered
    assert every["found"] == every["same_answer"] == every["same_first_citation"] == 100
    for name in ("recall", "f1", "loss"):
        assert every[f"{name}_difference"] == [0, 0, 0]
