"""What asking a document that nobody has ingested computes, against ingesting it and asking.

    python tests/perf/ask_before_ingest.py BOOK.pdf QUESTION... [--dtype D]

A question that is @FILE stands for the lines of FILE. Prints a JSON line of seconds (see
_measuring.py; reading, which another process does, on the wall clock): loading the models, reading
the document, then for the open document its words' index and each question, and for the same
document ingested the compression and each question. `ratio` is index and first question against
compression and first question. `same` counts the questions with the same answer and citations both
ways, `same_answer` and `same_citations` those with either.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from _measuring import seconds

from lcirc_cli.answering.answer import Answer
from lcirc_cli.documents import read_document
from lcirc_cli.engine import Engine
from lcirc_cli.memory.contents import MemoryContents

T = TypeVar("T")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__.partition("\n")[0], fromfile_prefix_chars="@"
    )
    parser.add_argument("document", type=Path)
    parser.add_argument("questions", nargs="+", metavar="QUESTION")
    parser.add_argument("--dtype", default="auto")
    options = parser.parse_args()
    engine, load_s = timed(lambda: Engine.load(dtype=options.dtype, offline=True))
    document, read_s = timed(lambda: read_document(options.document), clock=time.perf_counter)
    opened, index_s = timed(lambda: engine.open([document]))
    at_once, asked_s = answers(engine, opened, options.questions)
    ingested, ingest_s = timed(lambda: engine.ingest([document]))
    after, after_s = answers(engine, ingested, options.questions)
    pairs = list(zip(at_once, after, strict=True))
    answers_same = [one.answer == two.answer for one, two in pairs]
    citations_same = [one.citations == two.citations for one, two in pairs]
    found = {
        "pages": document.page_count,
        "tokens": len(opened.token_ids),
        "segments": vars(at_once[0].segments),
        "load_s": round(load_s, 2),
        "read_s": round(read_s, 2),
        "index_s": round(index_s, 2),
        "ask_s": asked_s,
        "ingest_s": round(ingest_s, 2),
        "ask_after_s": after_s,
        "ratio": round((index_s + asked_s[0]) / (ingest_s + after_s[0]), 3),
        "questions": len(pairs),
        "same": sum(map(all, zip(answers_same, citations_same, strict=True))),
        "same_answer": sum(answers_same),
        "same_citations": sum(citations_same),
    }
    print(json.dumps(found), flush=True)


def answers(
    engine: Engine, memory: MemoryContents, questions: list[str]
) -> tuple[list[Answer], list[float]]:
    """The answers, and the seconds of each."""
    found = [timed(lambda q=question: engine.ask(memory, q)) for question in questions]  # type: ignore[misc]
    return [answer for answer, _ in found], [round(took, 2) for _, took in found]


def timed(work: Callable[[], T], *, clock: Callable[[], float] = seconds) -> tuple[T, float]:
    """What work returns, and its seconds."""
    start = clock()
    return work(), clock() - start


if __name__ == "__main__":
    main()
