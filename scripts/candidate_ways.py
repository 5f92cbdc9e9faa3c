"""Ways in which a memory's training may differ, for memory_candidates.py: how each changes a model.

Legend: B questions, S segments, M latents of a memory, K latents of a segment, D hidden size, L
tokens of answers.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from lcirc_cli.answering.windows import best_texts, build_prompt
from lcirc_cli.evidence import PassageIndex
from lcirc_cli.model import LcircAdapter, LcircForCausalLM, Memory
from lcirc_cli.model.evidence import focus
from lcirc_cli.model.layers import KeysValues
from lcirc_cli.model.perceiver import SegmentKeys
from lcirc_cli.model.recurrence import Compressed, State
from lcirc_cli.training.data.passages import sample_index, touches
from lcirc_cli.training.data.samples import Asked, Sample
from lcirc_cli.training.methods.objectives import label_logits
from lcirc_cli.training.methods.stages import QuestionAnswering

SEEN_BY_TEACHER = 192  # tokens of passages that touch the evidence
LIKELY = 32  # tokens of the teacher's distribution that count
BEST = 3  # of the segments the best 1 / BEST have twice as many latents


@dataclass(frozen=True)
class Candidate:
    """What is another than in `lcirc train`."""

    trains: bool = True
    stage: type[QuestionAnswering] = QuestionAnswering
    changed: Callable[[LcircForCausalLM], AbstractContextManager[None]] = lambda _: nullcontext()


class Taught(QuestionAnswering):
    """Beside the answer's loss, the divergence from the frozen reader that sees the evidence."""

    def _prepare(self) -> None:
        super()._prepare()
        frozen: torch.nn.Module = copy.deepcopy(self._model.adapter)
        frozen.requires_grad_(False)
        assert isinstance(frozen, LcircAdapter)
        self._teacher = LcircForCausalLM(self._model.lm, frozen)

    def _answer_losses(self, sample: Sample, memory: Memory, rng: np.random.Generator) -> Tensor:
        form = self._model.adapter.config.prompt_form
        prompts, answers = self._windows.make(sample, rng, form=form)
        logits, said = label_logits(self._model, prompts, answers, memory=memory)
        losses = F.cross_entropy(logits, said, reduction="none")
        index = sample_index(self._corpus, sample)
        taught = [number for number, asked in enumerate(sample.asked) if self._known(asked)]
        if not taught:
            return losses
        shown = [self._prompt(index, sample.asked[number]) for number in taught]
        with torch.no_grad():
            known = [answers[number] for number in taught]
            seen, _ = label_logits(self._teacher, shown, known, memory=None)
        top = seen.log_softmax(dim=-1).topk(LIKELY, dim=-1)
        of_row = [number for number, answer in enumerate(answers) for _ in answer]
        rows = torch.tensor([at for at, number in enumerate(of_row) if number in taught])
        own = logits.log_softmax(dim=-1)[rows.to(logits.device)].gather(-1, top.indices)
        away = (top.values.exp() * (top.values - own)).sum(dim=-1)
        return losses.index_add(0, rows.to(losses.device), away)

    @staticmethod
    def _known(asked: Asked) -> bool:
        return asked.answer is not None and bool(asked.evidence) and not asked.options

    def _prompt(self, index: PassageIndex, asked: Asked) -> list[int]:
        gold = [passage for passage in index.passages if touches(asked.evidence, passage)]
        texts = best_texts(index, gold, SEEN_BY_TEACHER, question=asked.question)[0]
        form = self._model.adapter.config.prompt_form
        return build_prompt(self._backbone, question=asked.question, passages=texts, form=form)


@contextmanager
def averaged(model: LcircForCausalLM) -> Iterator[None]:
    """Latents are means of the features of equal shares of a segment."""
    adapter: Any = model.adapter

    def keys(inputs_BND: Tensor, mask_BN: Tensor | None = None) -> SegmentKeys:
        made = LcircAdapter.keys(adapter, inputs_BND, mask_BN)
        assert made.share_KN is not None
        share = made.share_KN[:, 0]
        means = share / share.sum(dim=-1, keepdim=True).clamp(min=1) @ inputs_BND
        return replace(made, share_KN=means)  # which nothing else reads here

    def step(previous: Tensor | None, segment: SegmentKeys, question: KeysValues | None) -> State:
        means = segment.share_KN
        assert means is not None
        count = len(means) if question is None else question.k_BGNd.shape[0]
        return State(means.expand(count, -1, -1))

    adapter.keys, adapter.step = keys, step
    try:
        yield
    finally:
        del adapter.keys, adapter.step


@contextmanager
def divided(model: LcircForCausalLM) -> Iterator[None]:
    """Latents are divided over the document by the odds of its segments."""
    adapter: Any = model.adapter
    usual = model.compress
    fine = 2 * adapter.config.num_latents

    def step(previous: Tensor | None, segment: SegmentKeys, question: KeysValues | None) -> State:
        if question is None:  # LCIRC: nothing tells the segments apart
            return LcircAdapter.step(adapter, previous, segment, None)
        queries = adapter.queries(None, question).repeat_interleave(2, dim=1)
        if previous is not None:  # what was carried is not steered again
            carried = adapter.perceiver.standardise(previous)
            queries = queries + adapter.carry_gate.tanh() * carried
        scores = adapter.evidence(question, segment)
        parts = focus(scores, segment.layers[0].mask_BN, num_latents=fine)
        latents = adapter.perceiver(queries, segment, share_BKN=parts.share_BKN)
        return State(latents, parts.prior_BK, scores)

    def compress(*args: Any, **kwargs: Any) -> Compressed:
        made = usual(*args, **kwargs)
        if made.memory.prior_BM is None:
            return made
        return replace(made, memory=dealt(made.memory, fine))

    adapter.step, changed = step, model
    changed.compress = compress  # type: ignore[method-assign]
    try:
        yield
    finally:
        del adapter.step, changed.compress


def dealt(memory: Memory, fine: int) -> Memory:
    """Of each segment's `fine` latents all where its odds are best, else means of two or four.

    With S segments the best S // BEST keep `fine`, the others a quarter: S * fine / 2 in all where
    S is a multiple of BEST. Fewer than BEST segments all keep a half.
    """
    assert memory.prior_BM is not None
    B, M, D = memory.states_BMD.shape
    S = M // fine
    states = memory.states_BMD.view(B, S, fine, D)
    prior = memory.prior_BM.view(B, S, fine)
    if S < BEST:
        pairs = states.view(B, S * fine // 2, 2, D).mean(dim=2)
        return Memory(pairs, None, prior.view(B, -1, 2).mean(dim=2))
    few = fine // 4
    means = states.view(B, S, few, 4, D).mean(dim=3)
    odds = prior.view(B, S, few, 4).mean(dim=3)
    best_BS = prior.amax(dim=2).argsort(dim=1, descending=True).argsort(dim=1) < S // BEST
    coarse = F.pad(means, (0, 0, 0, fine - few)), F.pad(odds, (0, fine - few))
    kept = best_BS[..., None] | (torch.arange(fine, device=prior.device) < few)
    return Memory(
        torch.where(best_BS[..., None, None], states, coarse[0]).reshape(B, M, D),
        kept.reshape(B, M),
        torch.where(best_BS[..., None], prior, coarse[1]).reshape(B, M),
    )


CANDIDATES = {
    "start": Candidate(trains=False),
    "plain": Candidate(),
    "teacher": Candidate(stage=Taught),
    "divided": Candidate(changed=divided),
    "mean": Candidate(changed=averaged),
}
