"""How the methods to compare with read a document in validation.

`window`: the document's part stands in the window as in training, drawn once for each document.
`autocompressor`: summaries before the question alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from lcirc_cli.backbones import Backbone
from lcirc_cli.bench.systems.decoding import Decoder
from lcirc_cli.training.corpus import Corpus, Question
from lcirc_cli.training.readers import Reading
from lcirc_cli.training.samples import Asked, Part, Sample
from lcirc_cli.training.settings import TrainSettings
from lcirc_cli.training.tuned_methods import PROMPT_FORM, TunedLearner
from lcirc_cli.training.windows import WindowMaker
from lcirc_cli.windows import build_prompt


class TunedReader:
    """Reads documents as `window` or `autocompressor` do."""

    def __init__(
        self, learner: TunedLearner, backbone: Backbone, *, settings: TrainSettings
    ) -> None:
        self._learner, self._backbone, self._settings = learner, backbone, settings

    def read(self, corpus: Corpus, source: int | None, rows: list[Question]) -> Reading:
        """Document `source` of the corpus (None: no document) for these questions."""
        prompts = [build_prompt(self._backbone, question=q.text, form=PROMPT_FORM) for q in rows]
        if source is None:
            return _TunedReading(self._learner, self._backbone, prompts, None)
        if self._settings.method == "window":
            prompts = self._windows(corpus, source, rows)
        prefix = self._learner.summaries(corpus.documents[source].ids_N, keep_gradients=0)
        return _TunedReading(self._learner, self._backbone, prompts, prefix)

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


class _TunedReading:
    def __init__(
        self,
        learner: TunedLearner,
        backbone: Backbone,
        prompts: list[list[int]],
        prefix_PD: Tensor | None,
    ) -> None:
        self._learner, self._backbone = learner, backbone
        self._prompts, self._prefix_PD = prompts, prefix_PD

    def losses(self, answers: Sequence[list[int]]) -> Tensor:
        return self._learner.losses(self._prompts, answers, self._prefix_PD)

    def say(self, max_new_tokens: int) -> list[str]:
        said = Decoder(self._backbone).generate(
            self._prompts, max_new_tokens=max_new_tokens, prefix_PD=self._prefix_PD
        )
        return [text.strip().split("\n", 1)[0].rstrip() for text in said]
