"""Who answers where retrieval missed: python scripts/where_missed.py DIR... [--limit N]

Each DIR is in the documents + qa form; each document is asked alone, its passages ranked and shown
as `lcirc ask` does. Of the questions whose window holds none of their gold evidence (`--limit` of
them), each is answered, never refusing, by
    reader      the tuned decoder, from the passages alone: what `lcirc ask` does
    memory      the bare model, from the passages and the memory that the question steers
    alone       the bare model, from that memory and the question alone
    another     the same with the memory of the document before, in the order of the file
Prints a JSON line a set: how many questions have evidence, how many were missed and answered, F1
of each way, and the differences of memory and alone to reader, and of alone to another, with their
95 % bootstrap intervals over questions.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from losses import document_of
from qa_sets import Labelled, Question, read_set

from lcirc_cli.answering.windows import BUDGETS, fitting
from lcirc_cli.bench.report.statistics import Array, Interval, interval, paired_difference
from lcirc_cli.engine import Engine
from lcirc_cli.evidence import ranking
from lcirc_cli.memory.contents import MemoryContents
from lcirc_cli.qa.scoring import best_f1

AT_ONCE = 8  # questions that are ranked together
WAYS: dict[str, dict[str, Any]] = {
    "reader": {"method": "reader"},
    "memory": {"method": "qd-lcirc"},
    "alone": {"method": "qd-lcirc", "window": "none"},
}
PAIRS = (("memory", "reader"), ("alone", "reader"), ("alone", "another"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folders", nargs="+", type=Path, metavar="DIR")
    parser.add_argument("--limit", type=int, default=1 << 30, help="missed questions of a set")
    parser.add_argument("--dtype", default="auto")
    options = parser.parse_args()
    engine = Engine.load(dtype=options.dtype, offline=True)
    for folder in options.folders:
        documents = read_set(folder)
        counts, rows = Counter[str](), list[dict[str, float]]()
        before = engine.open([document_of(documents[-1].text)])
        for document in documents:
            memory = engine.open([document_of(document.text)])
            missed = _missed(engine, memory, document)
            counts["asked"] += sum(bool(q.answers and q.evidence) for q in document.questions)
            counts["missed"] += len(missed)
            for question in missed[: options.limit - len(rows)]:
                rows.append(_f1(engine, memory, before, question))
            before = memory
        print(json.dumps({"set": folder.name, **counts, **_summary(rows)}), flush=True)


def _missed(engine: Engine, memory: MemoryContents, document: Labelled) -> list[Question]:
    """The questions whose window holds none of their evidence."""
    answerer = engine.answerer(memory, method="reader")
    index = answerer.collection.index
    questions = [each for each in document.questions if each.answers and each.evidence]
    found = []
    for at in range(0, len(questions), AT_ONCE):
        some = questions[at : at + AT_ONCE]
        texts = [each.text for each in some]
        for each, scores in zip(some, answerer.rank(texts, answerer.steer(texts)), strict=True):
            ranked = [index.passages[number] for number in ranking(scores).tolist()]
            shown, _ = fitting(index.with_halves(ranked), BUDGETS["evidence"])
            if not any(each.touches(place.start, place.end) for place in shown):
                found.append(each)
    return found


def _f1(
    engine: Engine, memory: MemoryContents, other: MemoryContents, question: Question
) -> dict[str, float]:
    """F1 of each way, in percent."""
    ways = {name: (memory, how) for name, how in WAYS.items()}
    ways["another"] = (other, WAYS["alone"])
    found = {}
    for name, (read, how) in ways.items():
        (draft,) = engine.answerer(read, **how).drafts([question.text], refuses=False)
        found[name] = 100 * best_f1(draft.generated.text, question.answers)
    return found


def _summary(rows: list[dict[str, float]]) -> dict[str, Any]:
    def mean(values: Array) -> Array:
        return values[..., 0]

    of = {name: np.array([[row[name]] for row in rows]) for name in (*WAYS, "another")}
    f1 = {name: _rounded(interval(values, mean)) for name, values in of.items()}
    less = {
        f"{one} - {other}": _rounded(paired_difference(of[one], of[other], mean))
        for one, other in PAIRS
    }
    return {"answered": len(rows), "f1": f1, "differences": less}


def _rounded(given: Interval) -> list[float]:
    return [round(number, 1) for number in (given.value, given.low, given.high)]


if __name__ == "__main__":
    main()
