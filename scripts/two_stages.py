"""What a question's first stage finds, and what leaving the other segments out does to answers.

    python scripts/two_stages.py DIR [--join 8] [--fill 64 --others DIR...] [--limit 300]
        [--segments 16] [--ranked 0] [--answers 0] [--memory FILE [--whole]]

Documents of a set are opened together, `--join` in a memory; with --fill drawn documents of other
sets join them, before and behind, up to so many; with --whole they stand in a memory file that has
more. Prints a JSON line: in percent of the questions
with evidence the share whose segment is among the chosen ones, with the segments of the memories.

With --ranked N that many questions are ranked twice, with the chosen segments and with all: how
often the best three passages touch the evidence. With --answers N that many are answered twice too:
F1, nats a token of the gold answer, seconds of steering, and how many answers and first citations
are the same. Differences are two stages less all segments, with their 95 % bootstrap interval. The
seconds have features that are computed, and keys that are not kept.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
from joined import Asked, among, holds, joined, memories_of
from losses import answer_losses
from qa_sets import Question

from lcirc_cli.bench.report.statistics import Array, paired_difference
from lcirc_cli.bench.sample import Sample
from lcirc_cli.engine import Engine
from lcirc_cli.evidence import ranking
from lcirc_cli.memory.contents import MemoryContents
from lcirc_cli.qa.scoring import best_f1

DEPTH = 3
WAYS = ("all", "two_stages")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--join", type=int, default=8)
    parser.add_argument("--fill", type=int, default=0, help="documents of a memory, with others")
    parser.add_argument("--others", type=Path, nargs="*", default=[], metavar="DIR")
    parser.add_argument("--limit", type=int, default=300, help="questions")
    parser.add_argument("--segments", type=int, default=16)
    parser.add_argument("--ranked", type=int, default=0, help="questions ranked twice")
    parser.add_argument("--answers", type=int, default=0, help="questions answered twice")
    parser.add_argument("--memory", type=Path, help="has features of the documents already")
    parser.add_argument("--whole", action="store_true", help="ask all of that memory")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--dtype", default="auto")
    options = parser.parse_args()
    loaded = Engine.load(dtype=options.dtype, offline=True)
    engine = Engine(loaded.backbone, loaded.adapter, key_bytes=0)
    groups = joined(
        options.folder,
        join=options.join,
        limit=options.limit,
        draw=random.Random(options.seed),
        fill=options.fill,
        others=options.others,
    )
    hits, sizes, rows = [], [], []
    answered = -(-options.answers // len(groups))
    ranked = max(answered, -(-options.ranked // len(groups)))
    opened = zip(groups, memories_of(engine, groups, options.memory), strict=True)
    if options.whole:
        opened = (among(group, options.memory) for group in groups)
    for group, memory in opened:
        sizes.append(len(memory.segment_lengths))
        collection = engine.answerer(memory).collection
        for each in group.asked:
            chosen = collection.best_segments(each[1].text, most=options.segments)
            hits.append(holds(memory, each, chosen))
        if ranked:  # computes all features
            engine.answerer(memory, segments=0).steer([group.asked[0][1].text])
        for number, each in enumerate(group.asked[:ranked]):
            rows.append(_ranked_both(engine, memory, each, options.segments))
            if number < answered:
                rows[-1] |= _answered_both(engine, memory, each[1], options.segments)
    found: dict[str, Any] = {"set": options.folder.name, "join": options.join}
    if options.fill:
        found["fill"] = options.fill
    found |= {"segments": sizes, "questions": len(hits), "found": round(100 * mean(hits), 1)}
    print(json.dumps(found | _summary(rows)), flush=True)


def _ranked_both(
    engine: Engine, memory: MemoryContents, asked: Asked, segments: int
) -> dict[str, float]:
    """Whether a question's best passages touch its evidence, with all segments and the chosen."""
    number, question = asked
    found = {}
    for name, most in zip(WAYS, (0, segments), strict=True):
        answerer = engine.answerer(memory, segments=most)
        (scores,) = answerer.rank([question.text], answerer.steer([question.text]))
        best = answerer.collection.index.passages.ordered(ranking(scores)[:DEPTH])
        touched = [p.document == number and question.touches(p.start, p.end) for p in best]
        found[f"recall_{name}"] = 100.0 * any(touched)
    return found


def _answered_both(
    engine: Engine, memory: MemoryContents, question: Question, segments: int
) -> dict[str, float]:
    """A question's figures with all segments and with the chosen."""
    found: dict[str, float] = {}
    said, cited = [], []
    for name, most in zip(WAYS, (0, segments), strict=True):
        answer = engine.ask(memory, question.text, segments=most)
        sample = Sample("", "", "", question.text, None, question.answers, "f1", 1, "none")
        (loss,) = answer_losses(
            engine, memory, [sample], method="auto", window="evidence", segments=most
        )
        found[f"f1_{name}"] = 100 * best_f1(answer.answer, question.answers)
        found[f"loss_{name}"] = loss
        found[f"steering_s_{name}"] = answer.timings.compress_s
        said.append(answer.answer)
        cited.append([each.quote for each in answer.citations[:1]])
    found["same_answer"] = 100.0 * (said[0] == said[1])
    found["same_first_citation"] = 100.0 * (cited[0] == cited[1])
    return found


def _summary(rows: Sequence[dict[str, float]]) -> dict[str, Any]:
    """Means over the questions, and of what was measured both ways the paired difference."""
    found: dict[str, Any] = {}
    for counted, names in (("ranked", ["recall"]), ("answered", ["f1", "loss", "steering_s"])):
        own = [row for row in rows if f"{names[0]}_all" in row]
        if own:
            found[counted] = len(own)
        for name in names if own else []:
            every, chosen = (np.array([[row[f"{name}_{way}"]] for row in own]) for way in WAYS)
            apart = paired_difference(chosen, every, _only)
            means = {"all": every.mean(), "two_stages": chosen.mean()}
            found |= {f"{name}_{way}": round(float(v), 3) for way, v in means.items()}
            three = (apart.value, apart.low, apart.high)
            found[f"{name}_difference"] = [round(v, 3) for v in three]
    alike = [row for row in rows if "same_answer" in row]
    if alike:
        same = ("same_answer", "same_first_citation")
        found |= {name: round(mean(row[name] for row in alike), 1) for name in same}
    return found


def _only(means: Array) -> Array:
    return np.asarray(means[..., 0])


if __name__ == "__main__":
    main()
