"""The second stage: the question-steered recurrence over the segments that each question needs.

Questions that need the same segments share a pass. Where all segments are read, it is the pass of
the paper, bit for bit. Whoever reads no latents needs the tokens' scores alone (`score`).

Legend: B questions, M memory latents, D hidden size.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from lcirc_cli.answering.collection import Collection
from lcirc_cli.answering.stages import Chosen, TokenScores
from lcirc_cli.compression.recurrence import run_pass
from lcirc_cli.compression.scores import token_scores
from lcirc_cli.model import Compressed, LcircForCausalLM, Memory
from lcirc_cli.model.layers import KeysValues


def steer(
    model: LcircForCausalLM,
    collection: Collection,
    question: KeysValues,
    *,
    chosen: Sequence[Chosen],
    evidence: bool,
    progress: Callable[[float], object] | None = None,
) -> tuple[Memory, list[TokenScores] | None]:
    """A row of memory for each question, and with `evidence` what it says of the tokens read.

    Args:
        question: the projected questions, B of them.
        chosen: for each the segments that are read.
        progress: called with the number of tokens that were read.
    """
    rows_of = _sharing(chosen)
    memories: dict[int, Memory] = {}
    scores: dict[int, TokenScores] = {}
    for numbers, rows in rows_of.items():
        asked = question if len(rows_of) == 1 else _rows(question, rows)
        one = _pass(model, collection, asked, numbers, evidence=evidence, progress=progress)
        if one.evidence_BRN is not None:
            scores |= _scores(collection, numbers, rows, one.evidence_BRN)
        memories |= {row: one.memory.row(at) for at, row in enumerate(rows)}
    whole = one.memory if len(rows_of) == 1 else _stacked([memories[n] for n in sorted(memories)])
    return whole, [scores[row] for row in sorted(scores)] or None


def score(
    model: LcircForCausalLM,
    collection: Collection,
    question: KeysValues,
    *,
    chosen: Sequence[Chosen],
    progress: Callable[[float], object] | None = None,
) -> list[TokenScores]:
    """For each question the scores of the tokens of its segments, those of `steer`."""
    rows_of = _sharing(chosen)
    scores: dict[int, TokenScores] = {}
    for numbers, rows in rows_of.items():
        asked = question if len(rows_of) == 1 else _rows(question, rows)
        parts = [
            token_scores(model, segments.chosen(own), question=asked, progress=progress)
            for at, segments in enumerate(collection.segments)
            if (own := collection.places.of_memory(at, numbers))
        ]
        scores |= _scores(collection, numbers, rows, torch.cat(parts, dim=2))
    return [scores[row] for row in sorted(scores)]


def _sharing(chosen: Sequence[Chosen]) -> dict[Chosen, list[int]]:
    """Which questions need the same segments."""
    rows_of: dict[Chosen, list[int]] = {}
    for row, numbers in enumerate(chosen):
        rows_of.setdefault(numbers, []).append(row)
    return rows_of


def _scores(
    collection: Collection, numbers: Chosen, rows: Sequence[int], scores_BRN: Tensor
) -> dict[int, TokenScores]:
    ranges = collection.places.ranges(numbers)
    return {row: TokenScores(scores_BRN[at], ranges) for at, row in enumerate(rows)}


def _pass(
    model: LcircForCausalLM,
    collection: Collection,
    question: KeysValues,
    chosen: Chosen,
    *,
    evidence: bool,
    progress: Callable[[float], object] | None,
) -> Compressed:
    """One pass over the chosen segments of all memories."""
    passes = [
        run_pass(
            model,
            segments.chosen(numbers),
            question=question,
            store=store,
            evidence=evidence,
            progress=progress,
        )
        for at, (segments, store) in enumerate(
            zip(collection.segments, collection.stores, strict=True)
        )
        if (numbers := collection.places.of_memory(at, chosen))
    ]
    scored = [one.evidence_BRN for one in passes if one.evidence_BRN is not None]
    priors = [one.memory.prior_BM for one in passes if one.memory.prior_BM is not None]
    states_BMD = torch.cat([one.memory.states_BMD for one in passes], dim=1)
    memory = Memory(states_BMD, prior_BM=torch.cat(priors, dim=1) if priors else None)
    return Compressed(memory, torch.cat(scored, dim=2) if scored else None)


def _rows(question: KeysValues, rows: Sequence[int]) -> KeysValues:
    mask_BN = question.mask_BN
    return replace(
        question,
        k_BGNd=question.k_BGNd[rows],
        v_BGNd=question.v_BGNd[rows],
        mask_BN=None if mask_BN is None else mask_BN[rows],
    )


def _stacked(rows: Sequence[Memory]) -> Memory:
    """One memory with these rows; a shorter one (by an adapter's limit) has a mask behind it."""
    most = max(map(len, rows))
    states = torch.cat([_padded(each.states_BMD, most) for each in rows])
    priors = [_padded(each.prior_BM, most) for each in rows if each.prior_BM is not None]
    mask = None
    if any(len(each) < most for each in rows):
        lengths = torch.tensor([len(each) for each in rows], device=states.device)
        mask = torch.arange(most, device=states.device)[None] < lengths[:, None]
    return Memory(states, mask, torch.cat(priors) if priors else None)


def _padded(part: Tensor, most: int) -> Tensor:
    """`part` [1, M, ...] with zeros up to `most` latents."""
    missing = part.new_zeros(1, most - part.shape[1], *part.shape[2:])
    return torch.cat([part, missing], dim=1) if missing.shape[1] else part
