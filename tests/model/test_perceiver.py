"""The compressor's two starts, its shares, and the evidence score."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from lcirc_cli.model import LcircAdapter, Segment, compress, passage_scores
from lcirc_cli.model.perceiver import SHARE_START

from .tiny import FORMS, distance, last_state, random_adapter, tiny_config

K, D = 3, 32


def average_start(**changes: Any) -> LcircAdapter:
    torch.manual_seed(0)
    return LcircAdapter(tiny_config(perceiver_start="average", norm="rmsnorm", **changes)).eval()


def inputs(n: int, *, rows: int = 1, seed: int = 1) -> Tensor:
    return torch.randn(rows, n, D, generator=torch.Generator().manual_seed(seed))


def unit(x: Tensor) -> Tensor:
    return x * torch.rsqrt(x.square().mean(dim=-1, keepdim=True) + 1e-5)


def share_means(x_nD: Tensor, *, share_logit: float) -> Tensor:
    """[K, D]: softmax means in which a token of latent j's share has `share_logit` more."""
    n = len(x_nD)
    rows = []
    for j in range(K):
        logits = torch.tensor([share_logit * float(t * K // n == j) for t in range(n)])
        rows.append(logits.softmax(dim=0) @ unit(x_nD))
    return torch.stack(rows)


@pytest.mark.parametrize("n", [3, 8, 7, 2])
def test_with_closed_queries_the_memory_is_the_share_means(n: int) -> None:
    adapter, x = average_start(), inputs(n)
    torch.nn.init.zeros_(adapter.perceiver.first.attention.q.weight)
    expected = share_means(x[0], share_logit=SHARE_START)
    assert distance(adapter(x)[0], expected) < 1e-5


def test_the_average_start_gives_back_the_scale_of_its_inputs() -> None:
    adapter, x = average_start(), inputs(8)
    mean, deviation = torch.linspace(-5, 5, D), torch.logspace(-1, 2, D)
    plain = adapter(x)
    with torch.no_grad():
        adapter.perceiver.input_mean.copy_(mean)
        adapter.perceiver.input_deviation.copy_(deviation)
    assert distance((adapter(x * deviation + mean) - mean) / deviation, plain) < 1e-3


def test_at_the_average_start_each_latent_reads_its_own_share() -> None:
    """Which of its tokens weigh more is for the queries to say; others hardly count."""
    adapter, x = average_start(), inputs(6)
    changed = x.clone()
    changed[:, 2:4] = inputs(2, seed=9)  # the share of latent 1
    moved = (adapter(x) - adapter(changed)).detach()[0].norm(dim=-1)
    assert float(moved[1]) > 1.0
    assert float(moved[[0, 2]].max()) < 0.1 * float(moved[1])
    exact = share_means(x[0], share_logit=1e9)
    nearest = (unit(adapter(x)[0]) @ unit(exact).T).argmax(dim=-1)
    assert nearest.tolist() == [0, 1, 2]


def test_the_average_start_carries_nothing_over() -> None:
    """tanh(c) = 0: a state does not depend on the segments before it until c is trained."""
    adapter = average_start()
    first, second = Segment(inputs(8)), Segment(inputs(8, seed=2))
    both = last_state(compress(adapter, [first, second]).memory)
    assert torch.equal(both, last_state(compress(adapter, [second]).memory))
    with torch.no_grad():
        assert adapter.carry_gate is not None
        adapter.carry_gate.fill_(0.5)
    both = last_state(compress(adapter, [first, second]).memory)
    assert distance(both, last_state(compress(adapter, [second]).memory)) > 1e-4


def test_a_question_moves_the_average_start_through_the_queries_only() -> None:
    adapter, x = average_start(mixer_ffn_size=0), inputs(8)
    keys = adapter.keys(x)
    questions = [adapter.question_keys(inputs(4, seed=seed)) for seed in (5, 6)]
    asked = [adapter.step(None, keys, question).latents_BKD for question in questions]
    assert distance(*asked) > 1e-2
    torch.nn.init.zeros_(adapter.perceiver.first.attention.q.weight)
    asked = [adapter.step(None, keys, question).latents_BKD for question in questions]
    assert torch.equal(*asked)


def test_every_part_of_the_average_start_is_set() -> None:
    """transformers passes over modules without parameters of their own when it starts weights."""
    adapter = average_start(mixer_ffn_size=0)
    assert adapter.mixer is not None
    first, mixer = adapter.perceiver.first.attention, adapter.mixer.block.attention
    for projection in (first.k, first.v, first.out, mixer.v, mixer.out):
        assert torch.equal(projection.weight, torch.eye(D))
    assert torch.equal(first.q.weight, first.q.weight.diagonal().diag())
    assert float(first.q.weight.detach()[0, 0]) > 0
    assert float(adapter.mixer.block.attention_gate.detach()) > 0


def test_the_average_start_lets_gradients_in() -> None:
    """What starts at zero must still move: no part is cut off behind two zeros."""
    adapter = average_start()
    segments = [Segment(inputs(8)), Segment(inputs(8, seed=2))]
    state = last_state(compress(adapter, segments).memory)
    state.square().mul(torch.arange(D)).sum().backward()
    moving = {
        "carry_gate",
        "latents",
        "perceiver.input_mean",
        "perceiver.input_deviation",
        "perceiver.positions",
        "perceiver.layers.0.share_logit",
        "perceiver.layers.0.residual_gate",
        "perceiver.layers.0.attention.q.weight",
        "perceiver.layers.0.feed_forward.down.weight",
        "perceiver.layers.1.attention.out.weight",
        "perceiver.layers.1.feed_forward.down.weight",
    }
    parameters = dict(adapter.named_parameters())
    for name in sorted(moving):
        gradient = parameters[name].grad
        assert gradient is not None, name
        assert float(gradient.abs().max()) > 0, name


def test_the_random_start_is_the_published_one() -> None:
    torch.manual_seed(0)
    adapter = LcircAdapter(tiny_config(hidden_size=64))
    assert adapter.carry_gate is None
    assert adapter.perceiver.first.share_logit is None
    assert 0.9 < float(adapter.latents.std()) < 1.1
    assert adapter.mixer is not None
    gates = [adapter.mixer.block, *adapter.injection]
    for block in gates:
        assert float(block.attention_gate) == float(block.feed_forward_gate) == 0.0
    for name, parameter in adapter.named_parameters():
        assert torch.isfinite(parameter).all(), name
        if parameter.dim() == 2 and name != "latents":
            assert 0.017 < float(parameter.std()) < 0.023, name


def test_shares_follow_the_length_of_each_document() -> None:
    adapter = average_start()
    mask = torch.arange(8)[None] < torch.tensor([[8], [5], [1]])
    share = adapter.keys(inputs(8, rows=3), mask).share_KN
    assert share is not None
    assert share.shape == (3, 1, K, 8)
    for row, length in enumerate((8, 5, 1)):
        owners = share[row, 0, :, :length].argmax(dim=0).tolist()
        assert owners == [t * K // length for t in range(length)]
    assert bool((share.sum(dim=2) <= 1).all())


def test_positions_are_added_by_place_in_the_segment() -> None:
    adapter = random_adapter()
    x = inputs(8)
    flipped = adapter(x.flip(1))
    assert distance(adapter(x), flipped) > 1e-3
    with torch.no_grad():
        adapter.perceiver.positions.zero_()
    assert distance(adapter(x), adapter(x.flip(1))) < 1e-5


@pytest.mark.parametrize("form", list(FORMS))
def test_evidence_is_plain_logits(form: str) -> None:
    adapter = random_adapter(**FORMS[form])
    x, question_BTD = inputs(8), inputs(4, seed=3)
    question = adapter.question_keys(question_BTD)
    found = adapter.evidence(question, adapter.keys(x))
    looking = adapter.config.evidence_latents or K
    assert found.shape == (1, 4 * looking, 8)
    assert found.dtype == torch.float32

    attention = adapter.perceiver.first.attention
    mixer: Any = adapter.mixer
    steered = mixer(adapter.latents[None], question)
    q = attention.q(attention.norm(steered))[0].unflatten(-1, (4, 8))
    read = adapter.perceiver.standardise(x) + adapter.perceiver.positions[:8]
    placed = attention.context_norm(read)
    k = attention.k(placed)[0].unflatten(-1, (4, 8))
    for t in range(8):
        logits = [q[j, h] @ k[t, h] / 8**0.5 for h in range(4) for j in range(looking)]
        assert distance(found[0, :, t], torch.stack(logits)) < 1e-5


def test_a_passage_needs_every_pair_to_find_something() -> None:
    """The mean over pairs of log-sum-exps over tokens, by loops; one loud pair is not enough."""
    scores = torch.randn(2, 5, 9)
    ranges = [(0, 4), (4, 5), (5, 9)]
    found = passage_scores(scores, ranges)
    assert found.shape == (2, 3)
    for row in range(2):
        for place, (start, end) in enumerate(ranges):
            each = [
                math.log(sum(math.exp(float(scores[row, r, t])) for t in range(start, end)))
                for r in range(5)
            ]
            assert float(found[row, place]) == pytest.approx(sum(each) / 5, abs=1e-5)
    loud, even = torch.zeros(1, 5, 2), torch.zeros(1, 5, 2)
    loud[0, 0, 0], even[0, :, 1] = 4.0, 1.0
    best = passage_scores(loud + even, [(0, 1), (1, 2)])[0]
    assert float(best[1]) > float(best[0])


def test_evidence_of_a_token_does_not_depend_on_its_neighbours() -> None:
    """Nothing is normalised within a segment, so scores compare across a document."""
    adapter = random_adapter()
    question = adapter.question_keys(inputs(4, seed=3))
    x = inputs(8)
    changed = x.clone()
    changed[:, :3] = 9.0
    one, other = (adapter.evidence(question, adapter.keys(each)) for each in (x, changed))
    assert distance(one[..., 3:], other[..., 3:]) < 1e-6
    assert distance(one[..., :3], other[..., :3]) > 1e-2
    asked = adapter.evidence(adapter.question_keys(inputs(4, seed=4)), adapter.keys(x))
    assert distance(one, asked) > 1e-2


def test_evidence_trains_the_mixer_and_the_keys() -> None:
    adapter = random_adapter()
    question = adapter.question_keys(inputs(4, seed=3))
    adapter.evidence(question, adapter.keys(inputs(8))).square().sum().backward()
    mixer: Any = adapter.mixer
    assert float(mixer.block.attention.v.weight.grad.abs().max()) > 0
    assert float(adapter.perceiver.first.attention.k.weight.grad.abs().max()) > 0
    assert adapter.perceiver.layers[1].attention.k.weight.grad is None or (
        float(adapter.perceiver.layers[1].attention.k.weight.grad.abs().max()) == 0
    )
