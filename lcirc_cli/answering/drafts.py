"""What lies between a question and its answer: what it steers, and what the model says to it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from lcirc_cli.answering.generation import Generated
from lcirc_cli.answering.windows import Window
from lcirc_cli.model import Memory


@dataclass(frozen=True)
class Steered:
    """What the method gives for a batch of questions."""

    memory: Memory | None  # one row for all questions (LCIRC), or a row each (QD-LCIRC)
    evidence_BRN: torch.Tensor | None  # how well each token answers each question
    seconds: float


@dataclass(frozen=True)
class Draft:
    """What the model says to a question, and what is known of it before it is judged.

    Attributes:
        scores: [P], the ranking of the passages.
    """

    question: str
    steered: Steered
    scores: np.ndarray
    window: Window
    generated: Generated
