"""`constant`: the majority answer of the whole file, to every question."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from ..sample import Output, Sample, TextSample
from .base import Batch, Measured, NotApplicable
from .gold import gold_text


class Constant:
    """Says one thing; of answers that are equally frequent, the one that comes first.

    Args:
        samples: of the whole file, not only those that are asked.
    """

    ranks = False

    def __init__(self, samples: Iterable[Sample | TextSample]) -> None:
        first: Counter[str] = Counter()
        second: Counter[str] = Counter()
        for sample in samples:
            if isinstance(sample, Sample):
                text, closed_book = gold_text(sample)
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
