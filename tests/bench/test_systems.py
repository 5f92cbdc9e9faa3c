"""Every system on every kind of sample, with a tiny random model."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from lcirc_cli.answering.decoding import Decoder
from lcirc_cli.bench.plan import plan
from lcirc_cli.bench.sample import Sample, TextSample
from lcirc_cli.bench.systems import (
    Batch,
    Limits,
    NotApplicable,
    Workbench,
    open_constant,
    open_system,
    parse_system,
)
from lcirc_cli.bench.systems.prompting import Prompter
from lcirc_cli.bench.systems.texts import text_ids
from lcirc_cli.bench.tasks import TaskOptions, open_task
from lcirc_cli.errors import ModelError, UsageError
from lcirc_cli.model.reader import linear_targets

from ..engine.tiny import SMALL, save_adapter

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
LIMITS = Limits(window=320, evidence=64)


def _batches(folder: Path, name: str, **options: object) -> list[Batch]:
    task = open_task(name, TaskOptions(data_dir=folder, **options))  # type: ignore[arg-type]
    return list(plan(task, limit=None, seed=0).batches(4))


def _short(batch: Batch) -> Batch:
    """Tiny models say nothing worth waiting for."""
    return replace(batch, samples=[replace(s, max_new_tokens=4) for s in batch.samples])


@pytest.mark.parametrize("name", READERS + COMPRESSORS)
def test_questions_about_documents_of_all_lengths(
    name: str, workbench: Workbench, qa_folder: Path
) -> None:
    system = open_system(parse_system(name), workbench, limits=LIMITS)
    for batch in _batches(qa_folder, f"qa:{qa_folder}"):
        for sample, measured in zip(batch.samples, system.run(_short(batch)), strict=True):
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
    for batch in _batches(data_folder, task, protocol=protocol):
        for sample, measured in zip(batch.samples, system.run(_short(batch)), strict=True):
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
    losses = Decoder.losses

    def noted(self: Decoder, prompts: Any, answers: Any, **options: Any) -> list[float]:
        scored.extend(answers)
        return losses(self, prompts, answers, **options)

    monkeypatch.setattr(Decoder, "losses", noted)
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


def test_a_prompt_that_fits_is_the_same_in_ends_and_full(
    workbench: Workbench, qa_folder: Path
) -> None:
    batch = _short(_batches(qa_folder, f"qa:{qa_folder}")[0])
    runs = [
        open_system(parse_system(name), workbench, limits=LIMITS).run(batch)
        for name in ("ends", "full")
    ]
    assert runs[0] == runs[1]
    assert all(measured.dropped == 0 for measured in runs[0])


def test_a_memory_changes_the_answer_loss_and_another_document_changes_it_again(
    workbench: Workbench, qa_folder: Path
) -> None:
    batch = _short(_batches(qa_folder, f"qa:{qa_folder}")[2])
    losses = {
        name: open_system(parse_system(name), workbench, limits=LIMITS)
        .run(batch)[0]
        .output.answer_loss
        for name in ("none", "lcirc+none", "qd-lcirc+none", "qd-lcirc+none~shuffled")
    }
    assert len({round(loss or 0.0, 5) for loss in losses.values()}) == 4


def test_questions_asked_together_get_what_they_get_alone(
    workbench: Workbench, qa_folder: Path
) -> None:
    batch = _short(_batches(qa_folder, f"qa:{qa_folder}")[1])
    for name in ("ends", "qd-lcirc+evidence"):
        system = open_system(parse_system(name), workbench, limits=LIMITS)
        together = system.run(batch)
        alone = [system.run(replace(batch, samples=[sample]))[0] for sample in batch.samples]
        assert [m.prompt_sha256 for m in together] == [m.prompt_sha256 for m in alone]
        assert [m.output.text for m in together] == [m.output.text for m in alone]
        for one, other in zip(together, alone, strict=True):
            if one.output.answer_loss is not None:
                assert one.output.answer_loss == pytest.approx(other.output.answer_loss, abs=1e-4)


def test_a_threshold_refuses_as_ask_does(
    workbench: Workbench, qa_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = _short(_batches(qa_folder, f"qa:{qa_folder}")[1])
    names = ("qd-lcirc+evidence", "qd-lcirc+evidence~shuffled", "qd-lcirc+none", "retrieval")
    systems = [open_system(parse_system(name), workbench, limits=LIMITS) for name in names]
    free = [system.run(batch) for system in systems]
    config = workbench.engine(None).adapter.config
    monkeypatch.setattr(config, "refusal_thresholds", {"evidence": 0.0})
    for name, system, before in zip(names, systems, free, strict=True):
        for measured, without in zip(system.run(batch), before, strict=True):
            assert measured.output.refusal == pytest.approx(without.output.refusal, rel=1e-4)
            assert measured.output.answer_loss == without.output.answer_loss
            refused = measured.output.text == "The document does not say."
            assert refused == ("evidence" in name)
            assert refused or measured.output.text == without.output.text


def test_a_threshold_holds_for_a_benchmark_s_prompt_too(
    workbench: Workbench, data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = _short(_batches(data_folder, "longbench/qasper")[0])
    assert batch.samples[0].prompt is not None
    system = open_system(parse_system("qd-lcirc+evidence"), workbench, limits=LIMITS)
    config = workbench.engine(None).adapter.config
    texts = {}
    for threshold in (1.01, 0.0):
        monkeypatch.setattr(config, "refusal_thresholds", {"evidence": threshold})
        texts[threshold] = [measured.output.text for measured in system.run(batch)]
    assert set(texts[0.0]) == {"The document does not say."}
    assert "The document does not say." not in texts[1.01]


def test_a_missing_name_counts_as_in_ask_and_under_our_own_prompt_only(
    workbench: Workbench, qa_folder: Path, data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = workbench.engine(None).adapter.config
    thresholds = {"evidence": 1.01, "unnamed": 0.0}
    monkeypatch.setattr(config, "refusal_thresholds", thresholds)
    system = open_system(parse_system("qd-lcirc+evidence"), workbench, limits=LIMITS)
    own = _short(_batches(qa_folder, f"qa:{qa_folder}")[1])
    foreign = _short(_batches(data_folder, "longbench/qasper")[0])
    for batch, refused in ((own, True), (foreign, False)):
        asked = [replace(s, question=f"{s.question} in Kirkwall?") for s in batch.samples]
        for measured in system.run(replace(batch, samples=asked)):
            assert (measured.output.text == "The document does not say.") == refused


@pytest.mark.parametrize("budget", [12, 40, 64, 300])
def test_an_evidence_window_is_that_of_ask(
    workbench: Workbench, qa_folder: Path, budget: int
) -> None:
    """Token for token, where the best passage alone is over the budget too."""
    engine = workbench.engine(None)
    limits = Limits(window=640, evidence=budget)
    system = open_system(parse_system("qd-lcirc+evidence"), workbench, limits=limits)
    for batch in _batches(qa_folder, f"qa:{qa_folder}"):
        memory = workbench.memory(engine, batch.samples[0].document)
        assert memory is not None
        for sample, measured in zip(batch.samples, system.run(_short(batch)), strict=True):
            answer = engine.ask(memory, sample.question, window_tokens=budget, max_new_tokens=1)
            assert measured.window == answer.tokens.window


def test_what_looks_like_a_special_token_is_text_in_a_document(workbench: Workbench) -> None:
    backbone = workbench.backbone
    special = set(backbone.tokenizer.all_special_ids)
    text = "One <|im_end|> two three. " * 30
    ids = text_ids(backbone, TextSample("t", "t", text, 40, 40, 4))
    assert len(ids) == 40 and not special & set(ids)


def test_the_reader_has_the_passages_of_the_memory_and_no_memory(
    workbench: Workbench, qa_folder: Path, tmp_path: Path
) -> None:
    engine = workbench.engine(None)
    targets = linear_targets(engine.backbone.lm)
    changes: dict[str, Any] = {**SMALL, "reader_rank": 2, "reader_targets": targets}
    folder = save_adapter(tmp_path / "tuned", engine, **changes)
    batch = _short(_batches(qa_folder, f"qa:{qa_folder}")[1])
    systems = {
        name: open_system(parse_system(name), workbench, limits=LIMITS).run(batch)
        for name in (
            f"reader+evidence@{folder}",
            f"qd-lcirc+evidence@{folder}",
            f"reader+none@{folder}",
            "none",
        )
    }
    reader, both, alone, bare = systems.values()
    for one, other in zip(reader, both, strict=True):
        assert one.output.ranking == other.output.ranking
        assert one.prompt_sha256 == other.prompt_sha256
        assert one.compressed == 0 and one.dropped > 0
        if one.output.answer_loss is not None:
            assert one.output.answer_loss != other.output.answer_loss
    assert {a.output.answer_loss for a in alone} != {b.output.answer_loss for b in bare}


def test_a_reader_needs_weights_and_a_question(workbench: Workbench, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no reader"):
        open_system(parse_system("reader+evidence"), workbench, limits=LIMITS)
    engine = workbench.engine(None)
    changes: dict[str, Any] = {**SMALL, "reader_rank": 2}
    changes["reader_targets"] = linear_targets(engine.backbone.lm)
    name = f"reader+evidence@{save_adapter(tmp_path / 'tuned', engine, **changes)}"
    system = open_system(parse_system(name), workbench, limits=LIMITS)
    with pytest.raises(NotApplicable, match="memory"):
        system.run(Batch(texts=[TextSample("t", "t", "One two three four.", 4, 4, 2)]))


def test_a_window_too_small_for_the_prompt_itself_is_said(
    workbench: Workbench, data_folder: Path
) -> None:
    system = open_system(parse_system("ends"), workbench, limits=Limits(window=96))
    with pytest.raises(ValueError, match="--window"):
        system.run(_short(_batches(data_folder, "leval/sci_fi")[0]))


def test_the_compressed_tokens_are_counted(workbench: Workbench, qa_folder: Path) -> None:
    batch = _short(_batches(qa_folder, f"qa:{qa_folder}")[2])
    (size,) = {len(workbench.index(batch.samples[0].document).texts[0].starts)}
    compressed = open_system(parse_system("lcirc"), workbench, limits=LIMITS).run(batch)[0]
    assert (compressed.compressed, compressed.dropped) == (size, 0)
    cut = open_system(parse_system("ends"), workbench, limits=LIMITS).run(batch)[0]
    assert cut.compressed == 0
    assert 0 < cut.dropped < size


def test_retrieval_finds_planted_evidence(workbench: Workbench, qa_folder: Path) -> None:
    batch = _short(_batches(qa_folder, f"qa:{qa_folder}")[2])
    measured = open_system(parse_system("retrieval"), workbench, limits=LIMITS).run(batch)[0]
    assert measured.output.ranking is not None
    assert measured.output.ranking[0][0] == 0


def test_the_extended_rotation_is_taken_back(workbench: Workbench, qa_folder: Path) -> None:
    rotary = workbench.backbone.lm.get_decoder().rotary_emb
    before = rotary.inv_freq.clone()
    batch = _short(_batches(qa_folder, f"qa:{qa_folder}")[0])
    plain = open_system(parse_system("full"), workbench, limits=LIMITS).run(batch)
    wide = open_system(parse_system("extended-fa"), workbench, limits=LIMITS).run(batch)
    assert torch.equal(rotary.inv_freq, before)
    assert plain[0].output.answer_loss != wide[0].output.answer_loss


def _save_lora(backbone_folder: Path, folder: Path) -> None:
    """LoRA weights, made by peft, that change what the model says."""
    peft = pytest.importorskip("peft")
    from transformers import AutoModelForCausalLM

    lm = AutoModelForCausalLM.from_pretrained(backbone_folder)
    tuned = peft.get_peft_model(lm, peft.LoraConfig(r=2, target_modules=["q_proj", "v_proj"]))
    with torch.no_grad():
        for name, parameter in tuned.named_parameters():
            if "lora_B" in name:
                parameter.normal_()
    tuned.save_pretrained(folder)


def test_a_lora_adapter_is_used_and_taken_off_again(
    workbench: Workbench, backbone_folder: Path, qa_folder: Path, tmp_path: Path
) -> None:
    _save_lora(backbone_folder, tmp_path / "lora")
    batch = _short(_batches(qa_folder, f"qa:{qa_folder}")[0])
    ends = open_system(parse_system("ends"), workbench, limits=LIMITS)
    before = ends.run(batch)
    spec = parse_system(f"window@{tmp_path / 'lora'}")
    system = open_system(spec, workbench, limits=LIMITS)
    changed = system.run(batch)
    assert changed[0].output.answer_loss != before[0].output.answer_loss
    assert ends.run(batch) == before
    bare = open_system(parse_system("window"), workbench, limits=LIMITS)
    assert bare.run(batch) == before
    for window, name in (("evidence", "retrieval"), ("none", "none")):
        same = open_system(parse_system(name), workbench, limits=LIMITS).run(batch)
        bare = open_system(parse_system(f"window+{window}"), workbench, limits=LIMITS)
        assert bare.run(batch) == same
        spec = parse_system(f"window+{window}@{tmp_path / 'lora'}")
        changed = open_system(spec, workbench, limits=LIMITS).run(batch)
        assert changed[0].prompt_sha256 == same[0].prompt_sha256
        assert changed[0].output.answer_loss != same[0].output.answer_loss


def test_a_lora_adapter_may_have_a_threshold_of_refusing(
    workbench: Workbench, backbone_folder: Path, qa_folder: Path, tmp_path: Path
) -> None:
    _save_lora(backbone_folder, tmp_path / "lora")
    batch = _short(_batches(qa_folder, f"qa:{qa_folder}")[0])
    spec = parse_system(f"window+evidence@{tmp_path / 'lora'}")
    texts = []
    for threshold in (None, 1.01, 0.0, "0.5"):
        card = {"method": "window", "prompt_form": "auto", "refusal_threshold": threshold}
        (tmp_path / "lora" / "method.json").write_text(json.dumps(card), "utf-8")
        if threshold == "0.5":
            with pytest.raises(ModelError, match="refusal_threshold must be a number"):
                open_system(spec, workbench, limits=LIMITS)
            continue
        measured = open_system(spec, workbench, limits=LIMITS).run(batch)
        texts.append({one.output.text for one in measured})
    assert texts[0] == texts[1]
    assert texts[2] == {"The document does not say."}
    with pytest.raises(ModelError, match="no LoRA"):
        open_system(parse_system(f"window@{tmp_path}"), workbench, limits=LIMITS)


def test_the_constant_answer_is_the_majority(qa_folder: Path) -> None:
    samples = list(open_task(f"qa:{qa_folder}", TaskOptions()).samples())
    constant = open_constant(samples)
    assert constant.answer == "blue"  # as frequent as the refusal, and first
    assert constant.share == 0.5
    assert isinstance(samples[0], Sample)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nothing",
        "ends+none",
        "lcirc+all",
        "none@adapter",
        "ends@adapter",
        "ends~shuffled",
        "lcirc~mixed",
        "reader~shuffled",
        "QD-LCIRC",
    ],
)
def test_unknown_systems_are_usage_errors(text: str) -> None:
    with pytest.raises(UsageError):
        parse_system(text)


def test_parts_of_a_name() -> None:
    spec = parse_system("qd-lcirc+evidence@runs/a+b~shuffled")
    assert (spec.name, spec.window, spec.adapter, spec.shuffled) == (
        "qd-lcirc",
        "evidence",
        "runs/a+b",
        True,
    )
    assert parse_system("lcirc").window == "ends"


def test_a_chat_template_without_a_system_turn(
    workbench: Workbench, data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system's text then begins the user's turn, as `lcirc ask` does it."""
    tokenizer = workbench.backbone.tokenizer
    template = (
        "{% for m in messages %}{% if m.role == 'system' %}"
        "{{ raise_exception('System role not supported') }}{% endif %}"
        "<{{ m.role }}>{{ m.content }}{% endfor %}<model>"
    )
    monkeypatch.setattr(tokenizer, "chat_template", template)
    (sample,) = _batches(data_folder, "leval/sci_fi")[0].samples
    assert sample.prompt is not None and sample.prompt.system
    ids = Prompter(workbench.backbone).shown(sample, ["text"], document_tokens=1).ids
    text = tokenizer.decode(ids)
    assert text.replace(" ", "").startswith(f"<user>{sample.prompt.system}".replace(" ", ""))
