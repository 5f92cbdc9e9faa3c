"""Systems without a memory: what part of the document the backbone reads is all that differs.

`none`, `ends`, `full` and `retrieval`.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lcirc_cli.answering.decoding import Decoder
from lcirc_cli.evidence.index import PassageIndex, ranking

from ..sample import Output, Sample, TextSample
from .base import Batch, Measured, NotApplicable
from .gold import gold_answer
from .prompting import Prepared, Prompter
from .texts import Ranges, best_passages, text_ids
from .workbench import Workbench


class Reading:
    """A backbone that reads prompts, as far as `window` lets it see the document.

    Args:
        window: `ends` (the benchmark's own truncation), `evidence` (the best passages, by BM25,
            in the order of the document) or `none`.
        limit: tokens of a prompt together with its answer.
        evidence: tokens of passages.
        form: of `lcirc ask`'s own prompt.
    """

    def __init__(
        self,
        bench: Workbench,
        *,
        window: str,
        limit: int,
        evidence: int = 0,
        form: str = "auto",
    ) -> None:
        self._bench, self._window = bench, window
        self._limit, self._evidence = limit, evidence
        self._refuse_from: float | None = None
        self.ranks = window == "evidence"
        self._backbone = bench.backbone
        self._prompter = Prompter(bench.backbone, form=form)
        self._decoder = Decoder(bench.backbone)

    def run(self, batch: Batch) -> list[Measured]:
        if batch.texts and self._window == "evidence":
            raise NotApplicable("there is no question to retrieve passages for")
        with self._changed():
            if batch.texts:
                return [self._scored(sample) for sample in batch.texts]
            prepared = [self._prepare(sample) for sample in batch.samples]
            return self._answered(batch.samples, prepared)

    def _prepare(self, sample: Sample) -> tuple[Prepared, Ranges | None]:
        if self._window == "ends":
            limit = self._limit - sample.max_new_tokens
            return self._prompter.fitted(sample, limit=limit), None
        if self._window == "none":
            size = self._prompter.count(sample.document)
            return self._prompter.shown(sample, [], document_tokens=size), None
        if not sample.document.strip():
            return self._prompter.shown(sample, [], document_tokens=0), ()
        index = self._bench.index(sample.document)
        order = ranking(self._scores(index, sample.question))
        texts, ranges = best_passages(index, order, budget=self._evidence)
        size = len(index.texts[0].starts)
        return self._prompter.shown(sample, texts, document_tokens=size), ranges

    def _scores(self, index: PassageIndex, question: str) -> NDArray[np.floating[Any]]:
        """Relevance of each passage to a question."""
        return index.scores(question)

    def _context(self, sample: TextSample) -> int:
        """Tokens of a text that are read, the scored ones among them."""
        fewest = sample.scored_tokens + 1  # the first scored one is predicted from the one before
        if self._window == "none":
            return fewest
        return max(fewest, min(sample.context_tokens, self._limit))

    def _changed(self) -> AbstractContextManager[None]:
        return nullcontext()

    def _answered(
        self, samples: Sequence[Sample], prepared: Sequence[tuple[Prepared, Ranges | None]]
    ) -> list[Measured]:
        threshold = self._refuse_from if samples[0].prompt is None else None
        decoded = self._decoder.answer(
            [one.ids for one, _ in prepared],
            [gold_answer(sample) for sample in samples],
            max_new_tokens=samples[0].max_new_tokens,
            refusal=samples[0].prompt is None,
            refuse_from=None if threshold is None else [threshold] * len(samples),
        )
        return [
            Measured(
                Output(
                    self._prompter.trimmed(sample, one.text),
                    closed_book=self._closed_book(sample),
                    answer_loss=one.loss,
                    refusal=one.refusal,
                    ranking=rank,
                ),
                prompt_sha256=prompt.sha256,
                window=len(prompt.ids),
                dropped=prompt.dropped,
            )
            for sample, (prompt, rank), one in zip(samples, prepared, decoded, strict=True)
        ]

    def _closed_book(self, sample: Sample) -> str | None:
        if sample.closed_book is None:
            return None
        prompt = self._prompter.closed_book(sample.closed_book)
        return self._decoder.generate([prompt.ids], max_new_tokens=sample.max_new_tokens)[0]

    def _scored(self, sample: TextSample) -> Measured:
        ids = text_ids(self._backbone, sample)
        read = ids[-self._context(sample) :]
        split = len(read) - sample.scored_tokens
        (loss,) = self._decoder.losses([read[:split]], [read[split:]])
        return Measured(Output(loss=loss), window=len(read), dropped=len(ids) - len(read))
