"""Stages on plain text: `lm` (stage 1 of the paper) and `reconstruct` (a dense warm-up).

Both need no questions: what is compressed is the beginning of a document (lm) or a part of it
(reconstruct), and every token of the window is a target.
"""

from __future__ import annotations

import numpy as np
import torch

from lcirc_cli.training.data.samples import draw_segment_length
from lcirc_cli.training.methods.objectives import label_losses
from lcirc_cli.training.methods.stages import (
    CorpusStage,
    StageLoss,
    backpropagation,
)

CUE_TOKENS = 16  # what the LM (and the mixer, as its question) sees of a passage to continue


class _TextStage(CorpusStage):
    """What the stages on plain text share: documents drawn in proportion to their length."""

    def _prepare(self) -> None:
        sizes = np.array([len(each.ids_N) for each in self._corpus.documents], dtype=float)
        shortest = 2 * CUE_TOKENS + 1
        sizes[sizes < shortest] = 0.0
        if not sizes.any():
            raise ValueError(f"no document has {shortest} tokens")
        self._weights = sizes / sizes.sum()

    def _rng(self, step: int, slot: int) -> np.random.Generator:
        return np.random.default_rng((self._settings.seed, step, slot, 2))

    def _document(self, rng: np.random.Generator) -> int:
        return int(rng.choice(len(self._weights), p=self._weights))


class LanguageModelling(_TextStage):
    """Compress a prefix of a document, predict the window that follows it (paper, 3.3).

    The paper predicts after every segment of a document in turn; here each slot draws one place
    to cut, so that a step sees as many documents as it has slots.
    """

    def loss(self, step: int, slot: int) -> StageLoss:
        """One document, cut at one place."""
        rng, settings = self._rng(step, slot), self._settings
        document = self._corpus.documents[self._document(rng)]
        total = len(document.ids_N)
        n = draw_segment_length(rng, *self._lengths)
        cut = int(rng.integers(1, total))
        limit = settings.document_tokens or cut
        plan = backpropagation(settings, rng)
        window = document.ids_N[cut : cut + settings.window_tokens].tolist()
        first, rest = window[:1], window[1:]
        if not rest:  # the cut fell on the last token
            first, rest = document.ids_N[cut - 1 : cut].tolist(), window
        with self._autocast():
            segments = self._cache.segments(document, max(0, cut - limit), cut, n)
            memory = self._model.compress(segments, plan=plan).memory
            losses = label_losses(self._model, [first], [rest], memory=memory)
        return StageLoss.of(
            settings, answer=losses.mean(), evidence=None, samples=1, tokens=len(losses)
        )


class Reconstruction(_TextStage):
    """Continue passages of a compressed document from their first tokens.

    The cue is also the question that steers the compression, and where it stands is the evidence:
    the memory must say what followed it.
    """

    def _prepare(self) -> None:
        settings = self._settings
        for name, most in (
            ("window_tokens", settings.window_tokens),
            ("document_tokens", settings.document_tokens or CUE_TOKENS + 1),
        ):
            if most <= CUE_TOKENS:
                raise ValueError(
                    f"{name} must be over {CUE_TOKENS}: the first {CUE_TOKENS} tokens of a "
                    "passage are given, the rest is learned"
                )
        super()._prepare()

    def loss(self, step: int, slot: int) -> StageLoss:
        """One part of a document, several passages of it."""
        rng, settings = self._rng(step, slot), self._settings
        document = self._corpus.documents[self._document(rng)]
        n = draw_segment_length(rng, *self._lengths)
        total = len(document.ids_N)
        length = min(total, settings.document_tokens or total)
        start = int(rng.integers(total - length + 1)) // n * n
        end = min(total, start + length)
        size = min(settings.window_tokens, end - start)
        places = rng.integers(0, end - start - size + 1, size=settings.questions)
        rows = [document.ids_N[start + p : start + p + size].tolist() for p in places]
        cues = [row[:CUE_TOKENS] for row in rows]
        steered = rng.random() >= settings.mixer_dropout
        plan = backpropagation(settings, rng)
        with self._autocast():
            question = None
            if steered and self._model.adapter.mixer is not None:
                question = self._model.question_keys(torch.tensor(cues))
            segments = self._cache.segments(document, start, end, n)
            memory, scores = self._compress(segments, question=question, plan=plan)
            continued = [row[CUE_TOKENS:] for row in rows]
            losses = label_losses(self._model, cues, continued, memory=memory)
            found = self._evidence_loss(scores, [((int(p), int(p) + size),) for p in places])
        return StageLoss.of(
            settings,
            answer=losses.mean(),
            evidence=found,
            samples=len(rows),
            tokens=len(losses),
        )
