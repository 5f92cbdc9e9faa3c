"""What lies between a question and its answer: what it steers, and what the model says to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lcirc_cli.answering.generation import Generated
from lcirc_cli.answering.stages import Chosen, TokenScores
from lcirc_cli.answering.windows import Window
from lcirc_cli.model import Memory


@dataclass(frozen=True)
class Steered:
    """What the method gives for a batch of questions.

    Attributes:
        memory: one row for all questions (LCIRC), or a row each (QD-LCIRC).
        evidence: for each question how well the tokens answer it that it has read.
        chosen: for each the segments that it steered; () where none does.
    """

    memory: Memory | None
    seconds: float
    evidence: Sequence[TokenScores] | None = None
    chosen: Sequence[Chosen] = ()

    def segments(self, row: int) -> Chosen | None:
        """Which segments a question steered; None where none does."""
        return self.chosen[row] if self.chosen else None

    def latents(self, row: int) -> int:
        """How many a question's memory has."""
        if self.memory is None:
            return 0
        mask = self.memory.mask_BM
        return len(self.memory) if mask is None else int(mask[row].sum())


@dataclass(frozen=True)
class Draft:
    """What the model says to a question, and what is known of it before it is judged.

    Attributes:
        row: which of the questions that were steered together.
        scores: [P], the ranking of the passages.
    """

    question: str
    steered: Steered
    row: int
    scores: np.ndarray
    window: Window
    generated: Generated
