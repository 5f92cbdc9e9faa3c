"""How the methods to compare with read a document in validation.

`window`: the document's part stands in the window as in training, drawn once for each document.
`autocompressor`: summaries before the question alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from lcirc_cli.answering.decoding import Decoder
from lcirc_cli.answering.windows import build_prompt
from lcirc_cli.backbones.loading import Backbone
from lcirc_cli.training.corpus import Corpus, Question
from lcirc_cli.training.ranges import Part
from lcirc_cli.training.readers import Reading
from lcirc_cli.training.samples import Asked, Sample
from lcirc_cli.training.settings import TrainSettings
from lcirc_cli.training.tuned_methods import PROMPT_FORM, TunedLearner
from lcirc_cli.training.windows import WindowMaker


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
        said = Decoder(self.backbone).generate(
            self.prompts, max_new_tokens=max_new_tokens, prefix_PD=self.prefix_PD
        )
        return [text.strip().split("\n", 1)[0].rstrip() for text in said]
