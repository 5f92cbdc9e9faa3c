"""What a question's first stage finds, and what leaving the other segments out does to answers.

    python scripts/two_stages.py DIR [--join 8] [--limit 300] [--segments 16] [--answers 0]

Documents of a set are opened together, `--join` in a memory. Prints a JSON line: in percent of the
questions with evidence the share whose segment is among the chosen ones, with the segments of the
memories. With --answers N that many questions are answered twice, with the chosen segments and
with all: F1, nats a token of the gold answer, seconds of steering, and how many answers and first
citations are the same. The seconds have features that are computed, and keys that are not kept.
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
from losses import answer_losses
from qa_sets import Labelled, Question, read_set

from lcirc_cli.answering.stages import Chosen
from lcirc_cli.bench.sample import Sample
from lcirc_cli.documents.document import Document, Page
from lcirc_cli.engine import Engine
from lcirc_cli.memory.contents import MemoryContents
from lcirc_cli.qa.scoring import best_f1

Asked = tuple[int, Question]  # the number of its document in the memory


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--join", type=int, default=8)
    parser.add_argument("--limit", type=int, default=300, help="questions")
    parser.add_argument("--segments", type=int, default=16)
    parser.add_argument("--answers", type=int, default=0, help="questions answered twice")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--dtype", default="auto")
    options = parser.parse_args()
    loaded = Engine.load(dtype=options.dtype, offline=True)
    engine = Engine(loaded.backbone, loaded.adapter, key_bytes=0)
    documents = read_set(options.folder)
    draw = random.Random(options.seed)
    hits, sizes, rows = [], [], []
    groups = [documents[at : at + options.join] for at in range(0, len(documents), options.join)]
    groups = [group for group in groups if len(group) == options.join]
    for group in groups:
        asked = [(n, q) for n, one in enumerate(group) for q in one.questions if q.evidence]
        asked = draw.sample(asked, min(len(asked), options.limit // len(groups)))
        memory = engine.open([_document(number, one) for number, one in enumerate(group)])
        sizes.append(len(memory.segment_lengths))
        for each in asked:
            chosen = engine.answerer(memory).collection.best_segments(
                each[1].text, most=options.segments
            )
            hits.append(_holds(memory, each, chosen))
        answered = asked[: -(-options.answers // len(groups))]
        if answered:  # computes all features
            engine.answerer(memory, segments=0).steer([answered[0][1].text])
        for each in answered:
            rows.append(_both(engine, memory, each[1], options.segments))
    found: dict[str, Any] = {"set": options.folder.name, "join": options.join}
    found |= {"segments": sizes, "questions": len(hits), "found": round(100 * mean(hits), 1)}
    if rows:
        found["answered"] = len(rows)
        found |= {name: round(mean(row[name] for row in rows), 3) for name in rows[0]}
    print(json.dumps(found), flush=True)


def _document(number: int, one: Labelled) -> Document:
    return Document(
        f"{number}.txt", one.text, (Page(None, None, 0, len(one.text)),), str(number), "text"
    )


def _holds(memory: MemoryContents, asked: Asked, chosen: Chosen) -> bool:
    """Whether a chosen segment touches the question's evidence."""
    number, question = asked
    own = memory.documents[number]
    first, count = own.first_token, own.num_tokens
    starts = memory.token_starts[first : first + count].numpy()
    edges = np.cumsum([0, *memory.segment_lengths])
    for start, end in question.evidence:
        tokens = first + np.maximum(np.searchsorted(starts, [start, end - 1], side="right") - 1, 0)
        low, high = np.searchsorted(edges, tokens, side="right") - 1
        if any(low <= each <= high for each in chosen):
            return True
    return False


def _both(
    engine: Engine, memory: MemoryContents, question: Question, segments: int
) -> dict[str, float]:
    """A question's figures with the chosen segments and with all."""
    found: dict[str, float] = {}
    said, cited = [], []
    for name, most in (("all", 0), ("two_stages", segments)):
        answer = engine.ask(memory, question.text, segments=most)
        sample = Sample("", "", "", question.text, None, question.answers, "f1", 1, "none")
        (loss,) = answer_losses(engine, memory, [sample], window="evidence", segments=most)
        found[f"f1_{name}"] = 100 * best_f1(answer.answer, question.answers)
        found[f"loss_{name}"] = loss
        found[f"steering_s_{name}"] = answer.timings.compress_s
        said.append(answer.answer)
        cited.append([each.quote for each in answer.citations[:1]])
    found["same_answer"] = float(said[0] == said[1])
    found["same_first_citation"] = float(cited[0] == cited[1])
    return found


if __name__ == "__main__":
    main()
