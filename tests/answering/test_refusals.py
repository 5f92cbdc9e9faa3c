"""Answers given that the refusal is not one of them: odds against those counted by hand."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
import torch
from transformers import LogitsProcessorList

from lcirc_cli.answering.prefill import Prefill, answer_ids
from lcirc_cli.answering.refusals import Refusals

V, PROMPT = 3, 2


def _p(said: tuple[int, ...]) -> torch.Tensor:
    """Odds of the next of three tokens, another for everything that was said."""
    generator = torch.Generator().manual_seed(sum(3**i * (1 + t) for i, t in enumerate(said)))
    return torch.rand(V, generator=generator, dtype=torch.double).softmax(dim=0)


def _likely(said: tuple[int, ...]) -> float:
    return float(torch.stack([_p(said[:i])[t] for i, t in enumerate(said)]).prod())


@pytest.mark.parametrize(
    "spellings",
    [[(1, 2, 1)], [(1, 2, 1), (2, 2, 1)], [(1, 2, 1), (1, 0, 2)]],
    ids=["one", "two", "two that begin alike"],
)
def test_each_token_has_its_odds_given_that_the_answer_is_another(
    spellings: list[tuple[int, ...]],
) -> None:
    log_p = [torch.stack([_p(ids[:i])[t] for i, t in enumerate(ids)]).log() for ids in spellings]
    read = [(ids, row[None]) for ids, row in zip(spellings, log_p, strict=True)]
    refusals = Refusals(read, begins_at=PROMPT)
    assert abs(refusals.probabilities[0] - sum(map(_likely, spellings))) < 1e-12
    answers = [a for a in itertools.product(range(V), repeat=3) if a not in spellings]
    for length in range(3):
        for said in itertools.product(range(V), repeat=length):
            ids = torch.tensor([[0] * PROMPT + list(said)])
            found = refusals(ids, _p(said).log()[None])[0].softmax(dim=0)
            expected = torch.tensor(
                [
                    sum(_likely(a) for a in answers if a[: length + 1] == (*said, t))
                    for t in range(V)
                ]
            )
            torch.testing.assert_close(
                found.double(), expected.double() / expected.sum(), atol=1e-6, rtol=1e-5
            )
    after = torch.tensor([[0] * PROMPT + [*spellings[0], 0]])
    scores = torch.rand(1, V)
    assert torch.equal(refusals(after, scores), scores)


@pytest.mark.parametrize("foreign", [False, True])
@torch.no_grad()
def test_generation_never_says_it(tiny_backbone: Callable[..., Any], foreign: bool) -> None:
    """A model for which the refusal is all but certain says something else; so does a batch."""
    backbone = tiny_backbone("llama")
    refusal = answer_ids(backbone, None, space="" if foreign else " ")[:-1]
    prompts = [[5, 6, 7], [8, 9, 10, 11]]

    def certain(module: Any, args: Any, kwargs: Any, out: Any) -> Any:
        """Adds to the logits of the refusal's next token, counted from the end of the prompt."""
        read, kept = kwargs["past_key_values"].get_seq_length(), out.logits.shape[1]
        for position in range(kept):
            at = read - kept + position + 1 - max(map(len, prompts))
            if 0 <= at < len(refusal):
                out.logits[:, position, refusal[at]] += 30.0
        return out

    backbone.lm.register_forward_hook(certain, with_kwargs=True)
    options = {"do_sample": False, "max_new_tokens": len(refusal) + 2, "pad_token_id": 0}
    options["eos_token_id"] = list(backbone.eos_ids)
    said = {}
    for barred in (False, True):
        read = Prefill(backbone, prompts, alike=True)
        refusals = read.refusals(foreign=foreign)
        assert min(refusals.probabilities) > 0.99
        processors = LogitsProcessorList([refusals] if barred else [])
        rows = backbone.lm.generate(**read.inputs(), **options, logits_processor=processors)
        said[barred] = [row[read.length :].tolist() for row in rows]
    begun = {barred: [row[: len(refusal)] == refusal for row in said[barred]] for barred in said}
    assert begun == {False: [True, True], True: [False, False]}  # whatever follows it
