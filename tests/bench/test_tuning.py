"""Whether weights learned from questions, by what training leaves beside them."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from lcirc_cli.adapters.loading import PRETRAINED
from lcirc_cli.bench.report.tuning import tuning_of
from lcirc_cli.bench.systems import Workbench, parse_system


def test_the_backbone_alone_is_untuned_and_new_summaries_are_untrained(
    workbench: Workbench,
) -> None:
    found = [tuning_of(parse_system(n), workbench) for n in ("ends", "window", "autocompressor")]
    assert found == ["untuned", "untuned", "untrained"]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ('stage = "qa"', "qa"),
        ('stage = "lm"', "untuned"),
        ("stage = 3", "unknown"),
        ("= broken", "unknown"),
        (None, "unknown"),
    ],
)
def test_an_adapter_is_what_its_training_says(
    settings: str | None,
    expected: str,
    workbench: Workbench,
    adapter_folder: Path,
    tmp_path: Path,
) -> None:
    shutil.copytree(adapter_folder, tmp_path / "best")
    if settings is not None:
        (tmp_path / "config.toml").write_text(settings)
    assert tuning_of(parse_system(f"lcirc@{tmp_path / 'best'}"), workbench) == expected


def test_a_folder_of_lcirc_train_is_tuned_and_one_of_others_is_unknown(
    workbench: Workbench, tmp_path: Path
) -> None:
    spec = parse_system(f"autocompressor@{tmp_path}")
    assert tuning_of(spec, workbench) == "unknown"
    (tmp_path / "method.json").write_text(json.dumps({"method": "autocompressor"}))
    assert tuning_of(spec, workbench) == "qa"


def test_what_ships_is_tuned(workbench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = workbench.engine(None)
    shipped = next(path.parent.name for path in PRETRAINED.glob("*/config.json"))
    monkeypatch.setattr(engine, "adapter", replace(engine.adapter, name=shipped))
    assert tuning_of(parse_system("qd-lcirc"), workbench) == "qa"
