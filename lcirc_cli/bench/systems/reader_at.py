"""`reader-at@NAME`: a model on the server in LCIRC_READER, with the passages of `qd-lcirc`."""

from __future__ import annotations

from dataclasses import replace

from lcirc_cli.answering.answer import Answer
from lcirc_cli.answering.checked import bare
from lcirc_cli.answering.remote import RemoteAnswerer
from lcirc_cli.endpoints.settings import ReaderSettings
from lcirc_cli.errors import UsageError
from lcirc_cli.settings import resolve

from ..sample import Output
from .base import Batch, Limits, Measured, NotApplicable, System
from .spec import SystemSpec
from .workbench import MemoryReader, Workbench


class ReaderAt(System):
    """What `lcirc ask --reader` answers, without passages' numbers."""

    def __init__(self, spec: SystemSpec, bench: Workbench, limits: Limits) -> None:
        found = resolve(ReaderSettings, {})
        if found.reader is None:
            raise UsageError(f"{spec.text}: name the server in the variable LCIRC_READER")
        if spec.adapter is None:
            raise UsageError(f"{spec.text}: name the model, as in reader-at@NAME")
        self._reader = replace(found, reader_model=spec.adapter)
        self._reader.validate(offline=bench.offline)
        self._engine, self._limits = bench.engine(None), limits
        self._memories = MemoryReader(bench, self._engine)

    def run(self, batch: Batch) -> list[Measured]:
        if batch.texts:
            raise NotApplicable("there is no question to a model on a server")
        if any(sample.prompt is not None for sample in batch.samples):
            raise NotApplicable("the server is asked with the prompt of lcirc ask alone")
        memory, spared = self._memories.memory(batch.samples[0].document)
        if memory is None:
            raise NotApplicable("the document is empty")
        answerer = self._engine.answerer(
            memory, window_tokens=self._limits.evidence, segments=self._limits.segments
        )
        remote = RemoteAnswerer(answerer, self._reader)
        alone = [sample for sample in batch.samples if not sample.history]
        told: dict[str, Answer] = {}
        if alone:
            given = remote.answer([sample.question for sample in alone])
            told |= {sample.id: answer for sample, answer in zip(alone, given, strict=True)}
        for sample in batch.samples:  # a conversation is one question at a time
            if sample.history:
                (told[sample.id],) = remote.answer([sample.question], history=sample.history)
        answers = [told[sample.id] for sample in batch.samples]
        return [
            Measured(
                Output(bare(answer.answer)),
                window=answer.tokens.window,
                dropped=answer.left_out,
                spared=spared / len(answers),
            )
            for answer in answers
        ]
