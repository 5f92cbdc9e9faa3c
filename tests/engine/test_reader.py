"""`--method reader`: the adapter's decoder without its memory; where it is on, and where off."""

from __future__ import annotations

from pathlib import Path

import pytest

from lcirc_cli import Engine
from lcirc_cli.errors import UsageError
from lcirc_cli.model.reader import linear_targets

from .tiny import QUESTIONS, SMALL, answer_text, ingest, save_adapter


def _tuned(folder: Path, engine: Engine, *, gates: float = 0.5, seed: int = 1) -> Engine:
    """The engine's backbone with an adapter that has a reader."""
    targets = linear_targets(engine.backbone.lm)
    save_adapter(
        folder, engine, **SMALL, gates=gates, seed=seed, reader_rank=2, reader_targets=targets
    )
    return Engine.load(str(engine.backbone.name), str(folder), dtype="float32", device="cpu")


@pytest.fixture
def tuned(tmp_path: Path, engine: Engine) -> Engine:
    return _tuned(tmp_path / "tuned", engine)


def test_the_reader_reads_the_window_and_no_memory(tuned: Engine) -> None:
    memory = ingest(tuned, 1)
    answer = tuned.ask(memory, QUESTIONS[0], method="reader", max_new_tokens=12)
    assert answer.tokens.memory == 0 and answer.compressed == 0
    assert answer.left_out == answer.tokens.document - tuned_window(tuned, memory)
    both = answer_text(tuned, memory)
    bare = answer_text(tuned, memory, method="none")
    assert len({answer.answer, both, bare}) == 3


def tuned_window(engine: Engine, memory: object) -> int:
    """Document tokens in the window of the first question."""
    bare = engine.ask(memory, QUESTIONS[0], method="none", max_new_tokens=1)  # type: ignore[arg-type]
    return bare.tokens.document - bare.left_out


def test_without_it_the_model_is_bare(tuned: Engine, engine: Engine) -> None:
    """`--method none` through an adapter with a reader and through one without say the same."""
    for question in QUESTIONS[:3]:
        with_reader = answer_text(tuned, ingest(tuned, 1), question, method="none")
        assert with_reader == answer_text(engine, ingest(engine, 1), question, method="none")


def test_the_passages_are_those_of_the_steered_memory(tuned: Engine) -> None:
    memory = ingest(tuned, 1, 2)
    scores = []
    for method in ("qd-lcirc", "reader"):
        answerer = tuned.answerer(memory, method=method)
        scores.append(answerer.rank(QUESTIONS[:3], answerer.steer(QUESTIONS[:3])))
    for steered, read in zip(*scores, strict=True):
        assert (steered == read).all()


def test_a_memory_s_features_are_the_bare_model_s(tmp_path: Path, engine: Engine) -> None:
    """What is saved does not depend on the reader: it may be trained on without a new memory."""
    one = ingest(_tuned(tmp_path / "one", engine), 1)
    plain = ingest(engine, 1)
    assert all((one.features[name] == plain.features[name]).all() for name in plain.features)


def test_closed_gates_with_a_reader_are_the_reader(tmp_path: Path, engine: Engine) -> None:
    closed = _tuned(tmp_path / "closed", engine, gates=0.0)
    memory = ingest(closed, 1)
    said = {m: answer_text(closed, memory, method=m) for m in ("qd-lcirc", "reader", "none")}
    assert said["qd-lcirc"] == said["reader"] != said["none"]


def test_questions_together_are_answered_as_one_by_one(tuned: Engine) -> None:
    memory = ingest(tuned, 1)
    together = tuned.ask_many(memory, QUESTIONS, method="reader", max_new_tokens=12)
    alone = [answer_text(tuned, memory, question, method="reader") for question in QUESTIONS]
    assert [answer.answer for answer in together] == alone


def test_an_adapter_without_a_reader_says_so(engine: Engine) -> None:
    with pytest.raises(UsageError, match="has no reader"):
        engine.ask(ingest(engine, 1), QUESTIONS[0], method="reader")
