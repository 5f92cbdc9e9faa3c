"""Methods to compare with, trained by the same loop: `window` and `autocompressor`.

`window`: LoRA on the backbone, which reads a part of the document in its window: what fine-tuning
gives without compression. `autocompressor`: summary tokens and LoRA; the document is there as
summaries. Samples, their order, the window's contents and the form of the answers are those of the
qa stage, so that only the method differs. In validation `window` draws a document's part once;
`autocompressor` reads summaries before the question alone.

Legend: B questions, T window tokens, L label tokens, k summary tokens, P summary vectors, D.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lcirc_cli.answering.generation import Decoding, generate
from lcirc_cli.answering.windows import build_prompt
from lcirc_cli.backbones.loading import Backbone
from lcirc_cli.baselines import folder as baseline
from lcirc_cli.baselines import lora, summaries
from lcirc_cli.errors import UsageError
from lcirc_cli.files import atomic_folder
from lcirc_cli.training.data.corpus import Corpus, Question
from lcirc_cli.training.data.ranges import Part
from lcirc_cli.training.data.samples import Asked, Sample, Sampler
from lcirc_cli.training.data.windows import IGNORED, WindowMaker, make_windows
from lcirc_cli.training.methods.adapter import adapter_config
from lcirc_cli.training.methods.learner import enable_checkpointing, set_frozen
from lcirc_cli.training.methods.objectives import head_losses
from lcirc_cli.training.methods.readers import Reading
from lcirc_cli.training.methods.stages import (
    StageLoss,
    backpropagation,
    in_half_precision,
    precision,
    segment_lengths,
)
from lcirc_cli.training.settings import TrainSettings

PROMPT_FORM = "plain"  # that of trained adapters
_ANSWER_ROOM = 512  # tokens of a window beside the document's


class _Trained(nn.Module):
    """What a checkpoint looks at: the backbone with its LoRA weights, and the summary tokens."""

    def __init__(self, lm: nn.Module, summary_kD: Tensor | None) -> None:
        super().__init__()
        self.lm = lm
        self.summary = None if summary_kD is None else nn.Parameter(summary_kD)


class TunedLearner:
    """LoRA on the backbone, and summary tokens where the method has them.

    The backbone is changed: load it for this run alone.

    Raises:
        ModelError: peft is not installed, or doesn't know the backbone.
        UsageError: a summary's segment is longer than the backbone's positions.
    """

    def __init__(self, backbone: Backbone, settings: TrainSettings) -> None:
        self._backbone, self._settings = backbone, settings
        self._lm: Any = backbone.lm
        self._checkpointing = settings.gradient_checkpointing
        half = in_half_precision(settings, self._lm.device)
        lora.add(self._lm, rank=settings.lora_rank, seed=settings.seed, autocast=half)
        summary = self._start() if settings.method == "autocompressor" else None
        self._trained = _Trained(self._lm, summary)
        if self._checkpointing:
            enable_checkpointing(self._lm)

    @property
    def module(self) -> nn.Module:
        return self._trained

    def train(self, on: bool) -> None:
        set_frozen(self._lm, checkpointing=on and self._checkpointing)

    def numbers(self) -> dict[str, float]:
        """Nothing beside the losses."""
        return {}

    def save(self, folder: Path) -> None:
        """A folder that `lcirc bench run --system window@FOLDER` (or autocompressor@) takes."""
        card = baseline.MethodCard(
            method=self._settings.method,
            base_model=self._backbone.name,
            base_fingerprint=self._backbone.fingerprint,
            prompt_form=PROMPT_FORM,
            segment_tokens=self._settings.summary_segment,
        )
        with atomic_folder(folder) as place:
            baseline.save(place, self._lm, card, self._trained.summary)

    def summaries(self, ids_N: Tensor, *, keep_gradients: int | None) -> Tensor | None:
        """The document as summary vectors [P, D]; None for the window method."""
        summary_kD = self._trained.summary
        if summary_kD is None:
            return None
        settings = self._settings
        most = summaries.most_vectors(
            self._backbone.max_positions,
            window=settings.window_tokens + _ANSWER_ROOM,
            segment=settings.summary_segment,
            tokens=len(summary_kD),
        )
        return summaries.summarise(
            self._lm,
            ids_N,
            summary_kD,
            segment=settings.summary_segment,
            most=most,
            keep_gradients=keep_gradients,
        )

    def losses(
        self,
        prompts: Sequence[Sequence[int]],
        answers: Sequence[Sequence[int]],
        prefix_PD: Tensor | None,
    ) -> Tensor:
        """Nats of the answers' tokens, [L], all rows after the same summaries."""
        embed = self._lm.get_input_embeddings()
        windows = make_windows(prompts, answers, device=embed.weight.device)
        inputs_BTD, labels_BT = embed(windows.input_ids_BT), windows.labels_BT
        if prefix_PD is not None:
            prefix = prefix_PD.to(inputs_BTD.dtype).expand(len(prompts), -1, -1)
            inputs_BTD = torch.cat([prefix, inputs_BTD], dim=1)
            labels_BT = F.pad(labels_BT, (len(prefix_PD), 0), value=IGNORED)
        hidden = self._lm.base_model(inputs_embeds=inputs_BTD, use_cache=False).last_hidden_state
        return head_losses(self._lm, hidden, labels_BT)

    def _start(self) -> Tensor:
        settings = self._settings
        longest = settings.summary_segment + 2 * settings.summary_tokens
        if longest > self._backbone.max_positions:
            raise UsageError(
                f"a segment of {settings.summary_segment} tokens with its summaries needs "
                f"{longest:,} positions, {self._backbone.name} has "
                f"{self._backbone.max_positions:,}: choose a smaller summary_segment"
            )
        weight = self._lm.get_input_embeddings().weight
        first = summaries.start(weight, self._backbone.eos_ids[0], tokens=settings.summary_tokens)
        return first.float()


