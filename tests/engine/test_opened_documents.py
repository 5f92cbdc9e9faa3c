"""A memory that is computed as it is asked: the answers of an ingested one, and no more work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from lcirc_cli import Engine
from lcirc_cli.answering.answer import Answer
from lcirc_cli.errors import DocumentError, UsageError
from lcirc_cli.memory.contents import MemoryContents
from lcirc_cli.memory.file import load_memory, save_memory

from .tiny import QUESTIONS, SMALL, ingest, make_document, make_text


def opened(engine: Engine, *seeds: int) -> MemoryContents:
    return engine.open([make_document(make_text(seed), f"{seed}.txt") for seed in seeds])


def told(answer: Answer) -> dict[str, Any]:
    return {k: v for k, v in answer.to_json().items() if k != "timings"}


@pytest.fixture(params=["contextual", "raw"])
def any_engine(request: pytest.FixtureRequest) -> Engine:
    return request.getfixturevalue("engine" if request.param == "contextual" else "raw_engine")


@pytest.fixture
def windows(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Tokens of each feature window that the engine computes."""
    seen: list[int] = []
    features = engine.model.features

    def watched(ids_BN: torch.Tensor) -> torch.Tensor:
        if ids_BN.shape[1] == SMALL["feature_window"]:  # not a question
            seen.extend([ids_BN.shape[1]] * ids_BN.shape[0])
        return features(ids_BN)

    monkeypatch.setattr(engine.model, "features", watched)
    return seen


@pytest.mark.parametrize("segments", [0, 3])
@pytest.mark.parametrize("method", ["qd-lcirc", "lcirc", "none"])
def test_it_answers_as_an_ingested_one(any_engine: Engine, method: str, segments: int) -> None:
    whole, lazy = ingest(any_engine, 1, 2), opened(any_engine, 1, 2)
    options: dict[str, Any] = {"method": method, "segments": segments, "max_new_tokens": 3}
    for question in QUESTIONS[:3]:
        expected = told(any_engine.ask(whole, question, **options))
        assert told(any_engine.ask(lazy, question, **options)) == expected


def test_saving_it_computes_the_rest(any_engine: Engine, tmp_path: Path) -> None:
    lazy = opened(any_engine, 1, 2)
    any_engine.ask(lazy, QUESTIONS[0], segments=2, max_new_tokens=1)
    for name, contents in (("lazy", lazy), ("whole", ingest(any_engine, 1, 2))):
        save_memory(tmp_path / name, contents)
    assert (tmp_path / "lazy").read_bytes() == (tmp_path / "whole").read_bytes()


def test_a_question_computes_what_it_needs_and_once(engine: Engine, windows: list[int]) -> None:
    lazy = opened(engine, 1, 2, 3)
    assert windows == []
    first = engine.ask(lazy, QUESTIONS[0], segments=3, max_new_tokens=1)
    assert 0 < len(windows) <= 3
    again = engine.ask(lazy, QUESTIONS[0], segments=3, max_new_tokens=1)
    assert told(again) == told(first) and len(windows) <= 3
    engine.ask(lazy, QUESTIONS[0], segments=0, max_new_tokens=1)
    size = SMALL["feature_window"]
    assert len(windows) == sum(each.num_tokens // size for each in lazy.documents)


def test_without_a_memory_nothing_is_computed(engine: Engine, windows: list[int]) -> None:
    engine.ask(opened(engine, 1), QUESTIONS[0], method="none", max_new_tokens=1)
    assert windows == []


def test_rows_are_those_of_the_memory_in_any_order(engine: Engine) -> None:
    whole, lazy = ingest(engine, 1, 2), opened(engine, 1, 2)
    for name, rows in whole.features.items():
        assert lazy.features[name].shape == tuple(rows.shape)
        assert lazy.features[name].dtype == rows.dtype
        count = len(rows)
        for first, last in ((count - 1, count), (2, 3), (0, 0), (1, count - 1), (5, 2)):
            assert torch.equal(lazy.features[name][first:last], rows[first:last])
    assert torch.equal(lazy.states[:], whole.states[:])


def test_it_stands_beside_a_memory_file(engine: Engine, tmp_path: Path) -> None:
    save_memory(tmp_path / "one.lcirc", ingest(engine, 1))
    saved = load_memory(tmp_path / "one.lcirc")
    options: dict[str, Any] = {"segments": 0, "max_new_tokens": 2}
    both = engine.ask([saved, opened(engine, 2)], QUESTIONS[0], **options)
    expected = engine.ask([saved, ingest(engine, 2)], QUESTIONS[0], **options)
    assert told(both) == told(expected) and both.memory_sha256 is None


def test_what_is_no_document_with_words_is_refused(engine: Engine) -> None:
    with pytest.raises(DocumentError, match="no text"):
        engine.open([make_document("")])
    with pytest.raises(DocumentError, match="no document"):
        engine.open([])
    with pytest.raises(UsageError, match="read_document"):
        engine.open("book.pdf")  # type: ignore[arg-type]
