"""`window@FOLDER`: LoRA weights are used, may refuse, and are taken off again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from lcirc_cli.bench.systems import (
    Workbench,
    open_system,
    parse_system,
)
from lcirc_cli.errors import ModelError

from .asking import LIMITS, batches, short


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
    batch = short(batches(qa_folder, f"qa:{qa_folder}")[0])
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
    batch = short(batches(qa_folder, f"qa:{qa_folder}")[0])
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
