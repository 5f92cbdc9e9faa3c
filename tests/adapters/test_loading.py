"""Which adapter is loaded, and what makes it the same one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from lcirc_cli import Engine
from lcirc_cli.adapters import loading
from lcirc_cli.adapters.confidence import SIGNALS
from lcirc_cli.adapters.loading import LoadedAdapter, load_adapter
from lcirc_cli.errors import ModelError

from ..engine.tiny import SMALL, save_adapter, save_backbone


@pytest.fixture
def copied(adapter_folder: Path, tmp_path: Path) -> Path:
    return shutil.copytree(adapter_folder, tmp_path / "adapter")


def edit_config(folder: Path, **changes: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_without_a_trained_one_the_gates_are_closed(engine: Engine) -> None:
    before = torch.get_rng_state()
    first = load_adapter(None, engine.backbone)
    assert torch.equal(torch.get_rng_state(), before)
    second = load_adapter(None, engine.backbone)
    assert not first.has_open_gates and not first.config.trained
    assert first.name == "untrained"
    assert first.fingerprint == second.fingerprint
    for one, two in zip(first.adapter.parameters(), second.adapter.parameters(), strict=True):
        assert torch.equal(one, two)


def test_the_one_that_ships_for_the_backbone_is_taken(
    engine: Engine, copied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "PRETRAINED", tmp_path)
    assert load_adapter(None, engine.backbone).fingerprint == engine.adapter.fingerprint
    edit_config(copied, base_fingerprint="0" * 64)
    assert load_adapter(None, engine.backbone).name == "untrained"


def test_the_fingerprint_is_of_settings_and_weights(engine: Engine, copied: Path) -> None:
    def loaded() -> LoadedAdapter:
        return load_adapter(str(copied), engine.backbone)

    def fingerprint(dtype: torch.dtype = torch.float32) -> str:
        engine.backbone.lm.to(dtype)
        return loaded().fingerprint

    original, memories = fingerprint(), loaded().memory_fingerprint
    assert original == engine.adapter.fingerprint
    assert fingerprint(torch.bfloat16) == original
    edit_config(copied, base_model="another/name", transformers_version="9.9")
    assert fingerprint() == original
    edit_config(copied, confidence={name: [0.0] * 3 for name in (*SIGNALS, "constant")})
    assert fingerprint() != original and loaded().memory_fingerprint == memories
    edit_config(copied, confidence=None)
    assert fingerprint() == original
    edit_config(copied, segment_length=16)
    assert fingerprint() != original and loaded().memory_fingerprint != memories
    edit_config(copied, segment_length=32)
    weights = load_file(copied / "model.safetensors")
    weights["latents"][0, 0] += 1e-3
    save_file(weights, copied / "model.safetensors", metadata={"format": "pt"})
    assert fingerprint() != original and loaded().memory_fingerprint != memories


def test_an_adapter_for_another_backbone_is_refused(engine: Engine, tmp_path: Path) -> None:
    other = Engine.load(str(save_backbone(tmp_path / "other", seed=5)), dtype="float32")
    folder = save_adapter(tmp_path / "adapter", other, **SMALL)
    with pytest.raises(ModelError, match="was made for the model"):
        load_adapter(str(folder), engine.backbone)


def test_an_adapter_of_another_shape_is_refused(engine: Engine, copied: Path) -> None:
    edit_config(copied, base_fingerprint="", num_lm_layers=5)
    with pytest.raises(ModelError, match="doesn't fit the model"):
        Engine(engine.backbone, load_adapter(str(copied), engine.backbone))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "config.json").unlink(), "no config.json"),
        (lambda folder: (folder / "config.json").write_text("{"), "can't be loaded"),
        (lambda folder: (folder / "model.safetensors").unlink(), "can't be loaded"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"\x80" * 90), "can't be"),
        (lambda folder: edit_config(folder, model_type="llama"), "of type 'llama'"),
        (lambda folder: edit_config(folder, perceiver_layers=3), "missing keys"),
        (lambda folder: edit_config(folder, segment_length=-1), "segment_length"),
        (lambda folder: shutil.rmtree(folder), "there is no adapter"),
    ],
)
def test_a_damaged_adapter_is_told_in_one_line(
    engine: Engine, copied: Path, damage: Any, message: str
) -> None:
    damage(copied)
    with pytest.raises(ModelError, match=message) as caught:
        load_adapter(str(copied), engine.backbone)
    assert "\n" not in str(caught.value)
