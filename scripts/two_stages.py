"""What a question's first stage finds, and what leaving the other segments out does to answers.

    python scripts/two_stages.py DIR [--join 8] [--fill 64 --others DIR...] [--limit 300]
        [--segments 16...] [--ranked 0] [--answers 0] [--memory FILE [--whole]]

Documents of a set are opened together, `--join` in a memory; with --fill drawn documents of other
sets join them, before and behind, up to so many; with --whole they stand in a memory file that has
more. Prints a JSON line for each number of --segments: in percent of the questions with evidence
the share whose segment is among the chosen ones (`most` of them), with the segments of the
memories.

With --ranked N that many questions are ranked in both ways, with the chosen segments and with all:
how often the best three passages touch the evidence. With --answers N that many are answered too:
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
from losses import losses_of

from lcirc_cli.answering.answer import says_refusal
from lcirc_cli.answering.windows import BUDGETS
from lcirc_cli.bench.report.statistics import Array, paired_difference
from lcirc_cli.bench.sample import Sample
from lcirc_cli.bench.systems.texts import shown_passages
from lcirc_cli.engine import Engine
from lcirc_cli.evidence import citations, ranking
from lcirc_cli.memory.contents import MemoryContents
from lcirc_cli.qa.scoring import best_f1

DEPTH = 3  # as deep as a confidence looks
Said = dict[tuple[Any, ...], dict[str, Any]]  # answers by what they depend on
ALL = 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--join", type=int, default=8)
    parser.add_argument("--fill", type=int, default=0, help="documents of a memory, with others")
    parser.add_argument("--others", type=Path, nargs="*", default=[], metavar="DIR")
    parser.add_argument("--limit", type=int, default=300, help="questions")
    parser.add_argument("--segments", type=int, nargs="+", default=[16], metavar="N")
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
    sizes: list[int] = []
    hits: dict[int, list[bool]] = {most: [] for most in options.segments}
    rows: list[dict[int, dict[str, float]]] = []  # of each question what `ALL` and each most has
    answered = -(-options.answers // len(groups))
    ranked = max(answered, -(-options.ranked // len(groups)))
    opened = zip(groups, memories_of(engine, groups, options.memory), strict=True)
    if options.whole:
        opened = (among(group, options.memory) for group in groups)
    for group, memory in opened:
        sizes.append(len(memory.segment_lengths))
        collection = engine.answerer(memory).collection
        for each in group.asked:
            for most, found in hits.items():
                chosen = collection.best_segments(each[1].text, most=most)
                found.append(holds(memory, each, chosen))
        if ranked:  # computes all features
            engine.answerer(memory, segments=ALL).steer([group.asked[0][1].text])
        for number, each in enumerate(group.asked[:ranked]):
            said: Said | None = {} if number < answered else None
            ways = (ALL, *options.segments)
            one = {most: _asked(engine, memory, each, most, said) for most in ways}
            rows.append(one)
    about: dict[str, Any] = {"set": options.folder.name, "join": options.join}
    if options.fill:
        about["fill"] = options.fill
    for most, found in hits.items():
        line = about | {"most": most, "segments": sizes, "questions": len(found)}
        line["found"] = round(100 * mean(found), 1)
        print(json.dumps(line | _summary([(row[ALL], row[most]) for row in rows])), flush=True)


def _asked(
    engine: Engine, memory: MemoryContents, asked: Asked, most: int, said: Said | None
) -> dict[str, Any]:
    """A question's figures with so many segments: its best passages, and with them its answer.

    Args:
        said: what it is answered with other numbers of segments; None where it is not.
    """
    number, question = asked
    answerer = engine.answerer(memory, segments=most)
    steered = answerer.steer([question.text])
    (scores,) = answerer.rank([question.text], steered)
    index = answerer.collection.index
    best = ranking(scores)[:DEPTH].tolist()
    touched = [
        p.document == number and question.touches(p.start, p.end)
        for p in index.passages.ordered(best)
    ]
    found: dict[str, Any] = {"recall": 100.0 * any(touched)}
    if said is None:
        return found
    # Without latents the answer depends on these alone: what is the same is not generated again.
    (floor,) = answerer.judge().refuse_from([question.text], [scores]) or [None]
    shown = shown_passages(index, scores, question=question.text, budget=BUDGETS["evidence"])[0]
    key = (*shown, *best, floor, most if steered.memory is not None else None)
    if key not in said:
        (draft,) = answerer.drafts([question.text])
        text = answerer.judge().judge(question.text, draft.generated, scores=scores).text
        sample = Sample("", "", "", question.text, None, question.answers, "f1", 1, "none")
        (loss,) = losses_of(answerer, [sample], memory=steered.memory, ranked=[scores])
        said[key] = {"answer": text, "f1": 100 * best_f1(text, question.answers), "loss": loss}
    words = "" if says_refusal(said[key]["answer"]) else said[key]["answer"]
    cited = citations(question.text, words, index=index, scores=scores, limit=1)
    found |= {"steering_s": steered.seconds, "first_citation": [each.quote for each in cited]}
    return found | said[key]


def _summary(rows: Sequence[tuple[dict[str, Any], dict[str, Any]]]) -> dict[str, Any]:
    """Means over the questions, and of what was measured both ways the paired difference.

    Args:
        rows: of each question what all segments give, and what the chosen give.
    """
    found: dict[str, Any] = {}
    for counted, names in (("ranked", ["recall"]), ("answered", ["f1", "loss", "steering_s"])):
        own = [row for row in rows if names[0] in row[0]]
        if own:
            found[counted] = len(own)
        for name in names if own else []:
            every, chosen = (np.array([[row[way][name]] for row in own]) for way in (0, 1))
            apart = paired_difference(chosen, every, _only)
            means = {"all": every.mean(), "two_stages": chosen.mean()}
            found |= {f"{name}_{way}": round(float(v), 3) for way, v in means.items()}
            three = (apart.value, apart.low, apart.high)
            found[f"{name}_difference"] = [round(v, 3) for v in three]
    both = [row for row in rows if "answer" in row[0]]
    for name in ("answer", "first_citation") if both else ():
        same = mean(100.0 * (every[name] == chosen[name]) for every, chosen in both)
        found[f"same_{name}"] = round(same, 1)
    return found


def _only(means: Array) -> Array:
    return np.asarray(means[..., 0])


if __name__ == "__main__":
    main()
