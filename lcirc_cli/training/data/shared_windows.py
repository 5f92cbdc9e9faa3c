"""Windows that several questions share: the passages once, then each question with its answer.

What a step of the reader's training sees is a function of (seed, step, slot) alone. A window holds
passages of one document, as `lcirc ask` would choose them for a question or around its evidence;
all questions whose evidence they hold may be asked, and some that they do not answer.

Legend: T tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TypeVar

import numpy as np

from lcirc_cli.answering.prefill import answer_ids
from lcirc_cli.answering.windows import fitting
from lcirc_cli.backbones.loading import Backbone
from lcirc_cli.errors import UsageError
from lcirc_cli.evidence import Passage, PassageIndex, ranking
from lcirc_cli.training.data import choices
from lcirc_cli.training.data.altered import alter
from lcirc_cli.training.data.corpus import Corpus, Question
from lcirc_cli.training.data.passages import document_index, touches
from lcirc_cli.training.data.wordings import ASK, Form, draw_form, yes_or_no
from lcirc_cli.training.settings import TrainSettings

T = TypeVar("T")
MOST_TOKENS = 1_280  # of a window with all its questions: what bounds a step's memory
INDICES = 64  # documents whose passages are kept at once
_TRIES = 100  # draws of a question until one has a window
_CONTIGUOUS = 0.5  # of the windows around evidence: the passages beside it, not those like it
_SHORTEST = 4  # windows around evidence are drawn from a fourth of `window_tokens` up
_HISTORY = 2  # earlier questions before one that needs none, at most


@dataclass(frozen=True)
class Row:
    """One question of a window, in tokens.

    Attributes:
        prompt: after the shared tokens, up to where the answer begins.
        answer: with the token that ends it.
    """

    prompt: list[int]
    answer: list[int]


@dataclass(frozen=True)
class SharedWindow:
    """Tokens that all prompts begin with, and what follows for each question."""

    shared: list[int]
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Asked:
    """A question in a window. answer: None = the refusal."""

    question: Question
    text: str
    answer: str | None


class Shown:
    """What a window shows of its document.

    Args:
        text: the document's.
    """

    def __init__(self, passages: Sequence[Passage], text: str) -> None:
        self.passages = sorted(passages, key=lambda passage: passage.first_token)
        self.texts = [text[passage.start : passage.end] for passage in self.passages]
        self.text = "\n\n".join(self.texts)
        self._plain = self.text.casefold()
        self._tokens = {t for p in passages for t in range(p.first_token, p.end_token)}

    def holds(self, question: Question) -> bool:
        """Whether all of its evidence is there."""
        tokens = self._tokens
        return all(t in tokens for start, end in question.evidence for t in range(start, end))

    def lacks(self, question: Question) -> bool:
        """Whether nothing of its evidence is there, nor an answer to be read from elsewhere."""
        if any(touches(question.evidence, passage) for passage in self.passages):
            return False
        # Of a yes or a no nobody can tell.
        return not any(len(a) > 3 and a.casefold() in self._plain for a in question.answers)


class WindowDrawer:
    """Draws windows from a corpus.

    Sets are drawn in proportion to (their questions) ** (1 / temperature), documents of a set to
    the square root of theirs. Questions all of whose answers are longer than
    `settings.answer_tokens` are never asked (`too_long` counts them).

    Raises:
        ValueError: no question is left.
    """

    def __init__(self, backbone: Backbone, corpus: Corpus, settings: TrainSettings) -> None:
        self._backbone, self._corpus, self._settings = backbone, corpus, settings
        groups = [[self._short(q) for q in group] for group in corpus.questions]
        self._groups = [[q for q in group if q is not None] for group in groups]
        self.too_long = corpus.num_questions - sum(map(len, self._groups))
        counts = np.array([len(group) for group in self._groups], dtype=float)
        if not counts.sum():
            raise ValueError("the corpus has no questions")
        sets = np.array(corpus.sources or [0] * len(counts))
        self._weights = np.zeros_like(counts)
        for number in np.unique(sets[counts > 0]):
            own = np.where(sets == number, np.sqrt(counts), 0.0)
            share = counts[sets == number].sum() ** (1 / settings.temperature)
            self._weights += own / own.sum() * share
        self._weights /= self._weights.sum()
        self._index = lru_cache(INDICES)(self._make_index)

    def draw(self, step: int, slot: int) -> SharedWindow:
        """The window of a step's slot (its place in the global batch).

        Raises:
            UsageError: the evidence of the questions has no room in a window.
        """
        rng = np.random.default_rng((self._settings.seed, step, slot))
        for _ in range(_TRIES):
            document = int(rng.choice(len(self._weights), p=self._weights))
            first = _one(rng, self._groups[document])
            passages = self._passages(rng, first)
            shown = Shown(passages, self._index(document).texts[0].text)
            if passages and (asked := self._ask(rng, first, shown)):
                return self._tokens(rng, shown, asked)
        raise UsageError(
            f"none of {_TRIES} questions that were drawn has evidence that fits in a window: "
            f"raise window_tokens ({self._settings.window_tokens})"
        )

    # -- passages -------------------------------------------------------------------------------

    def _passages(self, rng: np.random.Generator, first: Question) -> list[Passage]:
        """What the window shows; empty where the evidence has no room."""
        settings, index = self._settings, self._index(first.document)
        every = index.passages
        if not first.evidence or rng.random() < settings.asked_windows:
            ranked = [every[n] for n in ranking(index.scores(first.text))]
            return fitting(ranked, settings.window_tokens)[0]
        budget = int(rng.integers(settings.window_tokens // _SHORTEST, settings.window_tokens + 1))
        gold = [n for n, passage in enumerate(every) if touches(first.evidence, passage)]
        if rng.random() < _CONTIGUOUS:
            near = np.abs(np.arange(len(every)) - gold[0] + float(rng.uniform(-2, 2)))
            order = np.argsort(near, kind="stable")
        else:
            order = ranking(index.scores(first.text))
        others = [every[int(n)] for n in order if int(n) not in gold]
        if rng.random() < settings.evidence_removed:
            return fitting(others, budget)[0]
        held = [every[n] for n in gold]
        used = sum(map(_size, held))
        if used > settings.window_tokens:
            return []
        return [*held, *fitting(others, budget - used)[0]]

    def _make_index(self, document: int) -> PassageIndex:
        return document_index(self._corpus.documents[document])

    # -- questions ------------------------------------------------------------------------------

    def _ask(self, rng: np.random.Generator, first: Question, shown: Shown) -> list[Asked]:
        """The question that the window was made for, and others; empty if that one is unclear."""
        if not first.answers or (first.evidence and shown.lacks(first)):
            asked = [Asked(first, first.text, None)]
        elif shown.holds(first):
            asked = [self._changed(rng, first, shown)]
        else:  # a part of its evidence, or its answer without it
            return []
        group = self._groups[first.document]
        for at in rng.permutation(len(group)):
            if len(asked) == self._settings.questions:
                break
            question = group[int(at)]
            if question is not first and question.evidence and shown.holds(question):
                asked.append(self._changed(rng, question, shown))
        return asked

    def _changed(self, rng: np.random.Generator, question: Question, shown: Shown) -> Asked:
        """A question that the window answers; for a share of them one that it doesn't."""
        # What is derived from a clause comes first, the clause itself after it.
        first = question.kind == "derived"
        answer = question.answers[0] if first else _one(rng, question.answers)
        same = Asked(question, question.text, answer)
        if rng.random() >= self._settings.unanswerable:
            return same
        group = self._groups[question.document]
        if rng.random() < self._settings.altered:
            others = [t for each in group for t in (each.text, *each.answers)]
            text = alter(rng, question.text, others=others, evidence=shown.text)
            return same if text is None else Asked(question, text, None)
        outside = [q for q in group if q.evidence and not q.history and shown.lacks(q)]
        if not outside:
            return same
        other = _one(rng, outside)
        return Asked(other, other.text, None)

    # -- tokens ---------------------------------------------------------------------------------

    def _tokens(
        self, rng: np.random.Generator, shown: Shown, asked: Sequence[Asked]
    ) -> SharedWindow:
        form = draw_form(rng, self._backbone, share=self._settings.wordings)
        if any(each.question.history for each in asked):
            form = ASK
        prompts, answers = [], []
        for each in asked:
            text, said = self._worded(rng, each)
            before = self._history(rng, each, form)
            prompts.append(
                form.prompt(self._backbone, question=text, passages=shown.texts, history=before)
            )
            answers.append(answer_ids(self._backbone, said, space=form.space))
        return _within(share(prompts, answers), MOST_TOKENS)

    def _worded(self, rng: np.random.Generator, asked: Asked) -> tuple[str, str | None]:
        """The question as it is shown, and what is to be said."""
        if asked.answer is None:
            return asked.text, None
        settings, question = self._settings, asked.question
        if settings.multiple_choice > 0 and rng.random() < settings.multiple_choice:
            group = self._groups[question.document]
            options = choices.draw_options(rng, question, asked.answer, group)
            if options:
                return _one(rng, choices.ways()).put(asked.text, asked.answer, options)
        return yes_or_no(rng, asked.text, asked.answer)

    def _history(
        self, rng: np.random.Generator, asked: Asked, form: Form
    ) -> Sequence[tuple[str, str]]:
        """Its own earlier turns, or now and then other questions about the document."""
        if asked.question.history:
            return asked.question.history[-_HISTORY:]
        if form is not ASK or rng.random() >= self._settings.history:
            return ()
        group = self._groups[asked.question.document]
        before = [q for q in group if q.answers and q is not asked.question]
        chosen = rng.permutation(len(before))[: int(rng.integers(1, _HISTORY + 1))]
        return [(before[int(at)].text, before[int(at)].answers[0]) for at in chosen]

    def _short(self, question: Question) -> Question | None:
        """The question with the answers that are short enough; None where it has only others."""
        most = self._settings.answer_tokens
        kept = tuple(a for a in question.answers if len(answer_ids(self._backbone, a)) <= most)
        if kept == question.answers:
            return question
        return replace(question, answers=kept) if kept else None


def _within(window: SharedWindow, most: int) -> SharedWindow:
    """The window with as many of its rows as `most` tokens hold, the first one in any case."""
    used, kept = len(window.shared), 0
    for row in window.rows:
        used += len(row.prompt) + len(row.answer)
        if kept and used > most:
            break
        kept += 1
    return SharedWindow(window.shared, window.rows[:kept])


def share(prompts: Sequence[list[int]], answers: Sequence[list[int]]) -> SharedWindow:
    """Prompts as what all begin with and the rest of each, which keeps at least one token."""
    shared = 0
    for tokens in zip(*(prompt[:-1] for prompt in prompts), strict=False):
        if len(set(tokens)) > 1:
            break
        shared += 1
    rows = [Row(p[shared:], a) for p, a in zip(prompts, answers, strict=True)]
    return SharedWindow(prompts[0][:shared], tuple(rows))


def _one(rng: np.random.Generator, values: Sequence[T]) -> T:
    return values[int(rng.integers(len(values)))]


def _size(passage: Passage) -> int:
    return passage.end_token - passage.first_token
