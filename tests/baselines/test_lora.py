"""LoRA weights beside a backbone that always runs under autocast."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import torch

from lcirc_cli.baselines import lora
from lcirc_cli.errors import ModelError

from ..conftest import make_tiny_lm

pytest.importorskip("peft")


def _step(lm: torch.nn.Module, *, half: bool) -> list[torch.Tensor]:
    """The loss and the gradients of one step."""
    ids = torch.arange(24).reshape(2, 12)
    with torch.autocast("cpu", torch.bfloat16, enabled=half):
        loss = lm(input_ids=ids, labels=ids).loss
    loss.backward()
    trained = [each for each in lm.parameters() if each.requires_grad]
    assert trained and all(each.dtype == torch.float32 for each in trained)
    return [loss.detach(), *(each.grad for each in trained if each.grad is not None)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_under_autocast_nothing_need_be_cast(dtype: torch.dtype) -> None:
    base = make_tiny_lm().to(dtype).requires_grad_(False)
    found = []
    for autocast in (False, True):
        lm = copy.deepcopy(base)
        lora.add(lm, rank=4, seed=0, autocast=autocast)
        for name, parameter in lm.named_parameters():
            if "lora_B" in name:
                torch.nn.init.constant_(parameter, 0.01)
        casts = {getattr(module, "cast_input_dtype_enabled", None) for module in lm.modules()}
        assert casts == {None, not autocast}
        found.append(_step(lm, half=True))
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


def test_without_autocast_peft_casts() -> None:
    lm = make_tiny_lm().to(torch.bfloat16).requires_grad_(False)
    lora.add(lm, rank=4, seed=0)
    assert all(each.isfinite().all() for each in _step(lm, half=False))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"r": 10**9}, "r must be a whole number"),
        ({"r": 3}, "another rank"),
        ({"rank_pattern": {"q_proj": 9}}, "another rank"),
        ({"rank_pattern": {"(a+)+$": 4}}, "a repeated group"),
        ({"lora_alpha": "x"}, "lora_alpha must be a number"),
        ({"target_modules": "(.*)*q"}, "a repeated group"),
        ({"target_modules": [1]}, "must be a text"),
        ({"peft_type": "PROMPT_TUNING"}, "peft_type must be LORA"),
        ({"megatron_config": {}, "megatron_core": "os"}, "a module to import"),
        ({"init_lora_weights": "pissa"}, "a start that lcirc does not make"),
    ],
)
def test_settings_of_strangers(changes: dict[str, Any], said: str, tmp_path: Path) -> None:
    lm = make_tiny_lm().requires_grad_(False)
    lora.add(lm, rank=4, seed=0)
    lora.save(lm, tmp_path)
    lora.attach(make_tiny_lm(), str(tmp_path))
    path = tmp_path / "adapter_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    with pytest.raises(ModelError, match=said):
        lora.attach(make_tiny_lm(), str(tmp_path))


def test_only_safetensors_are_opened(tmp_path: Path) -> None:
    lm = make_tiny_lm().requires_grad_(False)
    lora.add(lm, rank=4, seed=0)
    lora.save(lm, tmp_path)
    (tmp_path / "adapter_model.safetensors").rename(tmp_path / "adapter_model.bin")
    with pytest.raises(ModelError, match="no adapter_model.safetensors"):
        lora.attach(make_tiny_lm(), str(tmp_path))
