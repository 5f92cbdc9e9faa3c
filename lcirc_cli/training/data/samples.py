"""Which documents and questions a step sees: a function of (seed, step, slot) alone.

A sample is one document (or several joined to a target length, or a part of one) with several
questions about it, so that what does not depend on the question is computed once for all of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lcirc_cli.training.data.altered import alter
from lcirc_cli.training.data.choices import draw_options
from lcirc_cli.training.data.corpus import Corpus, Question
from lcirc_cli.training.data.ranges import (
    Part,
    evidence_inside,
    evidence_outside,
    evidence_segments,
    evidence_width,
    removed_before,
    without_gap,
)
from lcirc_cli.training.settings import TrainSettings


@dataclass(frozen=True)
class Asked:
    """A question of a sample, with its evidence in tokens of the joined document.

    Attributes:
        question: what steers the compression.
        answer: what is to be said; None = the refusal.
        options: shown below the question in the window; the answer is one of them.
    """

    question: str
    answer: str | None
    evidence: tuple[tuple[int, int], ...]
    source: Question
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sample:
    """A document made of parts, and the questions about it."""

    parts: tuple[Part, ...]
    asked: tuple[Asked, ...]
    segment_length: int


class Sampler:
    """Draws samples from a corpus, as a run's settings ask for them.

    Documents are drawn in proportion to the square root of their questions, so that the few
    with hundreds do not crowd out the rest. Where all evidence of a document's questions lies
    farther apart than `document_tokens`, the part is as long as one of them needs. Questions to
    be made unanswerable stay as they are where no other document has questions.

    Args:
        lengths: the shortest and the longest segment; each document draws one length, longer
            ones in proportion to their length, as in the paper.

    Raises:
        ValueError: the corpus has no questions.
    """

    def __init__(
        self, corpus: Corpus, settings: TrainSettings, *, lengths: tuple[int, int]
    ) -> None:
        self._corpus, self._settings, self._lengths = corpus, settings, lengths
        weights = np.sqrt([len(group) for group in corpus.questions])
        if not weights.sum():
            raise ValueError("the corpus has no questions")
        self._weights = weights / weights.sum()
        self._with_questions = frozenset(np.flatnonzero(weights).tolist())

    def sample(self, step: int, slot: int) -> Sample:
        """The sample of a step's slot (its place in the global batch)."""
        rng = np.random.default_rng((self._settings.seed, step, slot))
        document = int(rng.choice(len(self._weights), p=self._weights))
        group = self._corpus.questions[document]
        first = group[int(rng.integers(len(group)))]
        n = draw_segment_length(rng, *self._lengths)
        first = self._fitting(rng, first, n)
        own = self._own_part(rng, document, first, n)
        gap, chosen = self._gap(rng, own, first, n)
        parts, offset = self._join(rng, own)
        chosen = self._choose(rng, own, first) if gap is None else self._around(rng, chosen, gap)
        there = {part.document for part in parts}
        asked = [self._ask(rng, question, own, offset, gap, there) for question in chosen]
        return Sample(tuple(without_gap(parts, own, gap)), tuple(asked), n)

    def _gap(
        self, rng: np.random.Generator, own: Part, first: Question, n: int
    ) -> tuple[Part | None, list[Question]]:
        """Segments to take out, and the questions that then still have a clear answer or none.

        A question whose answer stands in what is left could be answered from there: it is not
        asked. Nothing is taken out where that would leave nothing, or no question.
        """
        share = self._settings.evidence_removed
        if share <= 0 or rng.random() >= share or not first.evidence:
            return None, []
        low = min(start for start, _ in first.evidence) // n * n
        high = -(-max(end for _, end in first.evidence) // n) * n
        gap = Part(own.document, max(low, own.start), min(high, own.end))
        if gap.start == own.start and gap.end == own.end:
            return None, []
        document = self._corpus.documents[own.document]
        left = document.text_of(own.start, gap.start) + document.text_of(gap.end, own.end)
        fits = [
            question
            for question in self._corpus.questions[own.document]
            if evidence_inside(question, own)
            and (
                evidence_outside(question, gap)
                or (evidence_inside(question, gap) and not any(a in left for a in question.answers))
            )
        ]
        return (gap, fits) if fits else (None, [])

    def _around(self, rng: np.random.Generator, fits: list[Question], gap: Part) -> list[Question]:
        """Up to half of the questions about what was taken out, the rest about what is left."""
        order = [fits[int(i)] for i in rng.permutation(len(fits))]
        gone = [q for q in order if evidence_inside(q, gap) and q.evidence][
            : -(-self._settings.questions // 2)
        ]
        rest = [q for q in order if evidence_outside(q, gap)]
        return [*gone, *rest[: self._settings.questions - len(gone)]]

    def _fitting(self, rng: np.random.Generator, question: Question, n: int) -> Question:
        """The question, or one of the same document where its evidence needs too long a part."""
        most = -(-self._settings.document_tokens // n)
        if not most or evidence_width(question, n) <= most:
            return question
        group = self._corpus.questions[question.document]
        fits = [each for each in group if evidence_width(each, n) <= most]
        return fits[int(rng.integers(len(fits)))] if fits else question

    def _own_part(
        self, rng: np.random.Generator, document: int, question: Question, n: int
    ) -> Part:
        """The whole document, or a part that begins at a segment and holds all the evidence."""
        tokens = len(self._corpus.documents[document].ids_N)
        total, wanted = -(-tokens // n), -(-self._settings.document_tokens // n)
        if not 0 < wanted < total:
            return Part(document, 0, tokens)
        at = last = int(rng.integers(total))
        if question.evidence:
            at, last = evidence_segments(question, n)
            wanted = max(wanted, last - at + 1)
        first = int(rng.integers(max(0, last - wanted + 1), min(at, total - wanted) + 1))
        return Part(document, first * n, min((first + wanted) * n, tokens))

    def _join(self, rng: np.random.Generator, own: Part) -> tuple[list[Part], int]:
        """Whole documents before and after; also the tokens that stand before the own part."""
        parts, length = [own], own.end - own.start
        while length < self._settings.join_tokens and len(self._corpus.documents) > 1:
            other = int(rng.integers(len(self._corpus.documents)))
            if other != own.document:
                part = Part(other, 0, len(self._corpus.documents[other].ids_N))
                parts.insert(int(rng.integers(len(parts) + 1)), part)
                length += part.end
        before = parts[: parts.index(own)]
        return parts, sum(part.end - part.start for part in before)

    def _choose(self, rng: np.random.Generator, own: Part, first: Question) -> list[Question]:
        pool = [
            question
            for question in self._corpus.questions[own.document]
            if question is not first and evidence_inside(question, own)
        ]
        count = min(self._settings.questions - 1, len(pool))
        order = rng.permutation(len(pool))[:count]
        return [first, *(pool[int(i)] for i in order)]

    def _ask(
        self,
        rng: np.random.Generator,
        question: Question,
        own: Part,
        offset: int,
        gap: Part | None,
        there: set[int],
    ) -> Asked:
        if rng.random() < self._settings.unanswerable:
            made = self._altered(rng, question) or self._foreign(rng, there)
            if made is not None:
                return made
        removed = gap is not None and bool(question.evidence) and evidence_inside(question, gap)
        if removed or not question.answers:
            return Asked(question.text, None, (), question)
        answer = question.answers[int(rng.integers(len(question.answers)))]
        evidence = tuple(
            (start + shift, end + shift)
            for start, end in question.evidence
            for shift in (offset - own.start - removed_before(gap, start),)
        )
        options: tuple[str, ...] = ()
        share = self._settings.multiple_choice
        if share > 0 and rng.random() < share:
            group = self._corpus.questions[question.document]
            options = draw_options(rng, question, answer, group)
        return Asked(question.text, answer, evidence, question, options)

    def _altered(self, rng: np.random.Generator, question: Question) -> Asked | None:
        share = self._settings.altered
        if share <= 0 or rng.random() >= share:
            return None
        document = self._corpus.documents[question.document]
        group = self._corpus.questions[question.document]
        others = [text for each in group for text in (each.text, *each.answers)]
        evidence = " ".join(document.text_of(start, end) for start, end in question.evidence)
        text = alter(rng, question.text, others=others, evidence=evidence)
        return None if text is None else Asked(text, None, (), question)

    def _foreign(self, rng: np.random.Generator, there: set[int]) -> Asked | None:
        """A question about a document that is not there; None where all that have any are."""
        if self._with_questions <= there:
            return None
        while True:
            other = int(rng.choice(len(self._weights), p=self._weights))
            if other not in there:
                group = self._corpus.questions[other]
                question = group[int(rng.integers(len(group)))]
                return Asked(question.text, None, (), question)


def draw_segment_length(rng: np.random.Generator, shortest: int, longest: int) -> int:
    """A length in [shortest, longest] with probability in proportion to it (A.1)."""
    if shortest == longest:
        return longest
    lengths = np.arange(shortest, longest + 1)
    return int(rng.choice(lengths, p=lengths / lengths.sum()))
