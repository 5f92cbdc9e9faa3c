"""Answer losses of questions to memories that the caller has made, for the scripts here."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lcirc_cli.answering.answerer import Answerer
from lcirc_cli.answering.prefill import Prefill, answer_ids
from lcirc_cli.answering.windows import BUDGETS, build_prompt
from lcirc_cli.bench.sample import Sample
from lcirc_cli.bench.systems.texts import shown_passages
from lcirc_cli.documents.document import Document, Page
from lcirc_cli.engine import Engine, Memories
from lcirc_cli.model import Memory


def document_of(text: str) -> Document:
    """A text as a document without pages, as the benchmarks ingest it."""
    return Document("document", text, (Page(None, None, 0, len(text)),), "", "text")


def answer_losses(
    engine: Engine,
    memories: Memories,
    samples: Sequence[Sample],
    *,
    method: str = "qd-lcirc",
    window: str = "none",
    segments: int = 0,
) -> list[float]:
    """Nats a token of each sample's first gold answer, all asked at once.

    Args:
        window: none (the question alone) or evidence (the passages that `lcirc ask` shows).
        segments: that a question steers, at most; 0 for all.
    """
    answerer = engine.answerer(memories, method=method, window=window, segments=segments)
    questions = [sample.question for sample in samples]
    steered = answerer.steer(questions)
    ranked = answerer.rank(questions, steered) if window == "evidence" else None
    return losses_of(answerer, samples, memory=steered.memory, ranked=ranked)


def losses_of(
    answerer: Answerer,
    samples: Sequence[Sample],
    *,
    memory: Memory | None,
    ranked: Sequence[np.ndarray] | None,
) -> list[float]:
    """The same, where what the questions steer is there already.

    Args:
        memory: of `Answerer.steer`.
        ranked: of `Answerer.rank`, for the passages that are shown; None shows none.
    """
    passages: list[list[str]] = [[] for _ in samples]
    if ranked is not None:
        index = answerer.collection.index
        budget = BUDGETS["evidence"]
        passages = [
            shown_passages(index, scores, question=sample.question, budget=budget)[0]
            for sample, scores in zip(samples, ranked, strict=True)
        ]
    backbone, form = answerer.backbone, answerer.adapter.config.prompt_form
    prompts = [
        build_prompt(backbone, question=sample.question, passages=texts, form=form)
        for sample, texts in zip(samples, passages, strict=True)
    ]
    answers = [answer_ids(backbone, sample.gold) for sample in samples]
    alike = memory is None or memory.states_BMD.shape[0] == 1
    with answerer.model.reading(memory):
        found = Prefill(backbone, prompts, alike=alike).log_probabilities(answers)
    return [float(-log_p.mean()) for log_p in found]
