"""Refusing by the thresholds of an adapter that has no fitted confidence.

All that such adapters need stands here, in `LcircConfig.refusal_thresholds` and in
`evidence.support`: it goes with them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lcirc_cli.answering.generation import Generated
from lcirc_cli.answering.judging import Judge, Judgement
from lcirc_cli.evidence import PassageIndex, is_supported, missing_names
from lcirc_cli.model import LcircConfig


@dataclass(frozen=True)
class ByThresholds(Judge):
    """A threshold for each window, and another where the passages lack a name of the question.

    Args:
        adapted: the adapter reads; what the bare model says is never refused.
        names: whether names count: what follows from them was measured with our own prompt only.
    """

    config: LcircConfig
    window: str
    index: PassageIndex
    adapted: bool = True
    names: bool = True

    def refuse_from(
        self, questions: Sequence[str], scores: Sequence[np.ndarray]
    ) -> list[float] | None:
        if not self.adapted or self.config.refusal_threshold(self.window) is None:
            return None
        thresholds = [
            self.config.refusal_threshold(
                self.window,
                unnamed=self.names
                and bool(missing_names(question, index=self.index, scores=ranked)),
            )
            for question, ranked in zip(questions, scores, strict=True)
        ]
        return [each for each in thresholds if each is not None]

    def judge(self, question: str, generated: Generated, *, scores: np.ndarray) -> Judgement:
        text = generated.text
        return Judgement(text, is_supported(question, text, index=self.index, scores=scores))
