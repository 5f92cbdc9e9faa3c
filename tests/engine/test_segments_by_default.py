"""How many segments a question steers where nobody says: as many as cost little."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from lcirc_cli import Engine
from lcirc_cli.answering.answer import Answer
from lcirc_cli.documents.document import Document
from lcirc_cli.memory.contents import select
from lcirc_cli.memory.file import load_memory, save_memory
from lcirc_cli.model.reader import linear_targets

from .tiny import QUESTIONS, SMALL, make_document, make_text, save_adapter

FEW, MORE = 16, 64


@pytest.fixture(scope="module")
def documents() -> list[Document]:
    """With more segments than are steered in any case."""
    return [make_document(make_text(seed), f"{seed}.txt") for seed in range(8)]


@pytest.fixture
def reading(tmp_path: Path, engine: Engine, backbone_folder: Path) -> Engine:
    """With an adapter that answers best by its reader, and ranks by scores of tokens."""
    changes: dict[str, Any] = {
        "reader_rank": 2,
        "reader_targets": linear_targets(engine.backbone.lm),
        "ask_method": "reader",
    }
    folder = save_adapter(tmp_path / "reading", engine, **SMALL, trained=True, **changes)
    return Engine.load(str(backbone_folder), str(folder), dtype="float32", device="cpu")


def asked(engine: Engine, memories: Any, **options: Any) -> Answer:
    return engine.ask(memories, QUESTIONS[0], max_new_tokens=1, **options)


def steered(engine: Engine, memories: Any, **options: Any) -> int:
    return asked(engine, memories, **options).segments.steered


def test_who_reads_no_latents_has_more_of_what_was_ingested(
    reading: Engine, documents: Sequence[Document]
) -> None:
    memory = reading.ingest(documents)
    size = len(memory.segment_lengths)
    assert size > MORE
    told: list[tuple[str, int, int]] = []
    answer = asked(reading, memory, watch=lambda *each: told.append(each))
    assert answer.method == "reader"
    assert answer.to_json()["segments"] == {"all": size, "steered": MORE}
    assert told[0] == ("steering", 0, MORE)
    assert steered(reading, memory, method="qd-lcirc") == FEW


def test_search_and_a_model_on_a_server_have_as_many(
    reading: Engine, documents: Sequence[Document]
) -> None:
    """They ask for scores alone, whatever the method."""
    answerer = reading.answerer(reading.ingest(documents), method="qd-lcirc")
    (chosen,) = answerer.steer(QUESTIONS[:1], reads_memory=False).chosen
    assert len(chosen) == MORE


def test_of_what_is_computed_when_it_is_asked_few(
    reading: Engine, documents: Sequence[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    windows: list[int] = []
    features = reading.model.features

    def watched(ids: Any) -> Any:
        if ids.shape[1] == SMALL["feature_window"]:  # not a question
            windows.extend([1] * len(ids))
        return features(ids)

    monkeypatch.setattr(reading.model, "features", watched)
    assert steered(reading, reading.open(documents)) == FEW
    assert 0 < len(windows) <= FEW


def test_one_document_that_is_not_ingested_is_enough(
    reading: Engine, documents: Sequence[Document], tmp_path: Path
) -> None:
    """Also a part of it; and no more once it is saved."""
    ingested, opened = reading.ingest(documents[:6]), reading.open(documents[6:])
    assert steered(reading, [ingested, opened]) == FEW
    assert steered(reading, [ingested, select(opened, [0])]) == FEW
    assert steered(reading, reading.ingest(documents[6:], append_to=opened)) == FEW
    save_memory(tmp_path / "opened", opened)
    assert steered(reading, [ingested, load_memory(tmp_path / "opened")]) == MORE


def test_embeddings_are_always_at_hand(raw_engine: Engine, documents: Sequence[Document]) -> None:
    answerer = raw_engine.answerer(raw_engine.open(documents))
    (chosen,) = answerer.steer(QUESTIONS[:1], reads_memory=False).chosen
    assert len(chosen) == MORE


@pytest.mark.parametrize("most", [3, 70])
def test_a_number_that_is_given_is_obeyed(
    reading: Engine, documents: Sequence[Document], most: int
) -> None:
    ingested = reading.ingest(documents)
    size = len(ingested.segment_lengths)
    for memory in (ingested, reading.open(documents)):
        for method in ("reader", "qd-lcirc"):
            assert steered(reading, memory, method=method, segments=most) == most
            assert steered(reading, memory, method=method, segments=0) == size


def test_a_book_answers_alike_before_it_was_ingested_and_after(reading: Engine) -> None:
    book = [make_document(make_text(1, words=8_000), "book.txt")]
    for method in ("auto", "qd-lcirc"):
        answers = [
            asked(reading, memory, method=method)
            for memory in (reading.ingest(book), reading.open(book))
        ]
        first, second = (answer.to_json() for answer in answers)
        assert first["segments"]["all"] > MORE
        assert first["segments"] == second["segments"] and first["segments"]["steered"] == FEW
        assert first["answer"] == second["answer"] and first["citations"] == second["citations"]


def test_small_ones_are_read_whole(reading: Engine, documents: Sequence[Document]) -> None:
    """The same bits as with all that there are."""
    memory = reading.ingest(documents[:3])
    size = len(memory.segment_lengths)
    assert FEW < size <= MORE
    by_default, whole = asked(reading, memory).to_json(), asked(reading, memory, segments=0)
    assert by_default | {"timings": None} == whole.to_json() | {"timings": None}
    assert by_default["segments"] == {"all": size, "steered": size}
