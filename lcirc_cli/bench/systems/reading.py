"""Systems that give a backbone prompts, with a memory or without.

Those without differ in nothing but the part of the document that they read.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lcirc_cli.answering.follow_ups import needed_turns
from lcirc_cli.answering.generation import Decoding, Generated, answer_loss, generate
from lcirc_cli.answering.judging import Judgement
from lcirc_cli.answering.options import in_form
from lcirc_cli.answering.windows import below_the_last
from lcirc_cli.evidence import fuse
from lcirc_cli.evidence.index import PassageIndex
from lcirc_cli.model import LcircForCausalLM, Memory

from ..sample import Output, Sample, TextSample
from .base import Batch, Limits, Measured, NotApplicable, System, check_other
from .prompting import Prepared, Prompter
from .spec import SystemSpec
from .texts import shown_passages, text_ids
from .workbench import Workbench


class Prompted(System):
    """A system that gives a backbone prompts.

    Args:
        form: of `lcirc ask`'s own prompt.
        model: reads the prompts through its adapter; None is the bare backbone.
    """

    _changed: Callable[[], AbstractContextManager[None]] = nullcontext  # the backbone, all the run

    def __init__(
        self,
        spec: SystemSpec,
        bench: Workbench,
        limits: Limits,
        *,
        form: str = "auto",
        model: LcircForCausalLM | None = None,
    ) -> None:
        self._spec, self._bench, self._limits = spec, bench, limits
        self._backbone, self._model = bench.backbone, model
        self._prompter = Prompter(bench.backbone, form=form)

    def run(self, batch: Batch) -> list[Measured]:
        with self._changed():
            if self._spec.shuffled:
                check_other(batch)
            if batch.texts:
                return [self._scored(sample, batch.other) for sample in batch.texts]
            return self._answered(batch.samples, batch.other)

    @abstractmethod
    def _answered(self, samples: Sequence[Sample], other: str) -> list[Measured]:
        """Answers to questions about one document; `other` as in `Batch`."""

    @abstractmethod
    def _scored(self, sample: TextSample, other: str) -> Measured:
        """The loss of a text's last tokens."""

    def _generated(
        self,
        samples: Sequence[Sample],
        prepared: Sequence[Prepared],
        *,
        memory: Memory | None = None,
        refuse_from: Sequence[float] | None = None,
        judge: Callable[[int, Generated], Judgement] | None = None,
    ) -> list[Measured]:
        """What follows each prompt; where it is our own, also how likely gold and refusal are.

        Args:
            judge: says of the answer of a sample, by its number, what it is worth.
        """
        own = samples[0].prompt is None
        generated = generate(
            self._backbone,
            [one.ids for one in prepared],
            decoding=replace(
                self._decoding(samples[0], refuse_from),
                asked=[sample.question for sample in samples] if own and refuse_from else None,
            ),
            model=self._model,
            memory=memory,
            golds=[sample.gold for sample in samples],
            refusal=own,
            foreign=not own,
        )
        return [
            self._measured(*each, judge=judge and partial(judge, number))
            for number, each in enumerate(zip(samples, prepared, generated, strict=True))
        ]

    def _measured(
        self,
        sample: Sample,
        prepared: Prepared,
        generated: Generated,
        *,
        judge: Callable[[Generated], Judgement] | None = None,
    ) -> Measured:
        text = self._prompter.trimmed(sample, generated.text)
        confidence: float | None = None
        if judge is not None:
            judged = judge(replace(generated, text=text))
            text, confidence = judged.text, judged.confidence
            if sample.prompt is not None:
                text = in_form(sample.question, text, instruction=sample.prompt.plain(""))
        closed_book = None
        if sample.closed_book is not None:
            prompt = self._prompter.closed_book(sample.closed_book).ids
            decoding = self._decoding(sample)
            (said,) = generate(self._backbone, [prompt], decoding=decoding, model=self._model)
            closed_book = said.text
            if judge is not None:
                closed_book = in_form(sample.closed_book, closed_book)
        output = Output(
            text,
            closed_book,
            answer_loss=generated.loss,
            refusal=generated.refusal,
            confidence=confidence,
            ranking=prepared.ranking,
        )
        return Measured(
            output,
            prepared.sha256,
            len(prepared.ids),
            dropped=prepared.dropped,
            prompt=str(self._backbone.tokenizer.decode(prepared.ids)),
        )

    def _decoding(self, sample: Sample, refuse_from: Sequence[float] | None = None) -> Decoding:
        return Decoding(
            sample.max_new_tokens,
            one_line=self._prompter.one_line(sample),
            verbatim=True,
            refuse_from=refuse_from,
        )

    def _loss(self, prompt: Sequence[int], answer: Sequence[int], **given: Any) -> float:
        return answer_loss(self._backbone, prompt, answer, model=self._model, **given)


class Reading(Prompted):
    """A backbone that reads prompts, as far as `shows` lets it see the document.

    Attributes:
        shows: `ends` (the benchmark's own truncation), `evidence` (the best passages, in the order
            of the document) or `none`.
        positions: a prompt and its answer have so many times the backbone's positions; 0: the
            window's tokens.
    """

    shows: str
    positions = 0
    _refuse_from: float | None = None

    def __init__(
        self, spec: SystemSpec, bench: Workbench, limits: Limits, *, form: str = "auto"
    ) -> None:
        super().__init__(spec, bench, limits, form=form)
        self._limit = self.positions * bench.backbone.max_positions or limits.window
        self.ranks = self.shows == "evidence"

    def _answered(self, samples: Sequence[Sample], other: str) -> list[Measured]:
        refuse_from = None
        if self._refuse_from is not None and samples[0].prompt is None:
            refuse_from = [self._refuse_from] * len(samples)
        prepared = [self._prepare(sample) for sample in samples]
        return self._generated(samples, prepared, refuse_from=refuse_from)

    def _prepare(self, sample: Sample) -> Prepared:
        if self.shows == "ends":
            return self._prompter.fitted(sample, limit=self._limit - sample.max_new_tokens)
        if self.shows == "none":
            size = self._prompter.count(sample.document)
            return self._prompter.shown(sample, [], document_tokens=size)
        if not sample.document.strip():
            return replace(self._prompter.shown(sample, [], document_tokens=0), ranking=())
        index = self._bench.index(sample.document)
        scores = self._scores(index, sample.question)
        if turns := needed_turns(sample.question, sample.history):
            scores = fuse([scores, self._scores(index, below_the_last(sample.question, turns))])
        asked = below_the_last(sample.question, turns)
        texts, ranges = shown_passages(index, scores, question=asked, budget=self._limits.evidence)
        size = len(index.texts[0].starts)
        return replace(self._prompter.shown(sample, texts, document_tokens=size), ranking=ranges)

    def _scores(self, index: PassageIndex, question: str) -> NDArray[np.floating[Any]]:
        """Relevance of each passage to a question."""
        return index.scores(question)

    def _scored(self, sample: TextSample, other: str) -> Measured:
        if self.shows == "evidence":
            raise NotApplicable("there is no question to retrieve passages for")
        ids = text_ids(self._backbone, sample)
        read = ids[-self._context(sample) :]
        split = len(read) - sample.scored_tokens
        loss = self._loss(read[:split], read[split:])
        return Measured(Output(loss=loss), window=len(read), dropped=len(ids) - len(read))

    def _context(self, sample: TextSample) -> int:
        """Tokens of a text that are read, the scored ones among them."""
        fewest = sample.scored_tokens + 1  # the first scored one is predicted from the one before
        if self.shows == "none":
            return fewest
        return max(fewest, min(sample.context_tokens, self._limit))
