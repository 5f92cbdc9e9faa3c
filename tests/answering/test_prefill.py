"""Reading prompts once must give what reading them for each purpose gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from lcirc_cli.answering.prefill import Prefill

FAMILIES = ["llama", "qwen3", "gemma3", "gpt2"]
DOCUMENT = [(7 * i) % 90 + 5 for i in range(100)]
PROMPTS = [[*DOCUMENT, 11, 12, 13], [*DOCUMENT, 21], [*DOCUMENT, 31, 32, 33, 34, 35, 36]]
ANSWERS = [[41, 42], [51, 52, 53, 54], [61]]


def _alone(lm: Any, prompt: list[int], answer: list[int]) -> Tensor:
    logits = lm(torch.tensor([[*prompt, *answer]])).logits[0].log_softmax(dim=-1)
    at = len(prompt) - 1
    return torch.stack([logits[at + i, token] for i, token in enumerate(answer)])


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("alike", [True, False])
@torch.no_grad()
def test_answers_are_scored_and_generated_as_by_one_prompt_alone(
    tiny_backbone: Callable[..., Any], family: str, alike: bool
) -> None:
    backbone = tiny_backbone(family)
    lm = backbone.lm
    calls: list[tuple[int, int]] = []
    lm.get_input_embeddings().register_forward_hook(
        lambda module, given, out: calls.append(tuple(given[0].shape))
    )
    read = Prefill(backbone, PROMPTS, alike=alike)
    together = alike and family != "gemma3"  # which slides windows over its positions
    assert calls == ([(1, 100), (3, 6)] if together else [(3, 106)])
    for _ in range(2):  # scoring leaves no trace
        for found, prompt, answer in zip(
            read.log_probabilities(ANSWERS), PROMPTS, ANSWERS, strict=True
        ):
            torch.testing.assert_close(found, _alone(lm, prompt, answer), atol=2e-4, rtol=1e-4)
    options = {"do_sample": False, "max_new_tokens": 12, "pad_token_id": 0, "eos_token_id": [-1]}
    calls.clear()
    rows = lm.generate(**read.inputs(), **options)
    assert calls[0] == (3, 1)
    for row, prompt in zip(rows, PROMPTS, strict=True):
        alone = lm.generate(torch.tensor([prompt]), **options)[0, len(prompt) :]
        assert row[read.length :].tolist() == alone.tolist()


@torch.no_grad()
def test_short_and_unlike_prompts(tiny_backbone: Callable[..., Any]) -> None:
    backbone = tiny_backbone("gpt2")  # learned positions: padding must not move them
    prompts = [[9], [8, 7, 6, 5], [5] * 70]
    read = Prefill(backbone, prompts, alike=True)
    for found, prompt, answer in zip(
        read.log_probabilities(ANSWERS), prompts, ANSWERS, strict=True
    ):
        torch.testing.assert_close(found, _alone(backbone.lm, prompt, answer), atol=2e-4, rtol=1e-4)
    one = Prefill(backbone, [[9]], alike=True)
    options = {"do_sample": False, "max_new_tokens": 5, "pad_token_id": 0, "eos_token_id": [-1]}
    expected = backbone.lm.generate(torch.tensor([[9]]), **options)
    assert torch.equal(backbone.lm.generate(**one.inputs(), **options), expected)
