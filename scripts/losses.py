"""Answer losses of questions to memories that the caller has made, for the scripts here."""

from __future__ import annotations

from collections.abc import Sequence

from lcirc_cli.answering.prefill import Prefill, answer_ids
from lcirc_cli.answering.windows import BUDGETS, build_prompt
from lcirc_cli.bench.sample import Sample
from lcirc_cli.bench.systems.texts import shown_passages
from lcirc_cli.documents.document import Document, Page
from lcirc_cli.engine import Engine, Memories


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
    passages: list[list[str]] = [[] for _ in samples]
    if window == "evidence":
        index = answerer.collection.index
        passages = [
            shown_passages(index, scores, budget=BUDGETS[window])[0]
            for scores in answerer.rank(questions, steered)
        ]
    backbone, form = engine.backbone, engine.adapter.config.prompt_form
    prompts = [
        build_prompt(backbone, question=question, passages=texts, form=form)
        for question, texts in zip(questions, passages, strict=True)
    ]
    answers, memory = [answer_ids(backbone, sample.gold) for sample in samples], steered.memory
    alike = memory is None or memory.states_BMD.shape[0] == 1
    with engine.model.reading(memory):
        found = Prefill(backbone, prompts, alike=alike).log_probabilities(answers)
    return [float(-log_p.mean()) for log_p in found]
