"""`lcirc`: a compressed memory of the document, injected while the window is read.

Windows: `ends` (the benchmark's own truncation, as in the paper), `evidence` (the best passages)
or `none`. `~shuffled` takes the memory of another document, everything else the same:
where there is nothing to compress, the control has no memory either.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lcirc_cli.answering.answerer import Answerer
from lcirc_cli.answering.follow_ups import needed_turns
from lcirc_cli.answering.windows import below_the_last
from lcirc_cli.memory.contents import MemoryContents

from ..sample import Output, Sample, TextSample
from .base import Limits, Measured
from .prompting import Prepared
from .reading import Prompted
from .spec import SystemSpec
from .texts import Ranges, other_ids, shown_passages, text_ids
from .workbench import MemoryReader, Workbench


class Lcirc(Prompted):
    """A method of `lcirc ask` with one window."""

    ranks = True

    def __init__(self, spec: SystemSpec, bench: Workbench, limits: Limits) -> None:
        self._engine = bench.engine(spec.adapter)
        self._engine.adapter.check(spec.name)
        self._memories = MemoryReader(bench, self._engine)
        form = self._engine.adapter.config.prompt_form
        super().__init__(spec, bench, limits, form=form, model=self._engine.model)

    def _answered(self, samples: Sequence[Sample], other: str) -> list[Measured]:
        sources = {self._source(sample) for sample in samples}
        if len(sources) > 1:  # the paper compresses what its prompt leaves out: one by one
            return [measured for s in samples for measured in self._answered([s], other)]
        own, spared = self._memories.memory(sources.pop())
        if own is None:
            return self._generated(samples, [self._prepare(sample, 0) for sample in samples])
        questions = [sample.question for sample in samples]
        answerer = self._answerer(own)
        turns = [needed_turns(sample.question, sample.history) for sample in samples]
        steered = answerer.steer(questions, turns=turns)
        ranked = answerer.rank(questions, steered, turns=turns)
        judge = answerer.judge(own=samples[0].prompt is None)
        index, budget = answerer.collection.index, self._limits.evidence
        prepared = [
            self._prepare(
                s,
                len(own.token_ids),
                *shown_passages(
                    index, scores, question=below_the_last(s.question, before), budget=budget
                ),
            )
            for s, scores, before in zip(samples, ranked, turns, strict=True)
        ]
        used, steering = own, answerer
        if self._spec.shuffled:  # ranked with its own document's memory, answered with another's
            control, more = self._memories.memory(other)
            assert control is not None  # `check_other`
            used, spared = control, spared + more
            steering = self._answerer(used)
            steered = steering.steer(questions, turns=turns)
        memory, places = steered.memory, steering.collection.places
        read = [places.tokens(steered.segments(row) or places.all) for row in range(len(samples))]
        answers = self._generated(
            samples,
            prepared,
            memory=memory,
            refuse_from=judge.refuse_from(questions, ranked),
            judge=lambda number, said: judge.judge(questions[number], said, scores=ranked[number]),
        )
        return [
            replace(
                measured,
                compressed=0 if memory is None else tokens,
                dropped=measured.dropped if memory is None else len(used.token_ids) - tokens,
                spared=spared / len(samples),
            )
            for measured, tokens in zip(answers, read, strict=True)
        ]

    def _answerer(self, contents: MemoryContents) -> Answerer:
        return self._engine.answerer(
            contents,
            method=self._spec.name,
            window=self._spec.window,
            segments=self._limits.segments,
        )

    def _prepare(
        self, sample: Sample, size: int, passages: Sequence[str] = (), ranges: Ranges = ()
    ) -> Prepared:
        """size: tokens of the document."""
        if self._spec.window == "ends":
            limit = self._limits.window - sample.max_new_tokens
            prepared = self._prompter.fitted(sample, limit=limit)
        else:
            shown = passages if self._spec.window == "evidence" else []
            prepared = self._prompter.shown(sample, shown, document_tokens=size)
        return replace(prepared, ranking=ranges)

    def _source(self, sample: Sample) -> str:
        """What is compressed: the document; in the paper, what its window leaves out."""
        if sample.truncation != "paper_middle":
            return sample.document
        limit = self._limits.window - sample.max_new_tokens
        return self._prompter.fitted(sample, limit=limit).middle

    def _scored(self, sample: TextSample, other: str) -> Measured:
        """The window holds the scored tokens and the one before; all before them is compressed."""
        ids = text_ids(self._backbone, sample)
        split = len(ids) - sample.scored_tokens
        before = str(self._backbone.tokenizer.decode(ids[:split]))
        if self._spec.shuffled and before.strip():
            before = str(self._backbone.tokenizer.decode(other_ids(self._backbone, sample, other)))
        contents, spared = self._memories.memory(before)
        memory = None if contents is None else self._answerer(contents).steer(["text"]).memory
        read = ids[split - 1 :]
        loss = self._loss(read[:1], read[1:], memory=memory)
        return Measured(
            Output(loss=loss),
            window=len(read),
            compressed=0 if contents is None or memory is None else len(contents.token_ids),
            dropped=split - 1 if memory is None else 0,
            spared=spared,
        )
