"""How a method under training reads a document and answers: what validation asks of it.

A reading is made for several questions about one document (or about none) and gives the losses of
given answers, and answers of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from lcirc_cli.answering.generation import Decoding, generate
from lcirc_cli.answering.windows import build_prompt
from lcirc_cli.backbones.loading import Backbone
from lcirc_cli.model import LcircForCausalLM, Memory
from lcirc_cli.training.data.corpus import Corpus, Question
from lcirc_cli.training.data.feature_cache import FeatureCache
from lcirc_cli.training.data.passages import document_index, shown_texts
from lcirc_cli.training.methods.objectives import label_losses
from lcirc_cli.training.methods.stages import question_keys


class Reading(Protocol):
    """Questions about a document that has been read."""

    def losses(self, answers: Sequence[list[int]]) -> Tensor:
        """Nats of every token of the answers, [L]."""
        ...

    def say(self, max_new_tokens: int) -> list[str]:
        """An answer of one line to each question."""
        ...


class Reader(Protocol):
    """Reads documents of a corpus."""

    def read(self, corpus: Corpus, source: int | None, rows: list[Question]) -> Reading:
        """Document `source` (None: no document) for these questions."""
        ...


class MemoryReader:
    """An adapter: the document is in the memory, the question alone in the window."""

    def __init__(self, model: LcircForCausalLM, backbone: Backbone, *, cache: FeatureCache) -> None:
        self._model, self._backbone, self._cache = model, backbone, cache

    def read(self, corpus: Corpus, source: int | None, rows: list[Question]) -> Reading:
        """Compress the document with these questions."""
        form = self._model.adapter.config.prompt_form
        prompts = [build_prompt(self._backbone, question=q.text, form=form) for q in rows]
        memory = None if source is None else self.memory(corpus, source, rows)
        return _MemoryReading(self._model, self._backbone, prompts, memory)

    def memory(self, corpus: Corpus, index: int, rows: Sequence[Question]) -> Memory:
        """Of a document, a row for each question (one for all where none steers it)."""
        config = self._model.adapter.config
        document = corpus.documents[index]
        segments = self._cache.segments(document, 0, len(document.ids_N), config.segment_length)
        question = None
        if config.query_mixer:
            question = question_keys(self._model, self._backbone, [q.text for q in rows])
        return self._model.compress(segments, question=question).memory


class PassageReader:
    """An adapter's reader: the passages that `lcirc ask` would find by words, and no memory."""

    def __init__(self, model: LcircForCausalLM, backbone: Backbone, *, budget: int) -> None:
        self._model, self._backbone, self._budget = model, backbone, budget

    def read(self, corpus: Corpus, source: int | None, rows: list[Question]) -> Reading:
        """The document's passages for each question."""
        index = None if source is None else document_index(corpus.documents[source])
        prompts = [
            build_prompt(
                self._backbone,
                question=q.text,
                passages=[] if index is None else shown_texts(index, q.text, budget=self._budget),
                history=q.history,
                form="plain",
            )
            for q in rows
        ]
        return _MemoryReading(self._model, self._backbone, prompts, None)


@dataclass(frozen=True)
class _MemoryReading:
    model: LcircForCausalLM
    backbone: Backbone
    prompts: list[list[int]]
    memory: Memory | None

    def losses(self, answers: Sequence[list[int]]) -> Tensor:
        return label_losses(self.model, self.prompts, answers, memory=self.memory)

    def say(self, max_new_tokens: int) -> list[str]:
        said = generate(
            self.backbone,
            self.prompts,
            model=self.model,
            memory=self.memory,
            decoding=Decoding(max_new_tokens=max_new_tokens, one_line=True),
        )
        return [each.text for each in said]
