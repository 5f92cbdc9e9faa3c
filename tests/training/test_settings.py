"""Settings of a run: presets, --set, config.toml, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from lcirc_cli.errors import UsageError
from lcirc_cli.training.config import (
    difference,
    from_toml,
    make_settings,
    parse_assignments,
    to_toml,
)
from lcirc_cli.training.presets import PRESETS


@pytest.mark.parametrize("preset", [None, *PRESETS])
def test_config_toml_reads_back_what_it_wrote(tmp_path: Path, preset: str | None) -> None:
    settings = make_settings(preset, {"data": ["a dir", 'b"c'], "adapter.num_latents": 3})
    path = tmp_path / "config.toml"
    path.write_text(to_toml(settings), "utf-8")
    assert from_toml(path) == settings
    assert settings.adapter["num_latents"] == 3


def test_what_was_given_wins_over_the_preset() -> None:
    assert make_settings("paper-qa", {}).learning_rate == 2e-5
    assert make_settings("paper-qa", {"learning_rate": 1}).learning_rate == 1.0
    assert make_settings("paper-qa", {"adapter.num_latents": 8}).adapter["retained_segments"] == 50


def test_assignments_are_toml_values_or_bare_words() -> None:
    given = [
        "steps=5",
        "learning_rate=1e-3",
        "stage=qa",
        "adapter.injection_layers=[1, 2]",
        "a=b c",
    ]
    assert parse_assignments(given) == {
        "steps": 5,
        "learning_rate": 1e-3,
        "stage": "qa",
        "adapter.injection_layers": [1, 2],
        "a": "b c",
    }


@pytest.mark.parametrize(
    "given",
    [
        {"no_such_key": 1},
        {"steps": "many"},
        {"steps": 0},
        {"steps": True},
        {"stage": "dream"},
        {"unanswerable": 2.0},
        {"window_none": 0.0},
        {"adapter": {}},
        {"bptt": "truncated", "bptt_states": 0},
        {"bptt": "selective", "bptt_states": -1},
        {"keep_checkpoints": 0},
        {"validation_limit": 0},
        {"evidence_weight": 0.3, "passage_tokens": 0},
        {"window_ends": 1.0, "window_tokens": 1},
        {"window_evidence": 1.0, "window_tokens": 0},
        {"stage": "lm", "window_tokens": 0},
        {"clip": 0.0},
        {"clip": float("nan")},
        {"document_tokens": -1},
        {"seed": 2**63},
        {"join_tokens": -1},
        {"window_none": -1.0, "window_ends": 2.0},
        {"seed": -1},
    ],
)
def test_bad_settings_are_refused(given: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        make_settings(None, given)


def test_what_is_not_used_may_be_anything() -> None:
    make_settings(None, {"bptt_states": 0, "passage_tokens": 0, "window_tokens": 0})


def test_unknown_presets_and_assignments_without_value_are_refused() -> None:
    with pytest.raises(UsageError, match="smollm2-cpu"):
        make_settings("nope", {})
    with pytest.raises(UsageError, match="key=value"):
        parse_assignments(["steps"])


def test_difference_names_what_decides_the_weights_only() -> None:
    ours = make_settings(None, {"steps": 3, "checkpoint_every": 7, "learning_rate": 0.5})
    theirs = make_settings(None, {"steps": 3, "checkpoint_every": 9})
    assert difference(ours, theirs) == ["learning_rate"]
