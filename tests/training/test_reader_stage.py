"""The reader's training: shared windows are one by one what they are together, and runs."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from lcirc_cli.adapters.loading import load_adapter
from lcirc_cli.backbones.tokens import encode_questions
from lcirc_cli.model.shared_rows import RowsLayout, use_shared_rows
from lcirc_cli.training.config import make_settings
from lcirc_cli.training.data.shared_windows import Row, SharedWindow
from lcirc_cli.training.methods.adapter import build_model
from lcirc_cli.training.methods.learner import ReaderLearner, has_compiler
from lcirc_cli.training.methods.reader_stage import separate_losses, shared_losses
from lcirc_cli.training.methods.stages import question_keys

from ..conftest import Outcome
from .conftest import Command, Line, checkpoint_tensors

TINY_ADAPTER: dict[str, Any] = {
    "adapter.segment_length": 16,
    "adapter.max_segment_length": 32,
    "adapter.feature_window": 64,
    "adapter.num_latents": 4,
}
READER: dict[str, Any] = {"method": "reader", "window_tokens": 400, "lora_rank": 4}


def _window(*lengths: tuple[int, int], shared: int = 30) -> SharedWindow:
    generator = torch.Generator().manual_seed(0)

    def ids(count: int) -> list[int]:
        return torch.randint(5, 90, (count,), generator=generator).tolist()

    return SharedWindow(ids(shared), tuple(Row(ids(p), ids(a)) for p, a in lengths))


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("shared", [30, 0])
def test_a_shared_window_equals_its_rows_one_by_one(
    tiny_backbone: Callable[..., Any], attention: str, shared: int
) -> None:
    """Losses and gradients, within 1e-5."""
    backbone = tiny_backbone()
    backbone.lm.set_attn_implementation(attention)
    model = build_model(make_settings(None, READER), backbone)
    learner = ReaderLearner(model, checkpointing=False)
    learner.train(True)
    parameters = list(learner.module.parameters())
    with torch.no_grad():
        for index, parameter in enumerate(parameters):
            generator = torch.Generator().manual_seed(index)
            parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.05)
    window = _window((4, 3), (9, 1), (2, 6), (1, 2), shared=shared)
    found = []
    for losses in (shared_losses, separate_losses):
        each_B = losses(model, window)
        gradients = torch.autograd.grad(each_B.mean(), parameters)
        found.append((each_B, torch.cat([g.flatten() for g in gradients])))
    torch.testing.assert_close(found[0][0], found[1][0], rtol=0, atol=1e-5)
    torch.testing.assert_close(found[0][1], found[1][1], rtol=0, atol=1e-5)
    assert found[1][1].abs().max() > 1e-3


def test_rows_see_what_is_shared_and_themselves() -> None:
    layout = RowsLayout.of(2, [2, 1], device=torch.device("cpu"), dtype=torch.float32)
    assert (layout.shared_SS == 0).int().tolist() == [[1, 0], [1, 1]]
    assert (layout.rows_RT == 0).int().tolist() == [
        [1, 1, 1, 0, 0],
        [1, 1, 1, 1, 0],
        [1, 1, 0, 0, 1],
    ]
    assert layout.positions_T.tolist() == [0, 1, 2, 3, 2]


def test_the_decoder_attends_as_ever_without_a_layout(tiny_backbone: Callable[..., Any]) -> None:
    """Padding included: what runs in the same process after the reader's windows."""
    lm = tiny_backbone().lm
    ids = torch.randint(5, 90, (2, 12), generator=torch.Generator().manual_seed(0))
    mask = torch.ones_like(ids)
    mask[0, :4] = 0
    before = lm(input_ids=ids, attention_mask=mask).logits
    use_shared_rows(lm)
    assert torch.equal(lm(input_ids=ids, attention_mask=mask).logits, before)


def test_a_trained_reader_answers_and_leaves_the_memory_alone(
    here: Line,
    cli: Callable[..., Outcome],
    train_command: Command,
    planted: Any,
    tiny_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = tmp_path / "memory"
    assert here(train_command(first, steps=2)).status == 0
    out = tmp_path / "run"
    settings = {**READER, "learning_rate": 1e-2, "warmup_steps": 2, "wordings": 0.0}
    command = train_command(out, steps=30, **settings)
    done = here([*command, "--init", str(first / "best"), "--validation", str(planted.folder)])
    assert done.status == 0, done.err
    lines = [line for line in done.err.splitlines() if "validation at step 30" in line]
    assert lines and "loss_true" in lines[0]
    from lcirc_cli.backbones.loading import load_backbone

    backbone = load_backbone(str(tiny_folder), device="cpu", dtype="float32")
    before = load_adapter(str(first / "best"), backbone).adapter.state_dict()
    loaded = load_adapter(str(out / "best"), backbone)
    after = loaded.adapter.state_dict()
    assert loaded.adapter.reader is not None and loaded.changes
    assert not loaded.config.reader_beside_memory  # it has never read beside one
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())

    monkeypatch.setattr("lcirc_cli.answering.generation.whole_words", str)  # it says no word
    memory = tmp_path / "d.lcirc"
    text = tmp_path / "d.txt"
    text.write_text("The code is 42. The river is long.", "utf-8")
    models = ["--model", tiny_folder, "--adapter", out / "best", "--dtype", "float32"]
    assert cli("ingest", text, "-o", memory, *models).status == 0
    said = {
        method: cli("ask", memory, "-q", "What is the code?", "--method", method, *models)
        for method in ("reader", "qd-lcirc", "none")
    }
    assert all(each.status == 0 for each in said.values())
    assert said["reader"].out != said["none"].out
    assert "tokens searched" in said["reader"].err


