"""The recurrence over segments, and how far its gradients reach (paper, sections 3.1 and 3.4).

h_i = Perceiver(g_i, x_i), memory M = [h_1; ...; h_S]. `Backpropagation` says which states carry
gradients: all of them, the last k segments (truncated), or n retained ones drawn without
replacement (the paper's Selective State BPTT). States without gradients are computed under
no_grad, so the memory in use does not grow with the document.

Legend: B batch, S segments, n tokens of a segment, K latents, D hidden size.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence, Set
from contextlib import nullcontext
from dataclasses import dataclass, replace
from itertools import count
from typing import Literal, Protocol

import torch
from torch import Tensor

from .layers import KeysValues
from .perceiver import SegmentKeys


@dataclass(frozen=True)
class Segment:
    """Inputs of one segment for a batch of documents."""

    inputs_BND: Tensor
    mask_BN: Tensor | None = None  # bool; a document that has ended has no True in its row


@dataclass(frozen=True)
class State:
    """What one segment gives for each question."""

    latents_BKD: Tensor  # h_i
    prior_BK: Tensor | None = None  # float32 log-odds that the answer is in what a latent read
    evidence_BRN: Tensor | None = None  # the scores behind it (`LcircAdapter.evidence`)
    exists_B: Tensor | None = None  # bool, True where the document has that segment; None = all


@dataclass(frozen=True)
class Memory:
    """What the injection reads: latents of all retained segments, in document order."""

    states_BMD: Tensor  # M = S * K
    mask_BM: Tensor | None = None  # bool, True where a latent exists; None = all
    prior_BM: Tensor | None = None  # float32 log-odds of each latent; None = all alike

    def __len__(self) -> int:
        """Latents a document."""
        return self.states_BMD.shape[1]

    def row(self, index: int) -> Memory:
        """One document or question of the batch, as a batch of one."""
        own = slice(index, index + 1)
        mask, prior = self.mask_BM, self.prior_BM
        return Memory(
            self.states_BMD[own],
            mask_BM=None if mask is None else mask[own],
            prior_BM=None if prior is None else prior[own],
        )


@dataclass(frozen=True)
class Compressed:
    """A document's memory, and where it was asked for the evidence scores of all its tokens."""

    memory: Memory
    evidence_BRN: Tensor | None


@dataclass(frozen=True)
class Backpropagation:
    """Which states carry gradients.

    Args:
        kind: `full`; `truncated`: the last `states` segments; `selective`: `states` of the
            retained segments, drawn by `seed` without replacement.
        neighbours: selective only: gradients also pass between drawn segments side by side.
        rescale: selective only: multiply the drawn states' gradients by S/n, so that the mean
            over draws equals the direct paths of the full gradient. What is computed beside the
            states (evidence scores) takes the same factor, `scale`. Truncated gradients are
            left as they are: the segments before the last `states` have none, in the mean too.
    """

    kind: Literal["full", "truncated", "selective"] = "full"
    states: int = 8
    neighbours: bool = False
    rescale: bool = True
    seed: int = 0

    def drawn(self, num_segments: int, retained: int | None) -> set[int]:
        """Indices of the segments whose states carry gradients."""
        first = 0 if retained is None else max(0, num_segments - retained)
        kept = range(first, num_segments)
        if self.kind == "full":
            return set(range(num_segments))
        if self.kind == "truncated":
            return set(range(num_segments)[-self.states :])
        generator = torch.Generator().manual_seed(self.seed)
        order = torch.randperm(len(kept), generator=generator)[: self.states]
        return {first + int(index) for index in order}

    def connects(self, index: int, drawn: Set[int]) -> bool:
        """Whether gradients pass from a segment to the one before it."""
        return self.kind != "selective" or (self.neighbours and index - 1 in drawn)

    def scale(self, num_segments: int, retained: int | None) -> float:
        """What the gradients of the drawn states are multiplied by: S/n, or 1."""
        if self.kind != "selective" or not self.rescale:
            return 1.0
        kept = num_segments if retained is None else min(retained, num_segments)
        return kept / len(self.drawn(num_segments, retained))


FULL = Backpropagation()


class Compressor(Protocol):
    """What the recurrence needs of an adapter."""

    def keys(self, inputs_BND: Tensor, mask_BN: Tensor | None = None) -> SegmentKeys: ...

    def step(
        self, previous_BKD: Tensor | None, segment: SegmentKeys, question: KeysValues | None
    ) -> State: ...

    def evidence(self, question: KeysValues, segment: SegmentKeys) -> Tensor: ...


