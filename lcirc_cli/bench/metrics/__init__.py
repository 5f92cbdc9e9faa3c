"""Metrics by name: how an output becomes the numbers of a sample, and those a row of the table.

A metric gives named values a sample; `headline` says which of them is the benchmark's own score
and how the means of several are combined (L-Eval's sci_fi averages two, its ROUGE takes a
geometric mean). Fractions are shown times 100.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from ..sample import Output, Sample, Scored, TextSample
from . import choices, rules

if TYPE_CHECKING:  # numpy takes a seventh of a second, which the names of tasks don't need
    import numpy as np
    from numpy.typing import NDArray

    Combine = Callable[[NDArray[np.float64]], NDArray[np.float64]]


@dataclass(frozen=True)
class Headline:
    """The score of a row: `combine` of the means of `values`, over the last axis.

    Attributes:
        by_option: `values` are beginnings of names: those of every gold option that occurs.
    """

    name: str
    values: tuple[str, ...]
    combine: Combine
    percent: bool = True
    by_option: bool = False

    def names(self, rows: Iterable[Mapping[str, float]]) -> tuple[str, ...]:
        """The values that are combined for these rows."""
        if not self.by_option:
            return self.values
        known = {name for row in rows for name in row}
        return tuple(
            name for begin in self.values for name in sorted(known) if name.startswith(begin)
        )

    def has(self, values: Mapping[str, float]) -> bool:
        """Whether a sample's values count here."""
        if self.by_option:
            return any(name.startswith(self.values[0]) for name in values)
        return all(name in values for name in self.values)


@dataclass(frozen=True)
class Metric:
    """How to score a sample, and what to report of a file.

    Attributes:
        score: sample and output to values.
        headlines: the rows of the table, the benchmark's own first.
    """

    name: str
    score: Callable[[Sample, Output], Scored] | Callable[[TextSample, Output], Scored]
    headlines: tuple[Headline, ...]


def mean_of(means: NDArray[np.float64]) -> NDArray[np.float64]:
    """The plain average over the last axis."""
    return means.mean(axis=-1)


def geometric(means: NDArray[np.float64]) -> NDArray[np.float64]:
    """The geometric mean over the last axis."""
    import numpy as np

    return np.prod(means, axis=-1) ** (1.0 / means.shape[-1])


def exponential(means: NDArray[np.float64]) -> NDArray[np.float64]:
    """exp of a mean loss: a perplexity."""
    import numpy as np

    return np.exp(means[..., 0])


def balanced(means: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean over options of the share right of those whose gold it is.

    The last axis has the share of each option, then the share right of each.
    """
    import numpy as np

    of, right = np.split(means, 2, axis=-1)
    there = of > 0
    each = np.divide(right, of, out=np.zeros_like(right), where=there)
    return each.sum(axis=-1) / there.sum(axis=-1)


def _plain(*names: str) -> tuple[Headline, ...]:
    return tuple(Headline(name, (name,), mean_of) for name in names)


_JUDGE = (Headline("exact_match", ("loyalty", "fact"), mean_of), *_plain("loyalty", "fact"))
_LETTERS = _plain("exact_match", "accuracy")
_ROUGE = (
    Headline("rouge", ("rouge1", "rouge2", "rougeL"), geometric),
    *_plain("rouge1", "rouge2", "rougeL"),
)
_QA = (
    *_plain("f1", "exact"),
    Headline("answer_loss", ("answer_loss",), mean_of, percent=False),
    *_plain("refused_answerable", "refused_unanswerable", "choice_accuracy"),
    Headline("balanced_accuracy", (rules.OF, rules.RIGHT_OF), balanced, by_option=True),
    *_plain("f1_answerable", "f1_missed@5", "recall@1", "recall@3", "recall@5"),
)

_ALL = (
    Metric("qa_f1", rules.qa_f1, _plain("f1", "exact")),
    Metric(
        "infinitebench_choice",
        partial(rules.choice, read=choices.infinitebench_choice),
        _plain("accuracy"),
    ),
    Metric("leval_letter", partial(rules.leval_letters, several=False), _LETTERS),
    Metric("leval_letters", partial(rules.leval_letters, several=True), _LETTERS),
    Metric("leval_judge", rules.leval_judge, _JUDGE),
    Metric("leval_f1", rules.leval_f1, _plain("f1", "f1_all", "exact")),
    Metric("leval_rouge", rules.leval_rouge, _ROUGE),
    Metric("squad", rules.squad, _QA),
    Metric("contains", rules.contains, _plain("accuracy")),
    Metric(
        "perplexity",
        rules.perplexity,
        (
            Headline("perplexity", ("loss",), exponential, percent=False),
            Headline("loss", ("loss",), mean_of, percent=False),
        ),
    ),
    Metric("paper_f1_first_line", rules.paper_f1_first_line, _plain("f1")),
    Metric("paper_choice", partial(rules.choice, read=choices.paper_choice), _plain("accuracy")),
    Metric("paper_letter", partial(rules.paper_letters, several=False), _LETTERS[:1]),
    Metric("paper_letters", partial(rules.paper_letters, several=True), _LETTERS[:1]),
    Metric("paper_judge", rules.paper_judge, _JUDGE),
)
METRICS: dict[str, Metric] = {metric.name: metric for metric in _ALL}
_WORST_IS_1 = frozenset({"refused_answerable"})  # of every other score 0 is the worst


def score(sample: Sample | TextSample, output: Output) -> Scored:
    """The values of one output, by the metric that the sample names.

    Raises:
        KeyError: no such metric.
    """
    scorer: Callable[..., Scored] = METRICS[sample.metric].score
    return scorer(sample, output)


def worst(sample: Sample | TextSample, *, ranks: bool) -> dict[str, float]:
    """What a failed sample gets: the worst of every score that an answer would have got.

    Args:
        ranks: the system ranks passages, so that a failed sample has missed its evidence.
    """
    if isinstance(sample, TextSample):
        return {}
    output = Output(ranking=() if ranks else None)
    try:
        names = [*score(sample, output).values]
    except Exception:  # a gold answer that its rule can't read
        names = [*METRICS[sample.metric].headlines[0].values]
    kept = [name for name in names if name.startswith(rules.OF)]
    return {name: float(name in _WORST_IS_1 or name in kept) for name in names}


def losses(sample: Sample | TextSample) -> tuple[str, ...]:
    """The values of a sample that have no worst: where it fails, they are missing."""
    if isinstance(sample, TextSample):
        return ("loss",)
    return ("answer_loss",) if sample.gold is not None and sample.metric == "squad" else ()
