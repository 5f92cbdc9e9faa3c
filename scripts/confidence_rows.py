"""Answers with what is known of them, for scripts/fit_confidence.py to learn from.

    python scripts/confidence_rows.py ADAPTER DIR... --out ROWS.jsonl [--limit 200] [--dtype D]

Each question of a set is answered as `lcirc ask` answers it, by the best answer that is not the
refusal. Of the answerable ones a twelfth is asked of the document without the passages that hold
its evidence, and a twelfth is changed in one place (`training.data.altered`): the document does
not answer those. A row holds the signals, the answer, its F1, and whether the document answers.
Rows that are in the file already are not asked again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from lcirc_cli.adapters.confidence import SIGNALS
from lcirc_cli.answering.signals import signals
from lcirc_cli.documents.document import Document, Page
from lcirc_cli.engine import Engine
from lcirc_cli.evidence import PassageIndex
from lcirc_cli.qa.scoring import best_f1
from lcirc_cli.training.data.altered import alter
from lcirc_cli.training.data.corpus import Question, TokenisedDocument, load_corpus, select
from lcirc_cli.training.data.passages import document_index, touches

REMOVED, ALTERED = 1 / 12, 1 / 12
TOGETHER = 4  # questions


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("adapter")
    parser.add_argument("folders", nargs="+", type=Path, metavar="DIR")
    parser.add_argument("--out", type=Path, required=True, metavar="ROWS.jsonl")
    parser.add_argument("--limit", type=int, default=200, help="questions a set")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--method", default="qd-lcirc", help="of lcirc ask")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dtype", default="float32")
    options = parser.parse_args()
    engine = Engine.load(
        options.model,
        options.adapter,
        device=options.device,
        dtype=options.dtype,
        offline=True,
    )
    known = set()
    if options.out.exists():
        rows = [json.loads(line) for line in options.out.open(encoding="utf-8")]
        known = {(row["set"], row["document"], row["asked"], row["kind"]) for row in rows}
    with options.out.open("a", encoding="utf-8") as out:
        for folder in options.folders:
            corpus = load_corpus([folder], engine.backbone)
            corpus = select(corpus, limit=options.limit, seed=options.seed)
            for document, group in zip(corpus.documents, corpus.questions, strict=True):
                if not group:
                    continue
                index = document_index(document)
                asked = [_Asked(q, *_variant(q, group, document, index)) for q in group]
                asked = [
                    a for a in asked if (folder.name, document.id, a.text, a.kind) not in known
                ]
                ask = _asker(engine, options.method)
                for batch in _batches(asked):
                    for one, row in zip(batch, ask(batch), strict=True):
                        own, answers = one.kind == "own", one.question.answers
                        row["f1"] = best_f1(row["answer"], answers) if own else 0.0
                        row["answered"] = own and bool(answers)
                        where = {"set": folder.name, "document": document.id, "kind": one.kind}
                        out.write(json.dumps({**where, "asked": one.text, **row}) + "\n")
                    out.flush()


@dataclass(frozen=True)
class _Asked:
    """A question with its kind (own, removed, altered), its text, and what it is asked of."""

    question: Question
    kind: str
    text: str
    document: str


def _batches(asked: list[_Asked]) -> Iterator[list[_Asked]]:
    """Questions to be asked together: of the same text, after the same earlier turns."""
    alike: dict[Any, list[_Asked]] = {}
    for one in asked:
        alike.setdefault((one.document, one.question.history), []).append(one)
    for group in alike.values():
        for at in range(0, len(group), TOGETHER):
            yield group[at : at + TOGETHER]


def _variant(
    question: Question, group: list[Question], document: TokenisedDocument, index: PassageIndex
) -> tuple[str, str, str]:
    """Which kind the question becomes (own, removed, altered), its text, and what it is asked of.

    The same for the same question, whatever else is asked.
    """
    seed = int.from_bytes(question.text.encode()[-8:], "little")
    rng = np.random.default_rng((seed, len(question.text)))
    draw = float(rng.random())
    if question.answers and question.evidence and draw < REMOVED:
        text = _without(document, index, question)
        if not any(len(a) > 3 and a.casefold() in text.casefold() for a in question.answers):
            return "removed", question.text, text
    if question.answers and question.evidence and REMOVED <= draw < REMOVED + ALTERED:
        others = [t for each in group for t in (each.text, *each.answers)]
        held = "\n".join(document.text_of(start, end) for start, end in question.evidence)
        text = alter(rng, question.text, others=others, evidence=held)
        if text is not None:
            return "altered", text, document.text
    return "own", question.text, document.text


def _without(document: TokenisedDocument, index: PassageIndex, question: Question) -> str:
    """The document without the passages that hold the question's evidence."""
    kept = [p for p in index.passages if not touches(question.evidence, p)]
    return "\n\n".join(document.text[p.start : p.end] for p in kept) or "(empty)"


def _asker(engine: Engine, method: str) -> Callable[[list[_Asked]], list[dict[str, Any]]]:
    """`ask(batch)`: answers with their signals; each document is read once."""

    @cache
    def memory(text: str) -> Any:
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        pages = (Page(None, None, 0, len(text)),)
        return engine.ingest([Document("document", text, pages, digest, "text")])

    def ask(batch: list[_Asked]) -> list[dict[str, Any]]:
        answerer = engine.answerer(memory(batch[0].document), method=method)
        questions, history = [one.text for one in batch], batch[0].question.history
        found = []
        for draft in answerer.drafts(questions, history=history, refuses=False):
            values = signals(
                draft.question,
                draft.generated,
                index=answerer.collection.index,
                scores=draft.scores,
            )
            named = dict(zip(SIGNALS, values, strict=True))
            found.append({"answer": draft.generated.text, "signals": named})
        return found

    return ask


if __name__ == "__main__":
    main()
