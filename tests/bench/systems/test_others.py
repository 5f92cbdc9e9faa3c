"""The other document of a shuffled control: never the sample's own, under another name neither."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from lcirc_cli.bench.plan import plan
from lcirc_cli.bench.sample import Sample, TextSample
from lcirc_cli.bench.systems import (
    Batch,
    Limits,
    NotApplicable,
    Workbench,
    open_system,
    parse_system,
)
from lcirc_cli.bench.tasks import TaskOptions, open_task

from ..conftest import write_lines

LIMITS = Limits(window=640, evidence=64)
SHUFFLED = ["lcirc+none~shuffled", "qd-lcirc+evidence~shuffled", "autocompressor~shuffled"]


def _task(folder: Path, texts: list[str], **options: Any) -> Any:
    rows = [{"id": f"d{i}", "text": text} for i, text in enumerate(texts)]
    write_lines(folder / "documents.jsonl", rows)
    asked = [
        {"document_id": row["id"], "question": "Who?", "answers": ["Ada"], "evidence": []}
        for row in rows
    ]
    write_lines(folder / "qa.jsonl", asked)
    return open_task(f"qa:{folder}", TaskOptions(**options))


@dataclass(frozen=True)
class _Emptied:
    """A task whose document "blank" is blank, as contexts of published files may be."""

    task: Any
    name = metric = note = ""

    def samples(self) -> Iterator[Sample]:
        for each in self.task.samples():
            blank = each.document == "blank"
            yield replace(each, document=" ", parts=(" ",)) if blank else each


def _others(task: Any) -> list[tuple[str, str]]:
    batches = plan(task, limit=None, seed=0).batches(4)
    return [(batch.samples[0].document, batch.other) for batch in batches]


def test_it_is_the_next_document_whose_text_is_another(tmp_path: Path) -> None:
    texts = ["one", "two", "three"]
    assert _others(_task(tmp_path, texts)) == [("one", "two"), ("two", "three"), ("three", "one")]
    repeated = _task(tmp_path, ["one", "one", "two", "blank", "three"])
    others = [other for _, other in _others(_Emptied(repeated))]
    assert others == ["two", "two", "three", "three", "one"]
    assert _others(_task(tmp_path, ["one", "one"])) == [("one", ""), ("one", "")]
    assert _others(_task(tmp_path, ["one"])) == [("one", "")]


def test_joined_documents_get_another_without_a_common_member(tmp_path: Path) -> None:
    for count, seed in ((7, 0), (8, 1), (10, 2)):
        texts = [f"text {number}." for number in range(count)]
        pairs = _others(_task(tmp_path, texts, join=3, seed=seed))
        for own, other in pairs:
            assert other and set(own.split("\n\n")).isdisjoint(other.split("\n\n"))
        following = [own for own, _ in pairs[1:]] + [pairs[0][0]]
        kept = [
            other == after
            for (own, other), after in zip(pairs, following, strict=True)
            if set(own.split("\n\n")).isdisjoint(after.split("\n\n"))
        ]
        assert kept and all(kept)  # what was right is as it was
    assert {other for _, other in _others(_task(tmp_path, texts[:4], join=3))} == {""}


@pytest.mark.parametrize("name", SHUFFLED)
def test_without_another_document_there_is_no_control(
    name: str, workbench: Workbench, tmp_path: Path
) -> None:
    system = open_system(parse_system(name), workbench, limits=LIMITS)
    (batch,) = plan(_task(tmp_path, ["Ada rang."]), limit=None, seed=0).batches(4)
    with pytest.raises(NotApplicable, match="no other document"):
        system.run(batch)
    text = TextSample("a", "a", "word " * 300, 128, 128, scored_tokens=64)
    with pytest.raises(NotApplicable):
        system.run(Batch(texts=[text]))


@pytest.mark.parametrize("name", ["lcirc", "qd-lcirc"])
def test_a_sample_without_a_memory_has_a_control_without_one(
    name: str, workbench: Workbench, data_folder: Path
) -> None:
    """Under `paper` what fits in the window is not compressed."""
    task = open_task("longbench/qasper", TaskOptions(data_dir=data_folder, protocol="paper"))
    batches = list(plan(task, limit=None, seed=0).batches(4))
    short = min(
        (b for b in batches if b.samples[0].document), key=lambda b: len(b.samples[0].document)
    )
    short = replace(short, samples=[replace(s, max_new_tokens=4) for s in short.samples])
    assert short.other
    own, control = (
        open_system(parse_system(name + end), workbench, limits=LIMITS).run(short)
        for end in ("", "~shuffled")
    )
    assert [m.compressed for m in own] == [m.compressed for m in control] == [0]
    assert own == control


def test_an_empty_document_has_a_control_without_a_memory(
    workbench: Workbench, data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = open_task("longbench/qasper", TaskOptions(data_dir=data_folder))
    batch = next(b for b in plan(task, limit=None, seed=0).batches(4) if not b.samples[0].document)
    system: Any = open_system(parse_system("autocompressor~shuffled"), workbench, limits=LIMITS)
    seen: list[str] = []
    read = system._summaries_of
    monkeypatch.setattr(system, "_summaries_of", lambda text: [seen.append(text), read(text)][1])
    system.run(replace(batch, samples=[replace(s, max_new_tokens=4) for s in batch.samples]))
    assert batch.other and seen == [""]
