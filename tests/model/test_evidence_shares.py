"""A question divides a segment among the latents by its evidence."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import Tensor

from lcirc_cli.model import LcircAdapter, Memory, Segment, State, compress, evidence

from . import reference_evidence as reference
from .tiny import EVIDENCE, distance, random_adapter, tiny_model, tokens

K, D = 3, 32


def scores(n: int, *, rows: int = 1, seed: int = 1) -> Tensor:
    return 2 * torch.randn(rows, 5, n, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("width", [1, 2, 5, 64])
def test_the_odds_of_a_token_are_those_of_its_neighbourhood(
    width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence, "NEIGHBOURHOOD", width)
    found = evidence.token_odds(scores(9))[0]
    expected = reference.odds(list(scores(9)[0]), width=width)
    assert distance(found, torch.stack(expected)) < 1e-5


@pytest.mark.parametrize("n", [1, 2, 7, 12])
def test_tokens_are_dealt_out_by_their_mass_and_none_is_lost(n: int) -> None:
    odds = 3 * torch.randn(2, n, generator=torch.Generator().manual_seed(n))
    owned = evidence.divide(odds, None, num_latents=K)
    mass = evidence.FOCUS * odds.softmax(dim=-1) + (1 - evidence.FOCUS) / n
    assert distance(owned.sum(dim=2), torch.ones(2, K)) < 1e-5
    assert distance(owned.sum(dim=1), K * mass) < 1e-5
    assert distance(owned[0], torch.tensor(reference.owned(odds[0].tolist(), K))) < 1e-5


def test_even_evidence_divides_by_length() -> None:
    owned = evidence.divide(torch.zeros(1, 12), None, num_latents=K)[0]
    for latent in range(K):
        assert (owned[latent] > 1e-6).nonzero()[:, 0].tolist() == list(
            range(4 * latent, 4 * latent + 4)
        )


def test_most_latents_go_where_the_evidence_is() -> None:
    odds = torch.zeros(1, 100)
    odds[0, 40:50] = 9.0
    owned = evidence.divide(odds, None, num_latents=20)[0]
    inside = (owned[:, 40:50].sum(dim=1) > 0.5).sum()
    assert int(inside) in (15, 16)  # three quarters of them for a tenth of the tokens


def test_tokens_that_do_not_exist_own_nothing() -> None:
    mask = torch.arange(9)[None] < 5
    padded = scores(9).masked_fill(~mask[:, None], float("-inf"))
    found = evidence.focus(padded, mask, num_latents=K)
    alone = evidence.focus(scores(9)[:, :, :5], None, num_latents=K)
    assert distance(found.share_BKN[:, :, :5], alone.share_BKN) < 1e-5
    assert float(found.share_BKN[:, :, 5:].abs().max()) == 0.0
    assert distance(found.prior_BK, alone.prior_BK) < 1e-4
    nowhere = evidence.focus(padded, torch.zeros(1, 9, dtype=torch.bool), num_latents=K)
    assert bool(nowhere.share_BKN.isfinite().all())


def test_scores_far_apart_stay_finite_and_keep_their_gradient() -> None:
    wide = (200 * scores(9)).requires_grad_(True)
    found = evidence.focus(wide, None, num_latents=K)
    found.prior_BK.sum().backward()
    assert wide.grad is not None
    assert bool(found.prior_BK.isfinite().all()) and bool(wide.grad.isfinite().all())
    assert float(wide.grad.abs().sum()) > 0


def asked(adapter: LcircAdapter, x: Tensor, *, seed: int = 3) -> State:
    question = torch.randn(1, 4, D, generator=torch.Generator().manual_seed(seed))
    return adapter.step(None, adapter.keys(x), adapter.question_keys(question))


def test_without_a_question_segments_are_divided_by_length() -> None:
    torch.manual_seed(0)
    adapter, x = random_adapter(**EVIDENCE), torch.randn(1, 8, D)
    by_length = deepcopy(adapter)
    by_length.config.shares = "length"
    plain = adapter.step(None, adapter.keys(x), None)
    assert plain.prior_BK is None
    assert torch.equal(plain.latents_BKD, by_length.step(None, by_length.keys(x), None).latents_BKD)
    assert distance(asked(adapter, x).latents_BKD, asked(by_length, x).latents_BKD) > 1e-3


def test_the_scores_of_a_state_are_those_of_the_evidence() -> None:
    torch.manual_seed(0)
    adapter, x = random_adapter(**EVIDENCE), torch.randn(1, 8, D)
    question = adapter.question_keys(torch.randn(1, 4, D))
    state = adapter.step(None, adapter.keys(x), question)
    assert state.evidence_BRN is not None
    assert torch.equal(state.evidence_BRN, adapter.evidence(question, adapter.keys(x)))


def test_the_injection_trusts_latents_by_their_odds() -> None:
    """With one latent far ahead, the others might as well not be there; alike, nothing changes."""
    model: Any = tiny_model(**EVIDENCE)
    ids, states = tokens(5)[0][None], torch.randn(1, 6, D)
    with torch.no_grad():
        model.adapter.prior_scale.fill_(1.0)
    plain = model(ids, memory=Memory(states)).logits
    alike = model(ids, memory=Memory(states, None, torch.full((1, 6), -40.0))).logits
    assert distance(plain, alike) < 1e-5
    ahead = torch.full((1, 6), -100.0)
    ahead[0, 2] = 0.0
    one = model(ids, memory=Memory(states, None, ahead)).logits
    assert distance(one, model(ids, memory=Memory(states[:, 2:3])).logits) < 1e-5
    assert distance(one, plain) > 1e-3
    mask = torch.tensor([[True, True, False, True, True, True]])  # masked: its odds count no more
    without = model(ids, memory=Memory(states, mask, ahead)).logits
    assert distance(without, model(ids, memory=Memory(states, mask)).logits) < 1e-5


def test_priors_follow_the_retained_segments() -> None:
    torch.manual_seed(0)
    adapter = random_adapter(**EVIDENCE)
    segments = [Segment(torch.randn(1, 8, D)) for _ in range(4)]
    question = adapter.question_keys(torch.randn(1, 4, D))
    whole = compress(adapter, segments, question=question).memory
    last = compress(adapter, segments, question=question, retained=2).memory
    assert whole.prior_BM is not None and last.prior_BM is not None
    assert torch.equal(last.prior_BM, whole.prior_BM[:, -2 * K :])
