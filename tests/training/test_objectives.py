"""The losses against plain ones: full logits, loops over passages."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.nn import functional as F
from transformers import AutoConfig, AutoModelForCausalLM

from lcirc_cli.model import LcircAdapter, LcircForCausalLM, Memory, preset
from lcirc_cli.model.decoders import backbone_shape
from lcirc_cli.training.methods.objectives import SHARPNESS, evidence_loss, label_losses


def _model(backbone: Any) -> LcircForCausalLM:
    config = preset("smollm2", backbone_shape(backbone.lm, name="tiny"))
    config.gate_init = 0.5
    return LcircForCausalLM(backbone.lm, LcircAdapter(config))


def test_label_losses_equal_those_of_full_logits(tiny_backbone: Callable[..., Any]) -> None:
    torch.manual_seed(0)
    model = _model(tiny_backbone())
    prompts, answers = [[5, 6, 7], [8, 9]], [[10, 1], [11, 12, 13, 1]]
    memory = Memory(torch.randn(2, 6, 32))
    losses = label_losses(model, prompts, answers, memory=memory)
    expected = []
    for row, (prompt, answer) in enumerate(zip(prompts, answers, strict=True)):
        own = Memory(memory.states_BMD[row : row + 1])
        logits = model(torch.tensor([prompt + answer]), memory=own).logits[0]
        for place, token in enumerate(answer):
            expected.append(F.cross_entropy(logits[len(prompt) - 1 + place], torch.tensor(token)))
    torch.testing.assert_close(losses, torch.stack(expected), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("family", "changes"),
    [
        ("granite", {"logits_scaling": 6.0}),
        ("hyperclovax", {"logits_scaling": 6.0}),
        ("cohere", {"logit_scale": 0.25}),
        ("cohere2", {"logit_scale": 0.25}),
        ("gemma2", {"final_logit_softcapping": 0.7, "head_dim": 8}),
        ("llama", {}),
    ],
)
def test_label_losses_are_of_the_logits_that_the_decoder_makes(
    family: str, changes: dict[str, Any]
) -> None:
    """Some scale or bend what comes out of the output projection."""
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 4}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 97}
    tokens = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "initializer_range": 0.3}
    config = AutoConfig.for_model(family, **sizes, **heads, **tokens, **changes)
    lm = AutoModelForCausalLM.from_config(config).eval()
    adapter = LcircAdapter(preset("smollm2", backbone_shape(lm, name="tiny")))
    ids = torch.randint(3, 97, (2, 9))
    model = LcircForCausalLM(lm, adapter)
    losses = label_losses(model, ids[:, :4].tolist(), ids[:, 4:].tolist(), memory=None)
    logits = lm(input_ids=ids, use_cache=False).logits
    plain = lm.get_output_embeddings()(lm.base_model(input_ids=ids).last_hidden_state)
    assert torch.equal(logits, plain) == (family == "llama")
    expected = F.cross_entropy(logits[:, 3:-1].reshape(-1, 97), ids[:, 4:].reshape(-1))
    torch.testing.assert_close(losses.mean(), expected, atol=1e-5, rtol=1e-5)


def test_nothing_below_the_lowest_injected_layer_is_in_the_backward_pass(
    tiny_backbone: Callable[..., Any],
) -> None:
    backbone = tiny_backbone()
    model = _model(backbone)
    needs: dict[int, bool] = {}
    for index, layer in enumerate(backbone.lm.model.layers):
        layer.register_forward_hook(
            lambda _m, _a, out, index=index: needs.__setitem__(index, out.requires_grad)
        )
    memory = Memory(torch.randn(1, 4, 32))
    label_losses(model, [[5, 6]], [[7, 1]], memory=memory)
    assert min(model.adapter.config.injection_layers or []) == 1
    assert needs == {0: False, 1: True, 2: True}


def test_evidence_loss_equals_a_loop_over_passages() -> None:
    torch.manual_seed(0)
    scores = torch.randn(3, 4, 50)
    evidence = [[(3, 5)], [], [(11, 12), (40, 50)]]
    loss = evidence_loss(scores, evidence, passage_tokens=8)
    wanted = []
    for row in (0, 2):
        mass: dict[bool, float] = {True: 0.0, False: 0.0}
        for start in range(0, 50, 8):
            tokens = range(start, min(50, start + 8))
            gold = any(a <= t < b for t in tokens for a, b in evidence[row])
            pairs = [
                math.log(sum(math.exp(float(scores[row, r, t])) for t in tokens)) for r in range(4)
            ]
            mass[gold] += math.exp(SHARPNESS * sum(pairs) / 4)
        wanted.append(-math.log(mass[True] / (mass[True] + mass[False])))
    assert loss is not None
    assert float(loss) == pytest.approx(sum(wanted) / 2, rel=1e-5)


def test_evidence_loss_without_evidence_is_none() -> None:
    assert evidence_loss(torch.randn(2, 3, 9), [[], []], passage_tokens=4) is None


def test_evidence_loss_has_finite_gradients() -> None:
    scores = torch.randn(2, 3, 20, requires_grad=True)
    loss = evidence_loss(scores, [[(0, 3)], []], passage_tokens=8)
    assert loss is not None
    loss.backward()
    assert scores.grad is not None and torch.isfinite(scores.grad).all()
    assert float(scores.grad[0].abs().max()) > 0
    assert float(scores.grad[1].abs().max()) == 0
