"""`lcirc train --dry-run`: what a run will take, measured or counted, with nothing left behind."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lcirc_cli.cost.shapes import backbone_sizes, shape_of
from lcirc_cli.training import estimate
from lcirc_cli.training.config import make_settings
from lcirc_cli.training.estimate import Slot
from lcirc_cli.training.methods.adapter import config_for

from ..conftest import Outcome
from .conftest import Command, Line


@pytest.fixture
def dry(here: Line, train_command: Command, tmp_path: Path) -> Callable[..., Outcome]:
    """`dry("--dry-run", "--json", steps=5, **settings)`: a run of the tiny model."""
    return lambda *options, **given: here(train_command(tmp_path / "run", **given), *options)


def _json(done: Outcome) -> dict[str, Any]:
    assert done.status == 0, done.err
    found: dict[str, Any] = json.loads(done.out)
    return found


def test_the_numbers_are_those_of_the_run(
    dry: Callable[..., Outcome], planted: Any, tmp_path: Path
) -> None:
    plan = _json(dry("--dry-run", "--json", steps=7, questions=1))
    assert not (tmp_path / "run").exists()
    assert (plan["documents"], plan["questions"], plan["steps"]) == (6, 6, 7)
    assert plan["samples_a_step"] == 2 and plan["samples"] == 14
    # Whole documents: a step's two are about a third of the six.
    assert plan["tokens_a_step"] == pytest.approx(plan["document_tokens"] / 3, rel=0.1)
    assert plan["measured"] and plan["seconds_a_step"] > 0
    assert plan["hours"] == pytest.approx(7 * plan["seconds_a_step"] / 3600)
    assert plan["peak_bytes"] > sum(plan["memory"].values()) > 0
    done = dry(steps=1)
    assert done.status == 0
    assert f"{plan['trained'] / 1e6:.1f} M trained parameters" in done.err


def test_people_get_the_same_in_lines(dry: Callable[..., Outcome]) -> None:
    done = dry("--dry-run", steps=1000)
    assert done.status == 0 and "1,000 steps" in done.out
    assert "3 timed" in done.out and "estimated" in done.out and "peak measured" in done.out


@pytest.mark.parametrize("method", ["window", "autocompressor"])
def test_other_methods_too(dry: Callable[..., Outcome], method: str) -> None:
    pytest.importorskip("peft")
    plan = _json(dry("--dry-run", "--json", method=method, summary_segment=32, summary_tokens=4))
    # 3 layers, D = 32, 4 heads and 2 kv heads of 8, feed-forward 64, rank 8.
    a_layer = (32 + 32) + 2 * (32 + 16) + (32 + 32) + 3 * (32 + 64)
    expected = 3 * 8 * a_layer + (4 * 32 if method == "autocompressor" else 0)
    assert plan["trained"] == expected


def test_a_reader_too(dry: Callable[..., Outcome], tiny_folder: Path) -> None:
    given = {"method": "reader", "lora_rank": 4, "window_tokens": 400, "questions": 1}
    plan = _json(dry("--dry-run", "--json", **given))
    a_layer = (32 + 32) + 2 * (32 + 16) + (32 + 32) + 3 * (32 + 64)
    assert plan["trained"] == 3 * 4 * a_layer
    assert plan["samples_a_step"] == 2  # one question in each of two windows
    for file in tiny_folder.glob("*.safetensors"):
        file.unlink()
    counted = _json(dry("--dry-run", "--json", "--rate", "2", **given))
    assert counted["trained"] == plan["trained"] and counted["samples_a_step"] == 2


def test_without_weights_it_is_counted_at_a_stated_rate(
    dry: Callable[..., Outcome], tiny_folder: Path, planted: Any
) -> None:
    """The same sizes from the configuration alone; bad data are refused here too."""
    measured = _json(dry("--dry-run", "--json"))
    for file in tiny_folder.glob("*.safetensors"):
        file.unlink()
    counted = _json(dry("--dry-run", "--json", "--rate", "2"))
    assert not counted["measured"] and counted["peak_bytes"] is None
    assert counted["trained"] == measured["trained"]
    assert counted["seconds_a_step"] == pytest.approx(counted["operations_a_step"] / 2e12)
    both = _json(dry("--dry-run", "--json", "--rate", "2", "--devices", "2"))
    assert both["hours"] == pytest.approx(counted["hours"] / 2)
    lines = dry("--dry-run", "--rate", "2").out
    assert "assumed: 2 TFLOP/s" in lines and "nothing was run" in lines
    assert dry("--dry-run", "--rate", "0").status == 2
    with (planted.folder / "qa.jsonl").open("a") as file:
        file.write("{\n")
    done = dry("--dry-run")
    assert done.status == 3 and "qa.jsonl, line 7: " in done.err


def test_streamed_data_without_weights_need_a_length(
    cli: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LCIRC_OFFLINE", "1")
    line = ["train", "--model", "llama-2-7b", "--preset", "paper-qa", "--data", "owner/set"]
    done = cli(*line, "--dry-run")
    assert done.status == 2 and "document_tokens" in done.err
    plan = _json(cli(*line, "--dry-run", "--json", "--set", "document_tokens=16384"))
    # The published sizes (Llama-2-7B, QD-LCIRC).
    assert plan["trained"] == 2_691_227_674
    assert plan["backbone"] == pytest.approx(6.738e9, rel=0.001)


def test_an_embedding_that_is_the_output_projection_counts_once() -> None:
    shape = shape_of("smollm2")
    assert shape.tied and not shape_of("llama-2-7b").tied
    assert sum(shape.layer_weights) + shape.head_weights == pytest.approx(134.5e6, rel=0.001)


def _paper(**given: Any) -> tuple[Any, Any, Any]:
    settings = make_settings("paper-qa", given)
    shape = shape_of("llama-2-7b")
    return settings, shape, config_for(settings, backbone_sizes(shape))


def test_estimates_follow_what_is_saved() -> None:
    settings, shape, config = _paper()
    slot = Slot(document=16384, questions=1, window=4160, labels=16)

    def memory(changed: Any, slot: Slot = slot, **given: Any) -> dict[str, int]:
        return estimate.memory(
            changed, shape, config, slot, backbone=6_738_000_000, trained=2_691_000_000, **given
        )

    base = memory(settings)
    assert base["backbone"] == 13_476_000_000 and base["trained"] == 16 * 2_691_000_000
    kept = memory(replace(settings, gradient_checkpointing=False))
    assert kept["working"] > 2 * base["working"]
    sharded = memory(replace(settings, shard_backbone=True), devices=8)
    assert sharded["backbone"] * 8 == base["backbone"]
    # Selective over 8 states: a document eight times as long keeps no more of the compressor
    # but the memory's own keys, of at most 50 segments.
    longer = memory(settings, replace(slot, document=8 * 16384))
    assert longer["working"] < 1.3 * base["working"]
    full = replace(settings, bptt="full")
    assert memory(full, replace(slot, document=8 * 16384))["working"] > longer["working"]


def test_operations_grow_with_what_is_computed() -> None:
    settings, shape, config = _paper(gradient_checkpointing=False)
    slot = Slot(document=16384, questions=1, window=4160, labels=16)
    base = estimate.operations(settings, shape, config, slot)
    # Forward and backward of 7B parameters over the window, at least.
    assert base > 4 * 6.4e9 * 4160
    again = replace(settings, gradient_checkpointing=True)
    assert 1.2 < estimate.operations(again, shape, config, slot) / base < 1.6
    twice = replace(slot, document=2 * 16384)
    assert base < estimate.operations(settings, shape, config, twice) < 2 * base
