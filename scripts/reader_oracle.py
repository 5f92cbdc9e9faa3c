"""How often what --reader sends holds the answer: python scripts/reader_oracle.py DIR...

Each DIR holds documents.jsonl[.gz] and qa.jsonl[.gz]; each document is asked alone, passages are
ranked by words, and the best ones are taken up to the budget, as `lcirc ask --reader` does. An
oracle stands for the model. Prints a JSON line a set, with percentages of the questions:
    evidence      a passage that was sent holds at least half of a piece of gold evidence, or lies
                  in it by half
    answerable    ... or the gold answer stands in what was sent, word for word
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path

from qa_sets import Labelled, Question, read_set

from lcirc_cli.answering.shown import READER_TOKENS, Shown, choose
from lcirc_cli.backbones.loading import load_backbone
from lcirc_cli.backbones.tokens import encode
from lcirc_cli.evidence import PassageIndex, Text
from lcirc_cli.qa.scoring import normalise

SEED = 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folders", nargs="+", type=Path, metavar="DIR")
    parser.add_argument("--budget", type=int, default=READER_TOKENS)
    parser.add_argument("--questions", type=int, default=300)
    given = parser.parse_args()
    tokenizer = load_backbone("smollm2", device="cpu", offline=True).tokenizer
    for folder in given.folders:
        asked = drawn(read_set(folder), given.questions)
        touched, found, sent, tokens = 0, 0, 0, 0
        indexes: dict[str, PassageIndex] = {}
        for document, question in asked:
            if document.id not in indexes:
                starts = encode(tokenizer, document.text)[1]
                indexes[document.id] = PassageIndex([Text(document.id, document.text, starts)])
            index = indexes[document.id]
            shown = choose(index, index.scores(question.text), budget=given.budget)
            has_evidence = holds_evidence(question, index, shown)
            touched += has_evidence
            found += has_evidence or holds_answer(question, shown)
            sent += sum(one.tokens for one in shown)
            tokens += len(index.texts[0].starts)
        row = {
            "set": folder.name,
            "questions": len(asked),
            "documents": len(indexes),
            "evidence": round(100 * touched / len(asked), 1),
            "answerable": round(100 * found / len(asked), 1),
            "tokens_sent": round(sent / len(asked)),
            "tokens_of_document": round(tokens / len(asked)),
        }
        print(json.dumps(row), flush=True)


def drawn(documents: list[Labelled], count: int) -> list[tuple[Labelled, Question]]:
    """Questions that have an answer and evidence, by a seed."""
    every = [(d, q) for d in documents for q in d.questions if q.answers and q.evidence]
    return random.Random(SEED).sample(every, min(count, len(every)))


def holds_evidence(question: Question, index: PassageIndex, shown: list[Shown]) -> bool:
    places = [index.passages[one.passage] for one in shown]
    return any(question.touches(place.start, place.end, share=0.5) for place in places)


def holds_answer(question: Question, shown: list[Shown]) -> bool:
    text = f" {normalise(' '.join(one.text for one in shown))} "
    return any(f" {normalise(answer)} " in text for answer in question.answers if answer)


if __name__ == "__main__":
    main()
