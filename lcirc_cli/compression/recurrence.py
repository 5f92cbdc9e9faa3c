"""The recurrence over a memory's segments: once at ingest, and again for each question (QD-LCIRC).

Every document starts from h_0: its latents are its own, whatever stands beside it in the memory.
Keys and values of segments do not depend on the question. They are kept between questions within
a byte budget, and made again where they don't fit. The same pass scores every token as evidence.
Knows nothing about text.

Legend: B questions, G segments of a group, n tokens of each, M memory latents, N tokens, D.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from lcirc_cli.compression.segments import Group, Segments
from lcirc_cli.model import Compressed, LcircForCausalLM, Memory, states
from lcirc_cli.model.layers import KeysValues
from lcirc_cli.model.perceiver import SegmentKeys


@dataclass
class KeyStore:
    """Keys and values of segments, kept while they fit into `budget` bytes.

    Every question reads all segments in order, so dropping the oldest would drop each one just
    before it is needed again: what came first stays.
    """

    budget: int
    used: int = 0
    kept: dict[Group, SegmentKeys] = field(default_factory=dict)

    def offer(self, group: Group, keys: SegmentKeys) -> None:
        tensors = [part for layer in keys.layers for part in (layer.k_BGNd, layer.v_BGNd)]
        size = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
        if self.used + size <= self.budget:
            self.used += size
            self.kept[group] = keys


@torch.no_grad()
def run_pass(
    model: LcircForCausalLM,
    segments: Segments,
    *,
    question: KeysValues | None = None,
    store: KeyStore | None = None,
    evidence: bool = False,
    progress: Callable[[float], object] | None = None,
) -> Compressed:
    """Run the recurrence over the segments, streamed: memory does not grow with their number.

    The scores, how well each token answers each question, are float32 on the CPU.

    Args:
        question: the projected question or questions (QD-LCIRC), or None (LCIRC).
        store: keys and values of these same segments, kept from earlier passes.
        evidence: also score every token; needs a question.
        progress: called with the number of tokens that were read.
    """
    adapter = model.adapter
    skipped = _skipped(segments.groups, adapter.config.retained_segments)
    kept = sum(group.count for group in segments.groups) - sum(skipped.values())
    at = 0  # where the next retained segment's state goes
    document: int | None = None
    carry_BKD: Tensor | None = None
    states_BMD: Tensor | None = None
    prior_BM: Tensor | None = None
    scores: list[Tensor] = []
    for group, keys in _keys(model, segments, store):
        if group.document != document:
            document, carry_BKD, seen = group.document, None, 0
        for state in states(adapter, each_of(keys), question=question, carry_BKD=carry_BKD):
            carry_BKD = state.latents_BKD
            seen += 1
            if seen > skipped[group.document]:
                states_BMD = _placed(states_BMD, carry_BKD, at=at, of=kept)
                if state.prior_BK is not None:
                    prior_BM = _placed(prior_BM, state.prior_BK, at=at, of=kept)
                at += 1
            if evidence and state.evidence_BRN is not None:
                scores.append(state.evidence_BRN)
        if evidence and question is not None and adapter.config.shares == "length":
            scores.append(_evidence(model, question, keys, group=group))
        del keys  # else this group's are still there while the next one's are made
        if progress is not None:
            progress(group.count * group.length)
    if states_BMD is None:
        raise ValueError("there is nothing to compress: no segments")
    evidence_BRN = torch.cat(scores, dim=2).cpu() if scores else None
    return Compressed(Memory(states_BMD, prior_BM=prior_BM), evidence_BRN)


def _skipped(groups: Sequence[Group], retained: int | None) -> dict[int, int]:
    """Of each document how many segments come before those whose states are retained."""
    counts: dict[int, int] = {}
    for group in groups:
        counts[group.document] = counts.get(group.document, 0) + group.count
    return {
        document: 0 if retained is None else max(0, count - retained)
        for document, count in counts.items()
    }


def _keys(
    model: LcircForCausalLM, segments: Segments, store: KeyStore | None
) -> Iterator[tuple[Group, SegmentKeys]]:
    kept = store.kept if store is not None else {}
    missing = segments.inputs(model, [group for group in segments.groups if group not in kept])
    for group in segments.groups:
        # Not by a name of this frame, which would hold on to what it yields.
        yield group, kept[group] if group in kept else _made(model, missing, store)


def _made(
    model: LcircForCausalLM, missing: Iterator[tuple[Group, Tensor]], store: KeyStore | None
) -> SegmentKeys:
    group, inputs = next(missing)
    keys = model.adapter.keys(inputs)
    if store is not None:
        store.offer(group, keys)
    return keys


def _placed(whole: Tensor | None, part: Tensor, *, at: int, of: int) -> Tensor:
    """`part` as number `at` of the `of` parts side by side in `whole`, dimension 1.

    Room for all is made once: small tensors that stay, made one at a time between large ones that
    go, would keep the allocator from giving the same place to the next large ones.
    """
    size = part.shape[1]
    if whole is None:
        whole = part.new_empty(part.shape[0], of * size, *part.shape[2:])
    whole[:, at * size : (at + 1) * size] = part
    return whole


def each_of(keys: SegmentKeys) -> Iterator[SegmentKeys]:
    """The segments of a group, as views."""
    for index in range(len(keys.layers[0].k_BGNd)):
        rows = slice(index, index + 1)
        layers = tuple(KeysValues(kv.k_BGNd[rows], kv.v_BGNd[rows]) for kv in keys.layers)
        yield SegmentKeys(layers, keys.share_KN)


def _evidence(
    model: LcircForCausalLM, question: KeysValues, keys: SegmentKeys, *, group: Group
) -> Tensor:
    """Scores of the group's tokens for each question, [B, R, G * n], float32."""
    G, B = group.count, question.k_BGNd.shape[0]
    every = KeysValues(
        question.k_BGNd.repeat(G, 1, 1, 1),
        question.v_BGNd.repeat(G, 1, 1, 1),
        None if question.mask_BN is None else question.mask_BN.repeat(G, 1),
    )
    scores = model.adapter.evidence(every, keys)  # [G * B, R, n], a segment's questions together
    R, n = scores.shape[1:]
    return scores.view(G, B, R, n).permute(1, 2, 0, 3).reshape(B, R, G * n)
