"""How often retrieval finds the gold evidence: python scripts/retrieval_recall.py DIR...

Each DIR holds documents.jsonl[.gz] and qa.jsonl[.gz]; each document is searched alone. Prints a
JSON line a set, in percent of the questions that have evidence:
    recall        a passage among the best 1, 3 or 5 touches gold evidence
    recall_half   ... and holds at least half of it (or lies in it by half)
    quote         a citation among the best 1 or 3 touches gold evidence; with the question alone,
                  and with the gold answer (what a perfect reader would add)
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path

from qa_sets import Labelled, Question, read_set, texts_without_tokens

from lcirc_cli.evidence import PassageIndex, citations, ranking

DEPTHS = (1, 3, 5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folders", nargs="+", type=Path, metavar="DIR")
    for folder in parser.parse_args().folders:
        print(json.dumps({"set": folder.name, **measure(read_set(folder))}), flush=True)


def measure(documents: list[Labelled]) -> dict[str, object]:
    """The figures of one set."""
    hits: Counter[str] = Counter()
    questions = passages = 0
    for document in documents:
        index = PassageIndex(texts_without_tokens([document.text]))
        passages += len(index.passages)
        for question in document.questions:
            if question.evidence:
                questions += 1
                hits.update(_hits(question, index))
    shares = {name: round(100 * hits[name] / questions, 1) for name in sorted(hits)}
    return {"documents": len(documents), "passages": passages, "questions": questions, **shares}


def _hits(question: Question, index: PassageIndex) -> list[str]:
    scores = index.scores(question.text)
    best = [index.passages[number] for number in ranking(scores)[: max(DEPTHS)].tolist()]
    found = []
    for name, share in (("recall", 0.0), ("recall_half", 0.5)):
        touched = [question.touches(p.start, p.end, share=share) for p in best]
        found += [f"{name}@{depth}" for depth in DEPTHS if any(touched[:depth])]
    for name, answer in (("quote", ""), ("quote_with_answer", question.answers[0])):
        cited = citations(question.text, answer, index=index, scores=scores, limit=3)
        touched = [question.touches(c.start, c.end) for c in cited]
        found += [f"{name}@{depth}" for depth in (1, 3) if any(touched[:depth])]
    return found


if __name__ == "__main__":
    main()
