"""Checkpoints that are damaged, edited, or of another run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from lcirc_cli.errors import ModelError
from lcirc_cli.training.checkpoint import Resumed, load_newest, save_checkpoint, state_hash

SAME: dict[str, Any] = {
    "settings": "a = 1",
    "world_size": 1,
    "backbone_dtype": "float32",
    "validation": "v",
}
Edit = Callable[[dict[str, Any]], Any]


def _parts(value: float) -> dict[str, Any]:
    module = nn.Linear(2, 3)
    nn.init.constant_(module.weight, value)
    return {"module": module, "optimizer": torch.optim.AdamW(module.parameters())}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Checkpoints of steps 4 and 6; every weight is the step."""
    for step in (4, 6):
        save_checkpoint(tmp_path, step, **_parts(step), **SAME, best_loss=0.5, keep=2)
    return tmp_path


def _edit(folder: Path, step: int, edit: Edit, *, rehash: bool = False) -> None:
    path = folder / f"step-{step:08d}" / "state.json"
    state = json.loads(path.read_text())
    changed = edit(state)
    state = state if changed is None else changed
    if rehash:
        state["state_sha256"] = state_hash(state)
    path.write_text(json.dumps(state))


def _resumed(folder: Path, **changed: Any) -> tuple[Resumed | None, float]:
    parts = _parts(-1.0)
    resumed = load_newest(folder, **parts, **{**SAME, **changed})
    return resumed, float(parts["module"].weight.detach()[0, 0])


def test_the_newest_is_taken(folder: Path) -> None:
    assert _resumed(folder) == (Resumed(6, 0.5), 6.0)


@pytest.mark.parametrize(
    ("edit", "rehash", "message"),
    [
        (lambda state: [], False, "not an object"),
        (lambda state: state.update(random=None), True, "NoneType"),
        (lambda state: state["random"].update(torch=state["random"]["torch"][:-9]), True, "RNG"),
        (lambda state: state["random"].update(numpy=["MT19937", [1, 2], 0, 0, 0.0]), True, ""),
        (lambda state: state["random"].update(python=[3, [1, 2], None]), True, ""),
        (lambda state: state.update(step=5), False, "SHA-256 of its state.json"),
        (lambda state: state.update(step=5), True, "of step 5"),
        (lambda state: state.update(best_loss=0.0), False, "SHA-256 of its state.json"),
        (lambda state: state.__delitem__("best_loss"), True, "no 'best_loss'"),
        (lambda state: state.__delitem__("state_sha256"), False, "no 'state_sha256'"),
    ],
)
def test_a_damaged_state_gives_way_before_anything_is_restored(
    folder: Path, capsys: pytest.CaptureFixture[str], edit: Edit, rehash: bool, message: str
) -> None:
    _edit(folder, 6, edit, rehash=rehash)
    assert _resumed(folder) == (Resumed(4, 0.5), 4.0)
    told = capsys.readouterr().err
    assert "step-00000006 is damaged" in told and message in told


def test_a_folder_without_its_state_is_damaged_not_absent(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "step-00000006" / "state.json").unlink()
    assert _resumed(folder)[0] == Resumed(4, 0.5)
    assert "step-00000006 is damaged" in capsys.readouterr().err
    (folder / "step-00000004" / "state.json").unlink()
    with pytest.raises(ModelError, match="none of the checkpoints"):
        _resumed(folder)


def test_a_backbone_in_another_dtype_is_refused(folder: Path) -> None:
    with pytest.raises(ModelError, match="--dtype float32"):
        _resumed(folder, backbone_dtype="bfloat16")


def test_the_best_of_another_validation_is_not_the_one_to_beat(folder: Path) -> None:
    assert _resumed(folder, validation="w")[0] == Resumed(6, None, comparable=False)
