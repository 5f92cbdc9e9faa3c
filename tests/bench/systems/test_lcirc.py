"""`lcirc` and `qd-lcirc`: what a memory changes, and what is as in `lcirc ask`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lcirc_cli.adapters.confidence import SIGNALS
from lcirc_cli.backbones import hub
from lcirc_cli.bench import metrics
from lcirc_cli.bench.sample import Prompt, Sample
from lcirc_cli.bench.systems import (
    Limits,
    Workbench,
    open_system,
    parse_system,
    reading,
)
from lcirc_cli.prompts import REFUSAL

from .asking import LIMITS, batches, short


def test_a_memory_changes_the_answer_loss_and_another_document_changes_it_again(
    workbench: Workbench, qa_folder: Path
) -> None:
    batch = short(batches(qa_folder, f"qa:{qa_folder}")[2])
    losses = {
        name: open_system(parse_system(name), workbench, limits=LIMITS)
        .run(batch)[0]
        .output.answer_loss
        for name in ("none", "lcirc+none", "qd-lcirc+none", "qd-lcirc+none~shuffled")
    }
    assert len({round(loss or 0.0, 5) for loss in losses.values()}) == 4


@pytest.mark.parametrize("name", ["none", "retrieval", "qd-lcirc"])
def test_earlier_turns_are_shown_where_a_question_needs_them(
    name: str, workbench: Workbench, qa_folder: Path
) -> None:
    batch = short(batches(qa_folder, f"qa:{qa_folder}")[2])
    sample = replace(batch.samples[0], question="And what colour was it?")
    turns = (("Which ferry went first?", "The small one."),)
    system = open_system(parse_system(name), workbench, limits=LIMITS)

    def prompt(**changes: object) -> str:
        changed = replace(sample, **changes)  # type: ignore[arg-type]
        return system.run(replace(batch, samples=[changed]))[0].prompt_sha256

    assert prompt(history=turns) != prompt()
    alone = "What colour is the ferry number 2?"
    assert prompt(question=alone, history=turns) == prompt(question=alone)


def test_letters_and_true_are_given_where_the_benchmark_asks_for_them(
    workbench: Workbench, qa_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the adapter's own systems; what the bare model says is left as it is."""
    batch = short(batches(qa_folder, f"qa:{qa_folder}")[1])
    generate = reading.generate

    def said(text: str) -> Any:
        return lambda *args, **options: [replace(g, text=text) for g in generate(*args, **options)]

    prompt = Prompt("", "\nAnswer with the letter alone.")
    options = "What turned?\nA. the mill\nB. the wheel"
    sample = replace(batch.samples[0], question=options, prompt=prompt)
    claim = replace(sample, question="It turned, true or false?", closed_book="True or false?")

    def outputs(name: str, asked: Sample, text: str) -> tuple[str, str | None]:
        monkeypatch.setattr(reading, "generate", said(text))
        system = open_system(parse_system(name), workbench, limits=LIMITS)
        output = system.run(replace(batch, samples=[asked]))[0].output
        return output.text, output.closed_book

    assert outputs("qd-lcirc+evidence", sample, "a wheel") == ("B", None)
    assert outputs("retrieval", sample, "a wheel") == ("a wheel", None)
    assert outputs("qd-lcirc+evidence", claim, " Yes") == ("True", "True")
    assert outputs("retrieval", claim, " Yes") == (" Yes", " Yes")


@pytest.mark.parametrize("outcome", [[60.0, 0.0, 0.0], [0.0, 60.0, 0.0]])
def test_the_score_refuses_as_ask_does(
    workbench: Workbench, qa_folder: Path, monkeypatch: pytest.MonkeyPatch, outcome: list[float]
) -> None:
    batch = short(batches(qa_folder, f"qa:{qa_folder}")[1])
    names = ("qd-lcirc+evidence", "qd-lcirc+evidence~shuffled", "qd-lcirc+none", "retrieval")
    systems = [open_system(parse_system(name), workbench, limits=LIMITS) for name in names]
    free = [system.run(batch) for system in systems]
    monkeypatch.setattr(workbench.engine(None).adapter.config, "confidence", constant(outcome))
    for name, system, before in zip(names, systems, free, strict=True):
        for measured, without in zip(system.run(batch), before, strict=True):
            assert measured.output.refusal == pytest.approx(without.output.refusal, rel=1e-4)
            assert measured.output.answer_loss == without.output.answer_loss
            refused = measured.output.text == REFUSAL
            if "evidence" in name:
                assert refused == (outcome[1] > 0)
            else:
                assert measured.output.text == without.output.text


