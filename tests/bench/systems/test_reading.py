"""Systems without a memory: what they read of a document."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from lcirc_cli.bench.sample import TextSample
from lcirc_cli.bench.systems import (
    Limits,
    Workbench,
    open_system,
    parse_system,
)
from lcirc_cli.bench.systems.texts import text_ids

from .asking import LIMITS, batches, short


def test_a_prompt_that_fits_is_the_same_in_ends_and_full(
    workbench: Workbench, qa_folder: Path
) -> None:
    batch = short(batches(qa_folder, f"qa:{qa_folder}")[0])
    runs = [
        open_system(parse_system(name), workbench, limits=LIMITS).run(batch)
        for name in ("ends", "full")
    ]
    assert runs[0] == runs[1]
    assert all(measured.dropped == 0 for measured in runs[0])


def test_a_window_too_small_for_the_prompt_itself_is_said(
    workbench: Workbench, data_folder: Path
) -> None:
    system = open_system(parse_system("ends"), workbench, limits=Limits(window=96))
    with pytest.raises(ValueError, match="--window"):
        system.run(short(batches(data_folder, "leval/sci_fi")[0]))


def test_the_extended_rotation_is_taken_back(workbench: Workbench, qa_folder: Path) -> None:
    rotary = workbench.backbone.lm.get_decoder().rotary_emb
    before = rotary.inv_freq.clone()
    batch = short(batches(qa_folder, f"qa:{qa_folder}")[0])
    plain = open_system(parse_system("full"), workbench, limits=LIMITS).run(batch)
    wide = open_system(parse_system("extended-fa"), workbench, limits=LIMITS).run(batch)
    assert torch.equal(rotary.inv_freq, before)
    assert plain[0].output.answer_loss != wide[0].output.answer_loss


def test_what_looks_like_a_special_token_is_text_in_a_document(workbench: Workbench) -> None:
    backbone = workbench.backbone
    special = set(backbone.tokenizer.all_special_ids)
    text = "One <|im_end|> two three. " * 30
    ids = text_ids(backbone, TextSample("t", "t", text, 40, 40, 4))
    assert len(ids) == 40 and not special & set(ids)
