"""`constant`: the majority answer of the whole file, to every question."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from lcirc_cli.prompts import REFUSAL

from ..metrics.choices import leval_gold_letters
from ..metrics.exams import gold_judgements
from ..sample import Output, Sample, TextSample
from .base import Batch, Measured, NotApplicable, System


class Constant(System):
    """Says one thing; of answers that are equally frequent, the one that comes first.

    Args:
        samples: of the whole file, not only those that are asked.
    """

    def __init__(self, samples: Iterable[Sample | TextSample]) -> None:
        first: Counter[str] = Counter()
        second: Counter[str] = Counter()
        for sample in samples:
            if isinstance(sample, Sample):
                text, closed_book = _gold(sample)
                first[text] += 1
                second[closed_book or ""] += 1
        self.answer = first.most_common(1)[0][0] if first else ""
        self.closed_book = second.most_common(1)[0][0] if second else ""
        self.share = first[self.answer] / first.total() if first else 0.0

    def run(self, batch: Batch) -> list[Measured]:
        if batch.texts:
            raise NotApplicable("a text has no majority answer")
        return [
            Measured(Output(self.answer, closed_book=self.closed_book or None))
            for _ in batch.samples
        ]


def _gold(sample: Sample) -> tuple[str, str | None]:
    """What would have to be said to be right, and to the second prompt."""
    if not sample.answers:
        return REFUSAL, None
    if sample.metric in ("leval_judge", "paper_judge"):
        loyalty, fact = gold_judgements(sample.answers[0])
        return loyalty, fact
    if sample.metric in ("leval_letter", "leval_letters", "paper_letter", "paper_letters"):
        return leval_gold_letters(sample.answers[0]), None
    if sample.metric in ("infinitebench_choice", "paper_choice"):
        return sample.answers[-1], None
    return sample.answers[0], None
