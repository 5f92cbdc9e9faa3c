"""What segments that a question leaves out are worth: away, or as latents that know no question.

    python scripts/left_out_segments.py DIR... [--join 8] [--limit 40] [--memory FILE]

Documents of a set are opened together, `--join` in a memory. Method qd-lcirc, the question alone
in the window and with passages. A question steers all segments; the best 16, the others away; or
the best 16, and the others stand in their places as the states of the memory file (LCIRC), with
the least or the mean odds of the steered latents. Prints a JSON line for each set and window:
nats a token of the gold answer, and what the last three are above the first, with their 95 %
bootstrap intervals over questions.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from joined import Asked, joined, memories_of
from losses import losses_of
from torch import Tensor

from lcirc_cli.answering.answerer import Answerer
from lcirc_cli.bench.report.statistics import paired_difference
from lcirc_cli.bench.sample import Sample
from lcirc_cli.engine import Engine
from lcirc_cli.memory.contents import MemoryContents
from lcirc_cli.model import Memory

MOST = 16
WAYS = ("all", "away", "least odds", "mean odds")
ODDS: dict[str, Callable[[Tensor], Tensor]] = {"least odds": torch.min, "mean odds": torch.mean}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folders", nargs="+", type=Path, metavar="DIR")
    parser.add_argument("--join", type=int, default=8)
    parser.add_argument("--limit", type=int, default=40, help="questions of a set")
    parser.add_argument("--memory", type=Path, help="has features of the documents already")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--dtype", default="auto")
    options = parser.parse_args()
    engine = Engine.load(dtype=options.dtype, offline=True)
    for folder in options.folders:
        drawn = random.Random(options.seed)
        groups = joined(folder, join=options.join, limit=options.limit, draw=drawn)
        losses: dict[str, list[list[float]]] = {"none": [], "evidence": []}
        sizes = []
        for group, memory in zip(groups, memories_of(engine, groups, options.memory), strict=True):
            sizes.append(len(memory.segment_lengths))
            for asked in group.asked:
                for window, rows in losses.items():
                    rows.append(_losses(engine, memory, asked, window))
        for window, rows in losses.items():
            line = {"set": folder.name, "window": window, "segments": sizes, **_figures(rows)}
            print(json.dumps(line), flush=True)


def _losses(engine: Engine, memory: MemoryContents, asked: Asked, window: str) -> list[float]:
    """The loss of one question in each of WAYS."""
    question = asked[1]
    sample = Sample("", "", "", question.text, None, question.answers, "f1", 1, "none")
    found = []
    for most in (0, MOST):
        answerer = engine.answerer(memory, method="qd-lcirc", window=window, segments=most)
        steered = answerer.steer([question.text])
        ranked = answerer.rank([question.text], steered) if window == "evidence" else None
        assert steered.memory is not None
        reads = [steered.memory]
        if most:
            chosen = steered.chosen[0]
            reads += [_with_states(answerer, memory, reads[0], chosen, ODDS[w]) for w in ODDS]
        for read in reads:
            found += losses_of(answerer, [sample], memory=read, ranked=ranked)
    return found


def _with_states(
    answerer: Answerer,
    memory: MemoryContents,
    steered: Memory,
    chosen: tuple[int, ...],
    odds: Callable[[Tensor], Tensor],
) -> Memory:
    """A memory of all segments, those that are not `chosen` as they are without a question."""
    latents = answerer.adapter.config.num_latents
    states_MD = memory.states[:].to(steered.states_BMD)
    prior = steered.prior_BM
    prior_M = None if prior is None else prior.new_full((len(states_MD),), float(odds(prior)))
    for at, number in enumerate(chosen):
        own = slice(at * latents, (at + 1) * latents)
        place = slice(number * latents, (number + 1) * latents)
        states_MD[place] = steered.states_BMD[0, own]
        if prior_M is not None and prior is not None:
            prior_M[place] = prior[0, own]
    return Memory(states_MD[None], prior_BM=None if prior_M is None else prior_M[None])


def _figures(rows: list[list[float]]) -> dict[str, object]:
    values = np.array(rows)
    found: dict[str, object] = {"questions": len(rows)}
    for at, way in enumerate(WAYS):
        found[way] = round(float(values[:, at].mean()), 3)
    for at, way in enumerate(WAYS[1:], start=1):
        apart = paired_difference(values[:, [at]], values[:, [0]], lambda means: means[..., 0])
        three = (apart.value, apart.low, apart.high)
        found[f"{way} - all"] = [round(each, 3) for each in three]
    return found


if __name__ == "__main__":
    torch.set_grad_enabled(False)
    main()
