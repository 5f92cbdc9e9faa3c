"""The numbers of a data set, added up document by document and shard by shard.

Everything is a count in a bin, so that shards add up to the same whatever their order. Knows
nothing about files or pictures.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping

from lcirc_cli.lqa.records import Judged, SourceDocument

DEPTH_BINS = 10


class Statistics:
    """Counts by name; a name's parts are separated by slashes."""

    def __init__(self, counts: Mapping[str, int] | None = None) -> None:
        self.counts: Counter[str] = Counter(counts or {})

    def add_document(self, document: SourceDocument, split: str) -> None:
        """A document that is in the output."""
        self.counts[f"documents/{split}"] += 1
        self.counts["document_tokens"] += document.tokens
        self.counts[f"tokens/{length_bin(document.tokens)}"] += 1

    def drop_document(self, reason: str, number: int = 1) -> None:
        """Documents that are not in the output."""
        self.counts[f"dropped/{reason}"] += number

    def add_pair(self, document: SourceDocument, judged: Judged) -> None:
        """A pair, accepted or not."""
        pair = judged.pair
        self.counts[f"planned/{pair.kind}"] += 1
        if judged.rejection is not None:
            self.counts[f"rejected/{judged.rejection.reason}/{pair.kind}"] += 1
            return
        self.counts[f"accepted/{pair.kind}"] += 1
        self.counts[f"hops/{len(pair.evidence)}"] += 1
        self.counts[f"question_words/{min(40, len(pair.question.split()))}"] += 1
        answer = sum(len(part.split()) for part in pair.answers)
        self.counts[f"answer_words/{min(40, answer)}"] += 1
        if pair.kind == "yes_no":
            self.counts[f"yes_no/{pair.answers[0]}"] += 1
        if len(pair.evidence) == 1:
            start, end = pair.evidence[0]
            depth = (start + end) / 2 / max(1, len(document.text))
            self.counts[f"depth/{min(DEPTH_BINS - 1, int(depth * DEPTH_BINS))}"] += 1

    def update(self, other: Statistics) -> None:
        """Add another one's counts."""
        self.counts.update(other.counts)

    def group(self, name: str) -> dict[str, int]:
        """The counts below a name: {"span": 3, ...} for "accepted"."""
        prefix = f"{name}/"
        return {
            key.removeprefix(prefix): count
            for key, count in sorted(self.counts.items())
            if key.startswith(prefix)
        }

    def total(self, name: str) -> int:
        """The sum of the counts below a name."""
        return sum(self.group(name).values())

    def reasons(self) -> dict[str, int]:
        """How many pairs each filter rejected."""
        totals: Counter[str] = Counter()
        for key, count in self.group("rejected").items():
            totals[key.split("/")[0]] += count
        return dict(totals)

    def to_json(self) -> dict[str, int]:
        """All counts, by name."""
        return dict(sorted(self.counts.items()))


def length_bin(tokens: int) -> int:
    """The power of two, in steps of a half, at or below a number of tokens."""
    return int(2 ** (math.floor(2 * math.log2(max(1, tokens))) / 2))


def even_p_value(counts: list[int]) -> float:
    """The chance of bins at least as uneven as these, were all equally likely (chi-square)."""
    total = sum(counts)
    if total == 0:
        return 1.0
    expected = total / len(counts)
    value = sum((count - expected) ** 2 / expected for count in counts)
    return chi_square_tail(value, len(counts) - 1)


def chi_square_tail(value: float, freedom: int) -> float:
    """P(X >= value) of a chi-square distribution with `freedom` degrees of freedom.

    By the recurrence from freedom 1 or 2 upwards (Abramowitz and Stegun 26.4.8), which is exact.
    """
    half = value / 2
    if freedom % 2:
        tail, term, step = math.erfc(math.sqrt(half)), 2 * math.sqrt(half / math.pi), 0.5
    else:
        tail, term, step = math.exp(-half), half, 1.0
    scale = math.exp(-half)
    for _ in range((freedom - 1) // 2):
        tail += scale * term
        step += 1.0
        term *= half / step
    return min(1.0, tail)
