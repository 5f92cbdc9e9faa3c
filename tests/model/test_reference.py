"""States, logits and gradients against the plain reference, in float64 to 1e-9."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from lcirc_cli.model import Backpropagation, LcircForCausalLM, Memory, Segment

from . import reference
from .tiny import FORMS, distance, gradients, random_adapter, tiny_lm, tokens

TOLERANCE = 1e-9
LENGTHS = (7, 8, 3)  # tokens of the segments


class Rotary64(nn.Module):
    """The library computes rotary angles in float32 whatever the model's dtype is."""

    def __init__(self, head_dim: int, theta: float) -> None:
        super().__init__()
        self.frequencies = [theta ** (-2 * i / head_dim) for i in range(head_dim // 2)]

    def forward(self, x: Tensor, position_ids: Tensor, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        frequencies = x.new_tensor(self.frequencies * 2)
        angles = position_ids[..., None].to(x.dtype) * frequencies
        return angles.cos(), angles.sin()


def float64_llama() -> Any:
    """A tiny Llama that is float64 throughout; the library's norms would go through float32."""
    lm: Any = tiny_lm("llama").double()
    for parent in list(lm.modules()):
        for name, child in list(parent.named_children()):
            if type(child).__name__ == "LlamaRMSNorm":
                eps = child.variance_epsilon
                plain = nn.RMSNorm(child.weight.shape[0], eps=eps, dtype=torch.float64)
                plain.weight.data.copy_(child.weight.data + 0.1 * torch.randn_like(child.weight))
                setattr(parent, name, plain)
    config = lm.config
    lm.model.rotary_emb = Rotary64(
        config.hidden_size // config.num_attention_heads, config.rope_parameters["rope_theta"]
    )
    return lm


@pytest.fixture(params=list(FORMS))
def form(request: pytest.FixtureRequest) -> dict[str, Any]:
    return FORMS[request.param]


@pytest.fixture
def model(form: dict[str, Any]) -> LcircForCausalLM:
    return LcircForCausalLM(float64_llama(), random_adapter(**form).double())


def inputs(model: LcircForCausalLM, *lengths: int, seed: int = 5) -> list[Tensor]:
    table = model.lm.get_input_embeddings().weight
    return [table[ids] for ids in tokens(*lengths, seed=seed)]


def named(model: LcircForCausalLM) -> dict[str, Tensor]:
    return dict(model.adapter.named_parameters())


@pytest.mark.parametrize("asked", [False, True], ids=["lcirc", "qd-lcirc"])
def test_states_and_gradients_of_the_recurrence(model: LcircForCausalLM, asked: bool) -> None:
    segments, parameters = inputs(model, *LENGTHS), named(model)
    question_TD = inputs(model, 4, seed=6)[0] if asked else None
    expected = reference.recurrence(
        segments, parameters, config=model.adapter.config, question_TD=question_TD
    )
    question = None if question_TD is None else model.adapter.question_keys(question_TD[None])
    found = model.compress([Segment(x[None]) for x in segments], question=question)
    memory = found.memory.states_BMD[0]
    assert distance(memory, torch.cat(expected)) < TOLERANCE

    weights = torch.randn_like(memory)
    trained = [p for name, p in parameters.items() if not name.startswith(("injection", "prior"))]
    ours = gradients((memory * weights).sum(), trained)
    theirs = gradients((torch.cat(expected) * weights).sum(), trained)
    assert max(map(distance, ours, theirs)) < TOLERANCE
    moved = sum(float(gradient.abs().max()) > 1e-6 for gradient in theirs)
    without = sum(name.startswith("mixer") for name in parameters) if not asked else 0
    assert moved == len(trained) - without


def test_logits_and_gradients_with_injection(model: LcircForCausalLM) -> None:
    parameters, config = named(model), model.adapter.config
    ids = tokens(5, seed=7)[0]
    memory_MD = torch.randn(6, config.hidden_size, dtype=torch.float64, requires_grad=True)
    logits = model(ids[None], memory=Memory(memory_MD[None])).logits[0]
    expected = reference.llama(
        ids.tolist(),
        dict(model.lm.named_parameters()) | {"lm_head.weight": model.lm.lm_head.weight},
        parameters,
        lm_config=model.lm.config,
        config=config,
        memory_MD=memory_MD,
    )
    assert distance(logits, expected) < TOLERANCE

    weights = torch.randn_like(expected)
    trained = [p for name, p in parameters.items() if name.startswith("injection")] + [memory_MD]
    ours = gradients((logits * weights).sum(), trained)
    theirs = gradients((expected * weights).sum(), trained)
    assert max(map(distance, ours, theirs)) < TOLERANCE
    assert min(float(gradient.abs().max()) for gradient in theirs) > 1e-6


def test_one_loss_through_everything(model: LcircForCausalLM) -> None:
    """Window tokens to latents and back: the path that training takes, with the recurrence cut."""
    parameters, config = named(model), model.adapter.config
    segments, question_TD = inputs(model, *LENGTHS), inputs(model, 3, seed=8)[0]
    ids = tokens(4, seed=9)[0]
    priors: list[Tensor] = []
    states = reference.recurrence(
        segments,
        parameters,
        config=config,
        question_TD=question_TD,
        cut=lambda index: True,
        priors=priors,
    )
    expected = reference.llama(
        ids.tolist(),
        dict(model.lm.named_parameters()) | {"lm_head.weight": model.lm.lm_head.weight},
        parameters,
        lm_config=model.lm.config,
        config=config,
        memory_MD=torch.cat(states),
        priors=priors,
    )
    memory = model.compress(
        [Segment(x[None]) for x in segments],
        question=model.adapter.question_keys(question_TD[None]),
        plan=Backpropagation("selective", states=len(segments)),
    ).memory
    logits = model(ids[None], memory=memory).logits[0]
    losses = [
        nn.functional.cross_entropy(each[:-1], ids[1:], reduction="mean")
        for each in (logits, expected)
    ]
    assert distance(*losses) < TOLERANCE
    trained = list(parameters.values())
    ours, theirs = gradients(losses[0], trained), gradients(losses[1], trained)
    assert max(map(distance, ours, theirs)) < TOLERANCE
    assert sum(float(gradient.abs().max()) > 0 for gradient in theirs) == len(trained)


@pytest.mark.parametrize("part", ["compressor", "mixer", "injection"])
def test_gradcheck(part: str, form: dict[str, Any]) -> None:
    """Gradients against finite differences, for inputs and for every parameter of the part."""
    adapter = random_adapter(
        **form | {"segment_length": 4, "max_segment_length": 4, "num_latents": 2},
        hidden_size=4,
        perceiver_heads=2,
        perceiver_head_dim=2,
        perceiver_ffn_size=5,
        **({} if form else {"mixer_ffn_size": 5, "injection_ffn_size": 5}),
        injection_head_dim=2,
    ).double()
    x = torch.randn(1, 4, 4, dtype=torch.float64, requires_grad=True)
    latents = torch.randn(1, 2, 4, dtype=torch.float64, requires_grad=True)
    module: Any = {
        "compressor": adapter.perceiver,
        "mixer": adapter.mixer,
        "injection": adapter.injection[0],
    }[part]
    mask = torch.tensor([[True, True, True, False]])

    def run(latents: Tensor, x: Tensor, *_: Tensor) -> Tensor:
        if part == "injection":
            return module(latents, module.attention.keys_values(x, mask))
        return module(latents, module.keys(x, mask))

    assert torch.autograd.gradcheck(run, (latents, x, *module.parameters()), fast_mode=False)