class TunedQuestionAnswering:
    """The qa stage without an adapter: the same samples, windows and labels."""

    def __init__(
        self, learner: TunedLearner, backbone: Backbone, *, corpus: Corpus, settings: TrainSettings
    ) -> None:
        self._learner, self._corpus, self._settings = learner, corpus, settings
        self._windows = WindowMaker(backbone, corpus, settings)
        self._device = backbone.lm.device
        # A document's part is measured in the adapter's segments: the same part for all methods.
        lengths = segment_lengths(settings, adapter_config(settings, backbone))
        self._sampler = Sampler(corpus, settings, lengths=lengths)

    def loss(self, step: int, slot: int) -> StageLoss:
        """One document with its questions."""
        settings = self._settings
        rng = np.random.default_rng((settings.seed, step, slot, 1))
        backpropagation(settings, rng), rng.random()  # as the qa stage draws before its windows
        sample = self._sampler.sample(step, slot)
        keep = settings.bptt_states if settings.bptt == "truncated" else None
        with precision(settings, self._device):
            prefix = self._learner.summaries(self._ids(sample), keep_gradients=keep)
            prompts, answers = self._windows.make(sample, rng, form=PROMPT_FORM)
            losses = self._learner.losses(prompts, answers, prefix)
        return StageLoss.of(
            settings,
            answer=losses.mean(),
            evidence=None,
            samples=len(sample.asked),
            tokens=len(losses),
        )

    def _ids(self, sample: Sample) -> Tensor:
        """The tokens of the document that its parts make."""
        documents = self._corpus.documents
        parts = [documents[part.document].ids_N[part.start : part.end] for part in sample.parts]
        return torch.cat(parts)


class TunedReader:
    """Reads documents as `window` or `autocompressor` do."""

    def __init__(
        self, learner: TunedLearner, backbone: Backbone, *, settings: TrainSettings
    ) -> None:
        self._learner, self._backbone, self._settings = learner, backbone, settings

    def read(self, corpus: Corpus, source: int | None, rows: list[Question]) -> Reading:
        """Document `source` of the corpus (None: no document) for these questions."""
        prefix = None
        if source is not None:
            prefix = self._learner.summaries(corpus.documents[source].ids_N, keep_gradients=0)
        prompts = self._prompts(corpus, source, rows)
        return _TunedReading(self._learner, self._backbone, prompts, prefix)

    def _prompts(self, corpus: Corpus, source: int | None, rows: list[Question]) -> list[list[int]]:
        if source is not None and self._settings.method == "window":
            return self._windows(corpus, source, rows)
        return [build_prompt(self._backbone, question=q.text, form=PROMPT_FORM) for q in rows]

    def _windows(self, corpus: Corpus, source: int, rows: list[Question]) -> list[list[int]]:
        """Prompts with parts of the document; evidence of another document has no place in it."""
        sample = Sample(
            parts=(Part(source, 0, len(corpus.documents[source].ids_N)),),
            asked=tuple(
                Asked(q.text, None, q.evidence if q.document == source else (), q) for q in rows
            ),
            segment_length=self._settings.summary_segment,
        )
        rng = np.random.default_rng((self._settings.seed, source, 3))
        maker = WindowMaker(self._backbone, corpus, self._settings)
        prompts, _ = maker.make(sample, rng, form=PROMPT_FORM)
        return prompts


@dataclass(frozen=True)
class _TunedReading:
    learner: TunedLearner
    backbone: Backbone
    prompts: list[list[int]]
    prefix_PD: Tensor | None

    def losses(self, answers: Sequence[list[int]]) -> Tensor:
        return self.learner.losses(self.prompts, answers, self.prefix_PD)

    def say(self, max_new_tokens: int) -> list[str]:
        decoding = Decoding(max_new_tokens=max_new_tokens, one_line=True)
        said = generate(self.backbone, self.prompts, decoding=decoding, prefix_PD=self.prefix_PD)
        return [each.text for each in said]
