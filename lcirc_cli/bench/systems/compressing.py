"""`lcirc` and `qd-lcirc`: a compressed memory of the document, injected while the window is read.

`reader`: the same adapter's reader and passages without the memory, the control for what it adds.

Windows: `ends` (the benchmark's own truncation, as in the paper), `evidence` (the best passages)
or `none`. `~shuffled` takes the memory of another document, everything else the same:
where there is nothing to compress, the control has no memory either.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from lcirc_cli.answering.decoding import Decoder
from lcirc_cli.evidence.index import ranking
from lcirc_cli.memory.contents import MemoryContents
from lcirc_cli.model import Memory

from ..sample import Output, Sample, TextSample
from .base import Batch, Limits, Measured, NotApplicable, check_other
from .gold import gold_answer
from .prompting import Prepared, Prompter
from .spec import SystemSpec
from .texts import Ranges, best_passages, other_ids, text_ids
from .workbench import MemoryReader, Workbench


@dataclass(frozen=True)
class _Asked:
    """What a memory gives for a batch of questions."""

    memory: Memory | None  # None: the gates are closed
    passages: list[tuple[list[str], Ranges]]  # of each question, as `lcirc ask` ranks them
    refuse_from: list[float] | None  # as in `lcirc_cli.answering.generation.Decoding`


class Compressing:
    """One of the three methods with one window."""

    ranks = True

    def __init__(self, bench: Workbench, spec: SystemSpec, *, limits: Limits) -> None:
        self._bench, self._spec, self._limits = bench, spec, limits
        self._engine = bench.engine(spec.adapter)
        self._engine.adapter.check(spec.name)
        self._memories = MemoryReader(bench, self._engine)
        config = self._engine.adapter.config
        self._prompter = Prompter(bench.backbone, form=config.prompt_form)
        self._decoder = Decoder(bench.backbone, self._engine.model)

    @property
    def trained(self) -> bool:
        """False where the memory can't change what the backbone says."""
        return self._engine.adapter.changes

    def run(self, batch: Batch) -> list[Measured]:
        if self._spec.shuffled:
            check_other(batch)
        if batch.texts:
            return [self._scored(sample, batch.other) for sample in batch.texts]
        sources = {self._source(sample) for sample in batch.samples}
        if len(sources) > 1:  # the paper compresses what its prompt leaves out: one by one
            return [m for s in batch.samples for m in self.run(replace(batch, samples=[s]))]
        return self._answer(batch.samples, sources.pop(), batch.other)

    def _answer(self, samples: Sequence[Sample], source: str, other: str) -> list[Measured]:
        questions = [sample.question for sample in samples]
        own, spared = self._memories.memory(source)
        foreign = samples[0].prompt is not None
        used, memory = own, None
        asked = _Asked(None, [([], ())] * len(samples), None)
        if own is not None:
            asked = self._asked(own, questions, names=not foreign)
            memory = asked.memory
            # A control is ranked with its own document's memory, answered with another's.
            if self._spec.shuffled:
                used, more = self._memories.memory(other)
                spared += more
                memory = None if used is None else self._memory(used, questions)
        prepared = [
            self._prepare(sample, 0 if own is None else len(own.token_ids), texts)
            for sample, (texts, _) in zip(samples, asked.passages, strict=True)
        ]
        reads = memory is not None or self._engine.adapter.adapter.reader is not None
        refuse_from = asked.refuse_from if reads else None
        decoded = self._decoder.answer(
            [one.ids for one in prepared],
            [gold_answer(sample) for sample in samples],
            max_new_tokens=samples[0].max_new_tokens,
            memory=memory,
            refusal=not foreign or refuse_from is not None,
            foreign=foreign,
            refuse_from=refuse_from,
        )
        compressed = 0 if used is None or memory is None else len(used.token_ids)
        return [
            Measured(
                Output(
                    self._prompter.trimmed(sample, one.text),
                    self._closed_book(sample),
                    answer_loss=one.loss,
                    refusal=one.refusal,
                    ranking=ranges,
                ),
                prompt_sha256=prompt.sha256,
                window=len(prompt.ids),
                compressed=compressed,
                dropped=prompt.dropped if memory is None else 0,
                spared=spared / len(samples),
            )
            for sample, prompt, (_, ranges), one in zip(
                samples, prepared, asked.passages, decoded, strict=True
            )
        ]

    def _asked(self, contents: MemoryContents, questions: Sequence[str], *, names: bool) -> _Asked:
        answerer = self._engine.answerer(contents, method=self._spec.name)
        steered = answerer.steer(questions)
        ranked = answerer.rank(questions, steered)
        index = answerer.collection.index
        return _Asked(
            steered.memory,
            [best_passages(index, ranking(s), budget=self._limits.evidence) for s in ranked],
            # The adapter learned to refuse, and does under any prompt: its threshold holds for
            # all. What it makes of missing names was measured with its own prompt only.
            answerer.refuse_from(questions, ranked, window=self._spec.window, names=names),
        )

    def _prepare(self, sample: Sample, size: int, passages: Sequence[str]) -> Prepared:
        """size: tokens of the document."""
        if self._spec.window == "ends":
            return self._prompter.fitted(sample, limit=self._limits.window - sample.max_new_tokens)
        shown = passages if self._spec.window == "evidence" else []
        return self._prompter.shown(sample, shown, document_tokens=size)

    def _source(self, sample: Sample) -> str:
        """What is compressed: the document; in the paper, what its window leaves out."""
        if sample.truncation != "paper_middle":
            return sample.document
        limit = self._limits.window - sample.max_new_tokens
        return self._prompter.fitted(sample, limit=limit).middle

    def _closed_book(self, sample: Sample) -> str | None:
        if sample.closed_book is None:
            return None
        prompt = self._prompter.closed_book(sample.closed_book)
        return self._decoder.generate([prompt.ids], max_new_tokens=sample.max_new_tokens)[0]

    def _memory(self, contents: MemoryContents, questions: Sequence[str]) -> Memory | None:
        return self._engine.answerer(contents, method=self._spec.name).steer(questions).memory

    def _scored(self, sample: TextSample, other: str) -> Measured:
        """The window holds the scored tokens and the one before; all before them is compressed."""
        if self._spec.name == "qd-lcirc":
            raise NotApplicable("there is no question to steer the compression: see lcirc")
        if self._spec.name == "reader":
            raise NotApplicable("without a memory nothing before the scored tokens is read")
        backbone = self._bench.backbone
        ids = text_ids(backbone, sample)
        split = len(ids) - sample.scored_tokens
        before = str(backbone.tokenizer.decode(ids[:split]))
        if self._spec.shuffled and before.strip():
            before = str(backbone.tokenizer.decode(other_ids(backbone, sample, other)))
        contents, spared = self._memories.memory(before)
        memory = None if contents is None else self._memory(contents, ["text"])
        read = ids[split - 1 :]
        (loss,) = self._decoder.losses([read[:1]], [read[1:]], memory=memory)
        compressed = 0 if contents is None or memory is None else len(contents.token_ids)
        return Measured(
            Output(loss=loss),
            window=len(read),
            compressed=compressed,
            dropped=split - 1 if memory is None else 0,
            spared=spared,
        )
