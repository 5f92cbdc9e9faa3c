"""A point of the reader's curve: loss and F1 of answerable questions, with passages found by words.

    python scripts/reader_curve.py ADAPTER DIR... [--limit 75] [--seed 1]

Each set's questions are drawn evenly over its documents. The window is `lcirc ask`'s with passages
ranked by words alone, no memory is read, and the answer is the best one that is not the refusal.
Prints a JSON line a set: the mean over questions of the loss (nats a token) and of F1, and how
often the refusal was likelier than not. --bare asks the language model without the adapter.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import torch

from lcirc_cli.answering.generation import Decoding, generate
from lcirc_cli.answering.prefill import Prefill, answer_ids
from lcirc_cli.answering.windows import BUDGETS, build_prompt
from lcirc_cli.engine import Engine
from lcirc_cli.qa.scoring import best_f1
from lcirc_cli.training.data.corpus import load_corpus, select
from lcirc_cli.training.data.passages import document_index, shown_texts

TOKENS = 48  # of an answer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("adapter")
    parser.add_argument("folders", nargs="+", type=Path, metavar="DIR")
    parser.add_argument("--limit", type=int, default=75, help="questions a set")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--bare", action="store_true", help="the model without the adapter")
    options = parser.parse_args()
    engine = Engine.load(adapter=options.adapter, dtype="float32", device="cpu", offline=True)
    for folder in options.folders:
        numbers = measure(engine, folder, limit=options.limit, seed=options.seed, bare=options.bare)
        print(json.dumps({"set": folder.name, "adapter": options.adapter, **numbers}), flush=True)


@torch.no_grad()
def measure(engine: Engine, folder: Path, *, limit: int, seed: int, bare: bool) -> dict[str, float]:
    """Means over the drawn questions."""
    backbone, model = engine.backbone, engine.model
    corpus = load_corpus([folder], backbone)
    answerable = [[q for q in group if q.answers] for group in corpus.questions]
    corpus = select(replace(corpus, questions=answerable), limit=limit, seed=seed)
    losses, scores, refusing = [], [], []
    for document, group in zip(corpus.documents, corpus.questions, strict=True):
        index = document_index(document) if group else None
        for question in group:
            assert index is not None
            passages = shown_texts(index, question.text, budget=BUDGETS["evidence"])
            prompt = build_prompt(
                backbone,
                question=question.text,
                passages=passages,
                history=question.history,
                form="plain",
            )
            with model.reading(through=not bare):
                read = Prefill(backbone, [prompt], alike=True)
                gold = answer_ids(backbone, question.answers[0])
                losses.append(-float(read.log_probabilities([gold])[0].mean()))
                refusing.append(read.refusals().probabilities[0] >= 0.5)
            decoding = Decoding(TOKENS, one_line=True, refuse_from=[1.01], asked=[question.text])
            (said,) = generate(backbone, [prompt], decoding=decoding, model=None if bare else model)
            scores.append(best_f1(said.text, question.answers))
    count = len(scores)
    return {
        "questions": count,
        "loss": round(sum(losses) / count, 3),
        "f1": round(100 * sum(scores) / count, 1),
        "would_refuse": round(100 * sum(refusing) / count, 1),
    }


if __name__ == "__main__":
    main()