def test_a_resumed_run_ends_in_the_same_bits(
    here: Line, train_command: Command, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    command = train_command(out, steps=6, **READER)
    assert here(command).status == 0
    whole = {key: value.clone() for key, value in checkpoint_tensors(out, 6).items()}
    shutil.rmtree(out / "checkpoints" / "step-00000006")
    done = here([*command, "--resume", "auto"])
    assert done.status == 0 and "going on from step 4" in done.err
    again = checkpoint_tensors(out, 6)
    assert whole.keys() == again.keys()
    assert all(torch.equal(whole[key], value) for key, value in again.items())


def test_a_half_decoder_takes_a_float32_reader(
    here: Line, train_command: Command, tmp_path: Path
) -> None:
    """As where a CPU is good at bfloat16 and autocast=float32 was asked for."""
    command = train_command(tmp_path / "run", steps=1, autocast="float32", **READER)
    done = here([*command, "--dtype", "bfloat16"])
    assert done.status == 0, done.err


@pytest.mark.slow
@pytest.mark.skipif(not has_compiler(), reason="there is no C++ compiler")
def test_compiled_layers_train_as_plain_ones(
    here: Line, train_command: Command, tmp_path: Path
) -> None:
    losses = []
    for compiled in (False, True):
        out = tmp_path / str(compiled)
        done = here(train_command(out, steps=3, autocast="float32", compile=compiled, **READER))
        assert done.status == 0, done.err
        with (out / "log.csv").open() as lines:
            losses.append([float(row["loss"]) for row in csv.DictReader(lines)])
    assert losses[1] == pytest.approx(losses[0], abs=1e-4)


def test_compiling_without_a_compiler_is_refused_at_once(
    here: Line, train_command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXX", str(tmp_path / "none"))
    done = here(train_command(tmp_path / "run", steps=1, compile=True, **READER))
    assert done.status == 2 and "needs a C++ compiler" in done.err


def test_a_reader_goes_on_from_another_s_weights_with_the_rank_it_has(
    here: Line, train_command: Command, tmp_path: Path
) -> None:
    first = tmp_path / "first"
    assert here(train_command(first, steps=2, **READER)).status == 0
    init = ["--init", str(first / "best")]
    second = tmp_path / "second"
    assert here(train_command(second, steps=1, learning_rate=1e-9, **READER), *init).status == 0
    weights = [load_file(run / "best" / "model.safetensors") for run in (first, second)]
    assert all(torch.equal(weights[1][name], w) for name, w in weights[0].items())
    done = here(train_command(tmp_path / "x", steps=1, **{**READER, "lora_rank": 2}), *init)
    assert done.status == 2 and "--set lora_rank=4" in done.err


def test_gradient_checkpointing_changes_nothing(
    here: Line, train_command: Command, tmp_path: Path
) -> None:
    logs = []
    for on in (False, True):
        out = tmp_path / f"run-{on}"
        assert here(train_command(out, steps=3, gradient_checkpointing=on, **READER)).status == 0
        logs.append([json.loads(line)["loss"] for line in (out / "log.jsonl").open()])
    assert logs[0] == pytest.approx(logs[1], abs=1e-5)
    init = ["--init", str(out / "best")]
    done = here(train_command(tmp_path / "both", gradient_checkpointing=True), *init)
    assert done.status == 2 and "gradient_checkpointing" in done.err


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ({"window_none": 1.0}, "window_none=0"),
        ({"window_ends": 1.0}, "window_ends=0"),
        ({"temperature": 0.0}, "temperature"),
        ({"wordings": 1.5}, "wordings"),
        ({"answer_tokens": 0}, "answer_tokens"),
        ({"window_tokens": 4}, "raise window_tokens"),
    ],
)
def test_settings_that_no_reader_can_have(
    here: Line, train_command: Command, tmp_path: Path, setting: dict[str, Any], told: str
) -> None:
    done = here(train_command(tmp_path / "run", **{**READER, **setting}))
    assert done.status == 2 and told in done.err


def test_training_steers_with_the_question_s_tokens_of_ask(
    tiny_backbone: Callable[..., Any],
) -> None:
    """A question that holds a special token's text is that text, in training as in `ask`."""
    backbone = tiny_backbone()
    model = build_model(make_settings(None, TINY_ADAPTER), backbone)
    asked = f"What is {backbone.tokenizer.eos_token} for?"
    expected = model.question_keys(*encode_questions(backbone.tokenizer, [asked]))
    trained = question_keys(model, backbone, [asked])
    assert torch.equal(trained.k_BGNd, expected.k_BGNd)
    ids, _ = encode_questions(backbone.tokenizer, [asked])
    assert not set(backbone.tokenizer.all_special_ids) & set(ids[0].tolist())


def test_a_reader_goes_on_slowly_while_the_memory_trains(
    here: Line, train_command: Command, tmp_path: Path
) -> None:
    first = tmp_path / "first"
    assert here(train_command(first, steps=2, **READER)).status == 0
    before = load_file(first / "best" / "model.safetensors")
    for share in (0.0, 0.1):
        out = tmp_path / f"memory-{share}"
        init = ["--init", str(first / "best")]
        done = here(train_command(out, steps=2, weight_decay=0.0, reader_share=share), *init)
        assert done.status == 0, done.err
        after = load_file(out / "best" / "model.safetensors")
        config = json.loads((out / "best" / "config.json").read_text("utf-8"))
        assert config["reader_beside_memory"] is True
        moved = {name for name, w in before.items() if not torch.equal(w, after[name])}
        assert any(name.startswith("perceiver.") for name in moved)
        assert any(name.startswith("reader.") for name in moved) == (share > 0)
