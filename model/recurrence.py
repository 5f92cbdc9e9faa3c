"""The recurrence over segments, and how far its gradients reach (paper, sections 3.1 and 3.4).

h_i = Perceiver(g_i, x_i), memory M = [h_1; ...; h_S]. `Backpropagation` says which states carry
gradients: all of them, the last k segments (truncated), or n retained ones drawn without
replacement (the paper's Selective State BPTT). States without gradients are computed under
no_grad, so the memory in use does not grow with the document.

Legend: B batch, S segments, n tokens of a segment, K latents, D hidden size.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
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
        return Memory(
            self.states_BMD[own],
            None if self.mask_BM is None else self.mask_BM[own],
            None if self.prior_BM is None else self.prior_BM[own],
        )


@dataclass(frozen=True)
class Compressed:
    """Result of a recurrence: the memory, and the state to continue from."""

    memory: Memory
    carry_BKD: Tensor


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

    def scale(self, num_segments: int, retained: int | None) -> float:
        """What the gradients of the drawn states are multiplied by: S/n, or 1."""
        if self.kind != "selective" or not self.rescale:
            return 1.0
        kept = num_segments if retained is None else min(retained, num_segments)
        return kept / len(self.drawn(num_segments, retained))


class Compressor(Protocol):
    """What the recurrence needs of an adapter."""

    def keys(self, inputs_BND: Tensor, mask_BN: Tensor | None = None) -> SegmentKeys: ...

    def step(
        self, previous_BKD: Tensor | None, segment: SegmentKeys, question: KeysValues | None
    ) -> State: ...


def compress(
    compressor: Compressor,
    segments: Iterable[Segment],
    *,
    question: KeysValues | None = None,
    carry_BKD: Tensor | None = None,
    retained: int | None = None,
) -> Compressed:
    """Run the recurrence over a stream of segments; gradients as the caller's mode says.

    Args:
        question: the projected question (QD-LCIRC), or None (LCIRC). Its batch may be a multiple
            of the documents': several questions a document, side by side.
        carry_BKD: the state to continue from; None starts from h_0.
        retained: keep the states of the last `retained` segments; None keeps all.

    Raises:
        ValueError: no segments.
    """
    kept: list[_Kept] = []
    for segment in segments:
        carry_BKD, state = _step(compressor, segment, carry_BKD, question=question)
        kept.append(_Kept(carry_BKD, state.prior_BK, _exists(segment, carry_BKD.shape[0])))
        if retained is not None and len(kept) > retained:
            del kept[0]
    if carry_BKD is None or not kept:
        raise ValueError("there is nothing to compress: the document has no segments")
    return Compressed(_join(kept), carry_BKD)


def compress_for_training(
    compressor: Compressor,
    segments: Sequence[Segment],
    *,
    question: KeysValues | None = None,
    retained: int | None = None,
    plan: Backpropagation,
) -> Memory:
    """The same recurrence with gradients on the states that `plan` draws, and no others."""
    if not segments:
        raise ValueError("there is nothing to compress: the document has no segments")
    drawn = plan.drawn(len(segments), retained)
    scale = plan.scale(len(segments), retained)
    carry: Tensor | None = None
    states: list[_Kept] = []
    for index, segment in enumerate(segments):
        connected = plan.kind != "selective" or (plan.neighbours and index - 1 in drawn)
        if carry is not None and not connected:
            carry = carry.detach()
        with nullcontext() if index in drawn else torch.no_grad():
            carry, state = _step(compressor, segment, carry, question=question)
        latents, prior = carry, state.prior_BK
        if index in drawn:
            latents = _scale_gradient(carry, scale)
            prior = None if prior is None else _scale_gradient(prior, scale)
        states.append(_Kept(latents, prior, _exists(segment, carry.shape[0])))
        if retained is not None and len(states) > retained:
            del states[0]
    return _join(states)


@dataclass(frozen=True)
class _Kept:
    """A segment's part of the memory; exists_B: which documents have that segment."""

    latents_BKD: Tensor
    prior_BK: Tensor | None
    exists_B: Tensor | None


def _step(
    compressor: Compressor,
    segment: Segment,
    previous: Tensor | None,
    *,
    question: KeysValues | None,
) -> tuple[Tensor, State]:
    """The latents to go on from, and what the segment gave."""
    keys = compressor.keys(segment.inputs_BND, segment.mask_BN)
    state = compressor.step(previous, keys, question)
    latents = state.latents_BKD
    if segment.mask_BN is None or previous is None:
        return latents, state
    # A document that has ended keeps its last state.
    present = segment.mask_BN.any(dim=-1)
    present = present.repeat_interleave(latents.shape[0] // present.shape[0])
    return torch.where(present[:, None, None], latents, previous.to(latents.dtype)), state


def _exists(segment: Segment, batch: int) -> Tensor | None:
    if segment.mask_BN is None:
        return None
    present = segment.mask_BN.any(dim=-1)
    return present.repeat_interleave(batch // present.shape[0])


def _join(kept: list[_Kept]) -> Memory:
    K = kept[0].latents_BKD.shape[1]
    memory = torch.cat([each.latents_BKD for each in kept], dim=1)
    priors = [each.prior_BK for each in kept if each.prior_BK is not None]
    prior = torch.cat(priors, dim=1) if priors else None
    if all(each.exists_B is None for each in kept):
        return Memory(memory, None, prior)
    every = torch.ones(memory.shape[0], dtype=torch.bool, device=memory.device)
    columns = [every if each.exists_B is None else each.exists_B for each in kept]
    mask = torch.stack(columns, dim=1).repeat_interleave(K, dim=1)
    return Memory(memory, mask, prior)


def _scale_gradient(x: Tensor, scale: float) -> Tensor:
    """x, with its gradient multiplied by `scale`."""
    return x if scale == 1.0 else x.detach() + (x - x.detach()) * scale
