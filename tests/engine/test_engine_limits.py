"""What the engine refuses, memory that runs out, and many questions to one engine."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from lcirc_cli import Engine
from lcirc_cli.answering.answerer import Answerer
from lcirc_cli.errors import MemoryFileError, ModelError, OutOfMemoryError, UsageError
from lcirc_cli.memory.contents import MemoryContents
from lcirc_cli.memory.file import check_fingerprints

from .tiny import QUESTIONS, SMALL, answer_text, ingest, make_document, save_adapter, save_backbone


@pytest.mark.parametrize(
    "options",
    [
        {"method": "rag"},
        {"window": "all"},
        {"max_new_tokens": 0},
        {"citations": -1},
        {"window_tokens": -1},
        {"temperature": float("nan")},
        {"temperature": -1.0},
    ],
)
def test_settings_that_cant_be_used(engine: Engine, options: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        engine.ask(ingest(engine, 1), "a question", **options)


def test_an_empty_question_or_no_memory(engine: Engine) -> None:
    with pytest.raises(UsageError, match="empty"):
        engine.ask(ingest(engine, 1), " \n")
    with pytest.raises(UsageError, match="no memory"):
        engine.ask([], "a question")


def test_an_adapter_without_a_mixer_says_which_method_to_use(
    engine: Engine, tmp_path: Path, backbone_folder: Path
) -> None:
    folder = save_adapter(tmp_path / "plain", engine, **SMALL, query_mixer=False)
    plain = Engine.load(str(backbone_folder), str(folder), dtype="float32")
    memory = ingest(plain, 1)
    assert answer_text(plain, memory, method="lcirc")
    with pytest.raises(UsageError, match="--method lcirc"):
        answer_text(plain, memory)


def test_a_memory_of_other_models_is_refused(engine: Engine, tmp_path: Path) -> None:
    memory = ingest(engine, 1)
    for field in ("backbone", "tokenizer", "adapter"):
        other = dataclasses.replace(memory.fingerprints, **{field: "0" * 64})
        with pytest.raises(ModelError, match=field.replace("backbone", "model")):
            engine.ask(dataclasses.replace(memory, fingerprints=other), "a question")
    stranger = Engine.load(str(save_backbone(tmp_path / "b", seed=7)), dtype="float32")
    with pytest.raises(ModelError):
        stranger.ingest([make_document("more")], append_to=memory)


def test_the_advice_on_adapters_is_one_that_works(engine: Engine) -> None:
    """The adapters that are taken without a flag have names that --adapter does not know."""
    memory = ingest(engine, 1)
    trained, default = "runs/qa/best", "untrained"
    for old, new, advice in (
        (trained, default, "use --adapter runs/qa/best, or ingest"),
        (default, trained, "leave out --adapter, or ingest"),
        (default, "smollm2", r"\): ingest the document again"),
    ):
        made = dataclasses.replace(memory.fingerprints, adapter_name=old, adapter="0" * 64)
        now = dataclasses.replace(memory.fingerprints, adapter_name=new)
        with pytest.raises(ModelError, match=advice):
            check_fingerprints(dataclasses.replace(memory, fingerprints=made), now)


def test_memory_that_runs_out_halves_the_batch(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = ingest(engine, 1)
    monkeypatch.setattr("lcirc_cli.compression.features.windows_at_once", lambda device: 8)
    features, sizes = engine.model.features, []

    def scarce(ids: torch.Tensor) -> torch.Tensor:
        sizes.append(len(ids))
        if len(ids) > room:
            raise torch.OutOfMemoryError
        return features(ids)

    monkeypatch.setattr(engine.model, "features", scarce)
    room = 2
    memory = ingest(engine, 1)
    assert sizes[:3] == [7, 3, 1] or sizes[:3] == [8, 4, 2]
    difference = (memory.features["codes"][:].int() - expected.features["codes"][:].int()).abs()
    assert difference.max() <= 1
    room = 0
    with pytest.raises(OutOfMemoryError) as caught:
        ingest(engine, 1)
    assert caught.value.exit_code == 6


def test_memory_that_runs_out_in_an_answer(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    memory = ingest(engine, 1)

    def full(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried ...")

    monkeypatch.setattr(engine.backbone.lm, "generate", full)
    with pytest.raises(OutOfMemoryError):
        answer_text(engine, memory)


def _hooks(engine: Engine) -> int:
    modules = [*engine.backbone.lm.modules(), *engine.adapter.adapter.modules()]
    return sum(len(m._forward_pre_hooks) + len(m._forward_hooks) for m in modules)


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def test_fifty_questions_leave_no_hooks(engine: Engine) -> None:
    memory = ingest(engine, 1)
    before = _hooks(engine)
    for number in range(50):
        engine.ask(memory, f"{QUESTIONS[number % 5]} {number}", max_new_tokens=3)
    assert _hooks(engine) == before


@pytest.mark.slow
def test_a_thousand_questions_keep_memory_flat(engine: Engine) -> None:
    memory = ingest(engine, 1, 2)
    before = _hooks(engine)
    for number in range(1000):
        if number == 100:  # allocators have settled
            start = _resident()
        engine.ask(memory, f"{QUESTIONS[number % 5]} {number}", max_new_tokens=4)
    assert _hooks(engine) == before
    assert _resident() < 1.02 * start


def test_a_question_without_room_is_refused_before_anything_is_computed(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = ingest(engine, 1)
    monkeypatch.setattr(Answerer, "steer", lambda *_: pytest.fail("something was computed"))
    long = "bread " * 1_100
    with pytest.raises(UsageError, match="the question is too long: 1,1"):
        engine.ask(memory, long)
    with pytest.raises(UsageError, match="the question is too long"):
        next(engine.ask_many(memory, [*QUESTIONS * 3, long], batch=2))


WRONG: dict[str, Callable[[MemoryContents], MemoryContents]] = {
    "narrow latents": lambda c: replace(c, states=c.states[:, :8]),
    "another latent count": lambda c: replace(c, settings={**c.settings, "num_latents": 2}),
    "a long segment": lambda c: replace(c, segment_lengths=[len(c.token_ids)]),
    "a token that is none": lambda c: replace(  # tokens are read where there are no features
        c, features={}, token_ids=torch.full_like(c.token_ids[:], 40_000)
    ),
    "no features": lambda c: replace(c, features={}),
    "features of another width": lambda c: replace(
        c, features={name: value[:, :8] for name, value in c.features.items()}
    ),
    "no documents": lambda c: replace(c, documents=(), token_ids=c.token_ids[:0]),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_memory_that_its_models_would_not_have_made_is_refused(name: str, engine: Engine) -> None:
    """Its fingerprints are right: anybody can write them."""
    memory = WRONG[name](ingest(engine, 1))
    with pytest.raises(MemoryFileError, match="not what the models that it names") as caught:
        engine.ask(memory, QUESTIONS[0])
    assert caught.value.exit_code == 5 and "\n" not in str(caught.value)
    assert ("the token 40,000" in str(caught.value)) == (name == "a token that is none")
    with pytest.raises(MemoryFileError):
        engine.ingest([make_document("More words.")], append_to=memory)
