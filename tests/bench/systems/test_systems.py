"""Every system on every kind of sample, with a tiny random model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lcirc_cli.bench.sample import TextSample
from lcirc_cli.bench.systems import (
    Batch,
    NotApplicable,
    Workbench,
    open_system,
    parse_system,
)
from lcirc_cli.bench.systems.reading import Prompted
from lcirc_cli.bench.systems.texts import text_ids
from lcirc_cli.bench.tasks import TaskOptions, open_task

from .asking import LIMITS, batches, short

READERS = ["none", "ends", "full", "extended-fa", "retrieval", "autocompressor"]
COMPRESSORS = [
    "lcirc",
    "qd-lcirc",
    "lcirc+none",
    "qd-lcirc+evidence",
    "qd-lcirc+ends~shuffled",
    "qd-lcirc+none~shuffled",
    "autocompressor~shuffled",
]


@pytest.mark.parametrize("name", READERS + COMPRESSORS)
def test_questions_about_documents_of_all_lengths(
    name: str, workbench: Workbench, qa_folder: Path
) -> None:
    system = open_system(parse_system(name), workbench, limits=LIMITS)
    for batch in batches(qa_folder, f"qa:{qa_folder}"):
        for sample, measured in zip(batch.samples, system.run(short(batch)), strict=True):
            limit = {"full": 1024, "extended-fa": 2048}.get(name, LIMITS.window)
            assert 0 < measured.window <= limit
            assert len(measured.prompt_sha256) == 64
            assert (measured.output.answer_loss is None) == (not sample.answers)


@pytest.mark.parametrize("name", [*READERS, "lcirc", "qd-lcirc+evidence"])
@pytest.mark.parametrize("protocol", ["official", "paper"])
@pytest.mark.parametrize(
    "task", ["longbench/qasper", "infinitebench/en_mc", "infinitebench/en_qa", "leval/sci_fi"]
)
def test_published_benchmarks(
    name: str, protocol: str, task: str, workbench: Workbench, data_folder: Path
) -> None:
    limits = replace(LIMITS, window=640)  # the tiny tokenizer makes long prompts
    system = open_system(parse_system(name), workbench, limits=limits)
    for batch in batches(data_folder, task, protocol=protocol):
        for sample, measured in zip(batch.samples, system.run(short(batch)), strict=True):
            limit = {"full": 1024, "extended-fa": 2048}.get(name, limits.window)
            if name in ("ends", "full", "extended-fa", "autocompressor"):
                assert measured.window <= limit
            if sample.closed_book is not None:
                assert measured.output.closed_book is not None


@pytest.mark.parametrize("name", ["none", "ends", "full", "autocompressor", "lcirc"])
def test_losses_of_long_text(name: str, workbench: Workbench, tmp_path: Path) -> None:
    text = tmp_path / "long.txt"
    text.write_text(" ".join(f"word {i} stands here." for i in range(300)))
    tokens = open_task(f"perplexity:{text}", TaskOptions(lengths=(4096,)))
    system = open_system(parse_system(name), workbench, limits=LIMITS)
    sample = TextSample(
        "a@512", "a", text.read_text(), end_token=512, context_tokens=512, scored_tokens=64
    )
    assert tokens.metric == sample.metric
    (measured,) = system.run(Batch(texts=[sample], other="Something else altogether."))
    assert measured.output.loss is not None
    assert 2.0 < measured.output.loss < 12.0


def test_every_system_scores_the_same_tokens_of_a_text(
    workbench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    scored: list[list[int]] = []
    loss = Prompted._loss

    def noted(self: Prompted, prompt: Any, answer: Any, **options: Any) -> float:
        scored.append(answer)
        return loss(self, prompt, answer, **options)

    monkeypatch.setattr(Prompted, "_loss", noted)
    text, other = (" ".join(f"{word} {i} is here." for i in range(300)) for word in ("one", "two"))
    ids = text_ids(workbench.backbone, TextSample("a", "a", text, 512, 512, 64))
    shuffled = ["lcirc~shuffled", "autocompressor~shuffled"]
    for length in (128, 512):
        sample = TextSample("a", "a", text, 512, length, 64)
        compressed = {}
        for name in ("none", "ends", "full", "extended-fa", "autocompressor", "lcirc", *shuffled):
            system = open_system(parse_system(name), workbench, limits=LIMITS)
            (measured,) = system.run(Batch(texts=[sample], other=other))
            compressed[name] = measured.compressed
        assert compressed["autocompressor"] == length - 64
        assert compressed["autocompressor~shuffled"] == length - 64
        # Compressed as text: a word at its edge may come back as other tokens.
        for name in ("lcirc", "lcirc~shuffled"):
            assert compressed[name] == pytest.approx(length - 64, abs=4)
    assert len(scored) == 16
    assert all(tokens == ids[-64:] for tokens in scored)
    for name in shuffled:
        system = open_system(parse_system(name), workbench, limits=LIMITS)
        with pytest.raises(NotApplicable, match="no other document"):
            system.run(Batch(texts=[sample]))


@pytest.mark.parametrize("name", ["retrieval", "qd-lcirc"])
def test_systems_that_need_a_question_say_so(name: str, workbench: Workbench) -> None:
    system = open_system(parse_system(name), workbench, limits=LIMITS)
    sample = TextSample("a", "a", "word " * 500, 256, 256, scored_tokens=16)
    with pytest.raises(NotApplicable):
        system.run(Batch(texts=[sample]))


def test_questions_asked_together_get_what_they_get_alone(
    workbench: Workbench, qa_folder: Path
) -> None:
    batch = short(batches(qa_folder, f"qa:{qa_folder}")[1])
    for name in ("ends", "qd-lcirc+evidence"):
        system = open_system(parse_system(name), workbench, limits=LIMITS)
        together = system.run(batch)
        alone = [system.run(replace(batch, samples=[sample]))[0] for sample in batch.samples]
        assert [m.prompt_sha256 for m in together] == [m.prompt_sha256 for m in alone]
        assert [m.output.text for m in together] == [m.output.text for m in alone]
        for one, other in zip(together, alone, strict=True):
            if one.output.answer_loss is not None:
                assert one.output.answer_loss == pytest.approx(other.output.answer_loss, abs=1e-4)
