"""The qa stage: the question steers the compression, the loss is on the answer (paper, 3.3).

A stage turns (step, slot) into a loss with gradients; the loop knows nothing else of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from lcirc_cli.backbones.devices import faster_dtype
from lcirc_cli.backbones.loading import Backbone
from lcirc_cli.backbones.tokens import encode_questions
from lcirc_cli.errors import DocumentError
from lcirc_cli.model import (
    Backpropagation,
    LcircConfig,
    LcircForCausalLM,
    Memory,
    Segment,
)
from lcirc_cli.model.layers import KeysValues
from lcirc_cli.training.data.corpus import Corpus
from lcirc_cli.training.data.feature_cache import FeatureCache
from lcirc_cli.training.data.samples import Asked, Sample, Sampler
from lcirc_cli.training.data.streams import BlockedCorpus
from lcirc_cli.training.data.windows import WindowMaker
from lcirc_cli.training.methods.objectives import evidence_loss, evidence_scores, label_losses
from lcirc_cli.training.settings import TrainSettings


@dataclass(frozen=True)
class StageLoss:
    """Losses of one slot; `total` carries the gradient."""

    total: Tensor
    answer: float  # nats a token
    evidence: float | None
    samples: int
    tokens: int  # label tokens

    @staticmethod
    def of(
        settings: TrainSettings,
        *,
        answer: Tensor | None,
        evidence: Tensor | None,
        samples: int,
        tokens: int,
    ) -> StageLoss:
        """The weighted sum of what there is; a slot with nothing to learn from gives zero."""
        total = torch.zeros((), requires_grad=True)
        if answer is not None:
            total = total + settings.answer_weight * answer
        if evidence is not None:
            total = total + settings.evidence_weight * evidence
        return StageLoss(
            total=total,
            answer=0.0 if answer is None else float(answer.detach()),
            evidence=None if evidence is None else float(evidence.detach()),
            samples=samples,
            tokens=tokens,
        )


class Stage(Protocol):
    """What the loop needs of a stage."""

    def loss(self, step: int, slot: int) -> StageLoss: ...


class CorpusStage:
    """What all stages share: a model, a corpus with cached features, and the settings."""

    def __init__(
        self,
        model: LcircForCausalLM,
        backbone: Backbone,
        *,
        corpus: Corpus,
        cache: FeatureCache,
        settings: TrainSettings,
    ) -> None:
        self._model, self._backbone, self._corpus = model, backbone, corpus
        self._cache, self._settings = cache, settings
        self._lengths = segment_lengths(settings, model.adapter.config)
        self._prepare()

    def _prepare(self) -> None:
        """What a stage makes of these parts once, before its first step."""

    def _autocast(self) -> torch.autocast:
        return precision(self._settings, self._model.device)

    def _compress(
        self,
        segments: Sequence[Segment],
        *,
        question: KeysValues | None,
        plan: Backpropagation,
    ) -> tuple[Memory, Tensor | None]:
        """The memory, and the evidence scores [B, R, N] where the settings want them."""
        wanted = self._settings.evidence_weight > 0
        made = self._model.compress(segments, question=question, plan=plan, evidence=wanted)
        return made.memory, made.evidence_BRN

    def _evidence_loss(
        self, scores_BRN: Tensor | None, evidence: Sequence[Sequence[tuple[int, int]]]
    ) -> Tensor | None:
        if scores_BRN is None:
            return None
        return evidence_loss(scores_BRN, evidence, passage_tokens=self._settings.passage_tokens)


class QuestionAnswering(CorpusStage):
    """Stage 2: document in the memory, question (and what else the settings say) in the window."""

    def _prepare(self) -> None:
        self._windows = WindowMaker(self._backbone, self._corpus, self._settings)
        self._sampler = Sampler(self._corpus, self._settings, lengths=self._lengths)

    def loss(self, step: int, slot: int) -> StageLoss:
        """One document with its questions."""
        settings = self._settings
        rng = np.random.default_rng((settings.seed, step, slot, 1))
        sample = self._sampler.sample(step, slot)
        plan = backpropagation(settings, rng)
        steered = settings.answer_weight <= 0 or rng.random() >= settings.mixer_dropout
        with self._autocast():
            question = self._question(sample.asked) if steered else None
            segments = self._segments(sample)
            if settings.answer_weight > 0:
                memory, scores = self._compress(segments, question=question, plan=plan)
                losses = self._answer_losses(sample, memory, rng)
            else:
                scores = evidence_scores(self._model, question, segments) if question else None
                losses = torch.zeros(0, device=self._model.device)
            found = self._evidence_loss(scores, [each.evidence for each in sample.asked])
        answer = losses.mean() if len(losses) else None
        return StageLoss.of(
            settings, answer=answer, evidence=found, samples=len(sample.asked), tokens=len(losses)
        )

    def _answer_losses(self, sample: Sample, memory: Memory, rng: np.random.Generator) -> Tensor:
        form = self._model.adapter.config.prompt_form
        prompts, answers = self._windows.make(sample, rng, form=form)
        return label_losses(self._model, prompts, answers, memory=memory)

    def _segments(self, sample: Sample) -> Sequence[Segment]:
        parts = [(self._corpus.documents[p.document], p.start, p.end) for p in sample.parts]
        return self._cache.joined(parts, sample.segment_length)

    def _question(self, asked: Sequence[Asked]) -> KeysValues:
        return question_keys(self._model, self._backbone, [each.question for each in asked])


def precision(settings: TrainSettings, device: torch.device) -> torch.autocast:
    """What a step and its validation are computed in."""
    half = in_half_precision(settings, device)
    return torch.autocast(device.type, torch.bfloat16, enabled=half)


def in_half_precision(settings: TrainSettings, device: torch.device) -> bool:
    """Whether `precision` casts to bfloat16."""
    if settings.autocast == "auto":
        return faster_dtype(device) is torch.bfloat16
    return settings.autocast == "bfloat16"


def segment_lengths(settings: TrainSettings, config: LcircConfig) -> tuple[int, int]:
    """The shortest and the longest segment that a sample may have."""
    if settings.random_segments:
        return config.num_latents, config.max_segment_length
    return config.segment_length, config.segment_length


def backpropagation(settings: TrainSettings, rng: np.random.Generator) -> Backpropagation:
    """The plan of one sample; selective states are drawn anew for each."""
    return Backpropagation(
        kind=settings.bptt,  # type: ignore[arg-type] # checked by the settings
        states=settings.bptt_states,
        neighbours=settings.bptt_neighbours,
        seed=int(rng.integers(2**31)),
    )


def question_keys(
    model: LcircForCausalLM, backbone: Backbone, questions: Sequence[str]
) -> KeysValues:
    """Questions as the mixer reads them, padded and masked, projected once."""
    return model.question_keys(*encode_questions(backbone.tokenizer, questions))


class StreamedStage:
    """A stage made anew for each block: the block of a step follows from the step alone."""

    def __init__(
        self, make: Callable[..., Stage], corpus: BlockedCorpus, first: Corpus, *, steps: int
    ) -> None:
        self._make, self._corpus, self._steps = make, corpus, steps
        self._now: tuple[int, Stage] = (0, make(corpus=first))

    def loss(self, step: int, slot: int) -> StageLoss:
        """The stage's loss on the step's block."""
        index = step // self._steps
        if index != self._now[0]:
            try:
                self._now = index, self._make(corpus=self._corpus.block(index))
            except ValueError as error:
                raise DocumentError(f"block {index} of the streamed data: {error}") from error
        return self._now[1].loss(step, slot)