def states(
    compressor: Compressor,
    segments: Iterable[SegmentKeys],
    *,
    question: KeysValues | None = None,
    carry_BKD: Tensor | None = None,
    plan: Backpropagation = FULL,
    drawn: Set[int] | None = None,
    evidence: bool = False,
) -> Iterator[State]:
    """The recurrence: h_1, h_2, ..., one state a segment.

    Args:
        segments: their keys. Each is asked for when its turn comes, with gradients or without as
            its state has, and let go before the next.
        question: the projected question (QD-LCIRC), or None (LCIRC). Its batch may be a multiple
            of the documents': several questions a document, side by side.
        carry_BKD: the state to continue from; None starts from h_0.
        plan: how states are connected.
        drawn: the segments whose states carry gradients; None = all, as the caller's mode says.
        evidence: score every token for the question, also where the states don't need it.
    """
    waiting = iter(segments)
    for index in count():
        if carry_BKD is not None and drawn is not None and not plan.connects(index, drawn):
            carry_BKD = carry_BKD.detach()
        with nullcontext() if drawn is None or index in drawn else torch.no_grad():
            keys = next(waiting, None)
            if keys is None:
                return
            state = _present(compressor.step(carry_BKD, keys, question), keys, carry_BKD)
            if evidence and question is not None and state.evidence_BRN is None:
                state = replace(state, evidence_BRN=compressor.evidence(question, keys))
            del keys  # else this segment's are still there while the next one's are made
        carry_BKD = state.latents_BKD
        yield state


def compress(
    compressor: Compressor,
    segments: Sequence[Segment],
    *,
    question: KeysValues | None = None,
    retained: int | None = None,
    plan: Backpropagation = FULL,
    evidence: bool = False,
) -> Compressed:
    """The memory of documents, with gradients on the states that `plan` draws, and no others.

    Args:
        question, evidence: see `states`. The evidence scores have gradients where the states
            have: under `selective` with the same factor S/n, under `truncated` in the last
            segments alone, unscaled.
        retained: keep the states of the last `retained` segments; None keeps all.

    Raises:
        ValueError: no segments.
    """
    drawn = plan.drawn(len(segments), retained)
    scale = plan.scale(len(segments), retained) if segments else 1.0
    keys = (compressor.keys(each.inputs_BND, each.mask_BN) for each in segments)
    kept: deque[State] = deque(maxlen=retained)
    scores: list[Tensor] = []
    steps = states(compressor, keys, question=question, plan=plan, drawn=drawn, evidence=evidence)
    for index, state in enumerate(steps):
        if evidence and state.evidence_BRN is not None:
            scores.append(state.evidence_BRN)
        kept.append(_scaled(state, scale) if index in drawn else state)
    if not kept:
        raise ValueError("there is nothing to compress: the document has no segments")
    evidence_BRN = torch.cat(scores, dim=2) if scores else None
    if evidence_BRN is not None and scale != 1.0 and evidence_BRN.requires_grad:
        # A hook, as padded tokens have scores of -inf, with which no sum could be made.
        evidence_BRN.register_hook(lambda gradient: gradient * scale)
    return Compressed(_join(kept), evidence_BRN)


def _present(state: State, keys: SegmentKeys, previous: Tensor | None) -> State:
    """In a batch of documents of unequal length, one that has ended keeps its last state."""
    mask_BN = keys.layers[0].mask_BN
    if mask_BN is None:
        return state
    latents = state.latents_BKD
    exists = mask_BN.any(dim=-1).repeat_interleave(latents.shape[0] // mask_BN.shape[0])
    if previous is not None:
        latents = torch.where(exists[:, None, None], latents, previous.to(latents.dtype))
    return replace(state, latents_BKD=latents, exists_B=exists)


def _scaled(state: State, scale: float) -> State:
    """The state, with its gradients multiplied by `scale`."""
    if scale == 1.0:
        return state
    prior = state.prior_BK
    return replace(
        state,
        latents_BKD=_scale_gradient(state.latents_BKD, scale),
        prior_BK=None if prior is None else _scale_gradient(prior, scale),
    )


def _scale_gradient(x: Tensor, scale: float) -> Tensor:
    return x.detach() + (x - x.detach()) * scale


def _join(kept: Collection[State]) -> Memory:
    memory = torch.cat([each.latents_BKD for each in kept], dim=1)
    priors = [each.prior_BK for each in kept if each.prior_BK is not None]
    prior = torch.cat(priors, dim=1) if priors else None
    if all(each.exists_B is None for each in kept):
        return Memory(memory, None, prior)
    every = torch.ones(memory.shape[0], dtype=torch.bool, device=memory.device)
    columns = [every if each.exists_B is None else each.exists_B for each in kept]
    mask = torch.stack(columns, dim=1).repeat_interleave(memory.shape[1] // len(kept), dim=1)
    return Memory(memory, mask, prior)