def test_the_score_is_silent_under_a_benchmark_s_prompt(
    workbench: Workbench, data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = short(batches(data_folder, "longbench/qasper")[0])
    assert batch.samples[0].prompt is not None
    system = open_system(parse_system("qd-lcirc+evidence"), workbench, limits=LIMITS)
    config = workbench.engine(None).adapter.config
    monkeypatch.setattr(config, "confidence", constant([0.0, 60.0, 0.0]))
    assert REFUSAL not in [measured.output.text for measured in system.run(batch)]


def constant(outcome: list[float]) -> dict[str, list[float]]:
    """A confidence that is the same whatever is answered."""
    return {**{name: [0.0] * 3 for name in SIGNALS}, "constant": outcome}


@pytest.mark.parametrize("budget", [12, 40, 64, 300])
def test_an_evidence_window_is_that_of_ask(
    workbench: Workbench, qa_folder: Path, budget: int
) -> None:
    """Token for token, where the best passage alone is over the budget too."""
    engine = workbench.engine(None)
    limits = Limits(window=640, evidence=budget)
    system = open_system(parse_system("qd-lcirc+evidence"), workbench, limits=limits)
    for batch in batches(qa_folder, f"qa:{qa_folder}"):
        memory, _, _ = workbench.memory(engine, batch.samples[0].document)
        assert memory is not None
        for sample, measured in zip(batch.samples, system.run(short(batch)), strict=True):
            answer = engine.ask(memory, sample.question, window_tokens=budget, max_new_tokens=1)
            assert measured.window == answer.tokens.window


def test_the_compressed_tokens_are_counted(workbench: Workbench, qa_folder: Path) -> None:
    batch = short(batches(qa_folder, f"qa:{qa_folder}")[2])
    (size,) = {len(workbench.index(batch.samples[0].document).texts[0].starts)}
    compressed = open_system(parse_system("lcirc"), workbench, limits=LIMITS).run(batch)[0]
    assert (compressed.compressed, compressed.dropped) == (size, 0)
    cut = open_system(parse_system("ends"), workbench, limits=LIMITS).run(batch)[0]
    assert cut.compressed == 0
    assert 0 < cut.dropped < size


@pytest.mark.parametrize("offline", [False, True])
def test_offline_holds_for_an_adapter_of_its_own(
    offline: bool, workbench: Workbench, adapter_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bool] = []
    monkeypatch.setattr(
        hub, "snapshot", lambda name, *, offline=False: [seen.append(offline), adapter_folder][1]
    )
    bench = Workbench(workbench.engine(None), offline=offline)
    open_system(parse_system("lcirc@owner/adapter"), bench, limits=LIMITS)
    assert seen == [offline]


def test_a_score_decides_as_in_ask_and_is_kept(
    workbench: Workbench, qa_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bare answer counts; what it is worth stands beside."""
    engine = workbench.engine(None)
    mixed = {name: [0.3 - 0.1 * n, 0.05 * n, -0.1] for n, name in enumerate(SIGNALS)}
    batch = short(batches(qa_folder, f"qa:{qa_folder}")[1])
    limits = Limits(window=640, evidence=64)
    system = open_system(parse_system("qd-lcirc+evidence"), workbench, limits=limits)
    memory, _, _ = workbench.memory(engine, batch.samples[0].document)
    assert memory is not None
    said = set()
    for constant in ([60.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 60.0, 0.0]):
        monkeypatch.setattr(engine.adapter.config, "confidence", {**mixed, "constant": constant})
        for sample, measured in zip(batch.samples, system.run(batch), strict=True):
            answer = engine.ask(memory, sample.question, window_tokens=64, max_new_tokens=4)
            assert measured.output.confidence == pytest.approx(answer.confidence, abs=1e-4)
            refused = measured.output.text == "The document does not say."
            assert refused is answer.refused
            values = metrics.score(sample, measured.output).values
            assert values["confidence"] == measured.output.confidence
            said.add(refused)
    assert said == {True, False}


def test_a_score_is_of_our_own_prompt_and_the_passages(
    workbench: Workbench, qa_folder: Path, data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a benchmark's prompt the best answer that is no refusal counts."""
    weights = {name: [0.0] * 3 for name in (*SIGNALS, "constant")}
    config = workbench.engine(None).adapter.config
    monkeypatch.setattr(config, "confidence", {**weights, "constant": [0.0, 60.0, 0.0]})
    own = short(batches(qa_folder, f"qa:{qa_folder}")[1])
    foreign = short(batches(data_folder, "longbench/qasper")[0])
    for name, batch in (("qd-lcirc+none", own), ("qd-lcirc+evidence", foreign)):
        system = open_system(parse_system(name), workbench, limits=LIMITS)
        for measured in system.run(batch):
            assert measured.output.confidence is None
            assert measured.output.text != "The document does not say."
