"""How often what --reader sends holds the answer: python scripts/reader_oracle.py DIR...

Each DIR holds documents.jsonl[.gz] and qa.jsonl[.gz]; each document is asked alone, passages are
ranked as `lcirc ask --reader` ranks them, by words and by what the question found in the memory,
and by words alone (`--method lcirc`), and the best ones are taken up to the budget. An oracle
stands for the model. Prints a JSON line a set and ranking, with percentages of the questions:
    evidence      a passage that was sent holds at least half of a piece of gold evidence, or lies
                  in it by half
    answerable    ... or the gold answer stands in what was sent, word for word
"""

from __future__ import annotations

import argparse
import json
import random
from itertools import groupby
from pathlib import Path

from losses import document_of
from qa_sets import Labelled, Question, read_set

from lcirc_cli.answering.drafts import Steered
from lcirc_cli.answering.remote import RANKED_AT_ONCE
from lcirc_cli.answering.shown import READER_TOKENS, Shown, choose
from lcirc_cli.engine import Engine
from lcirc_cli.evidence import PassageIndex
from lcirc_cli.qa.scoring import normalise

SEED = 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folders", nargs="+", type=Path, metavar="DIR")
    parser.add_argument("--budget", type=int, default=READER_TOKENS)
    parser.add_argument("--questions", type=int, default=300)
    parser.add_argument("--dtype", default="auto")
    given = parser.parse_args()
    engine = Engine.load(dtype=given.dtype, offline=True)
    for folder in given.folders:
        asked = drawn(read_set(folder), given.questions)
        by_document = sorted(asked, key=lambda pair: pair[0].id)
        counts = {ranked: Counts() for ranked in ("memory", "words")}
        tokens, documents = 0, 0
        for _, group in groupby(by_document, key=lambda pair: pair[0].id):
            pairs = list(group)
            memory = engine.open([document_of(pairs[0][0].text)])
            answerer = engine.answerer(memory, method="qd-lcirc")
            index = answerer.collection.index
            documents += 1
            tokens += len(pairs) * len(index.texts[0].starts)
            for at in range(0, len(pairs), RANKED_AT_ONCE):
                questions = [question for _, question in pairs[at : at + RANKED_AT_ONCE]]
                texts = [question.text for question in questions]
                steered = {"memory": answerer.steer(texts), "words": Steered(None, 0.0)}
                for ranked, by in steered.items():
                    for question, scores in zip(questions, answerer.rank(texts, by), strict=True):
                        shown = choose(index, scores, budget=given.budget)
                        counts[ranked].add(question, index, shown)
        for ranked, count in counts.items():
            row = {"set": folder.name, "ranked_by": ranked, "documents": documents}
            row |= count.row() | {"tokens_of_document": round(tokens / len(asked))}
            print(json.dumps(row), flush=True)


class Counts:
    """What was sent for the questions of a set under one ranking."""

    def __init__(self) -> None:
        self.questions, self.evidence, self.answerable, self.tokens = 0, 0, 0, 0

    def add(self, question: Question, index: PassageIndex, shown: list[Shown]) -> None:
        touched = holds_evidence(question, index, shown)
        self.questions += 1
        self.evidence += touched
        self.answerable += touched or holds_answer(question, shown)
        self.tokens += sum(one.tokens for one in shown)

    def row(self) -> dict[str, float]:
        return {
            "questions": self.questions,
            "evidence": round(100 * self.evidence / self.questions, 1),
            "answerable": round(100 * self.answerable / self.questions, 1),
            "tokens_sent": round(self.tokens / self.questions),
        }


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
