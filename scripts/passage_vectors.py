"""What a vector a passage would add to the first of a question's two stages.

    python scripts/passage_vectors.py DIR [--join 8] [--limit 300] [--seed 1] [--memory FILE]

The vector is the mean of the keys that the adapter makes of a passage's tokens, in 8 bits; a
question's is the mean of what its mixer looks for, so that their product is the mean of the
adapter's evidence scores. `tokens` are those scores themselves, of every token, as the second stage
has them of the segments that it reads. Prints a JSON line: in percent of the questions with
evidence the share whose segment is among the best so many by words, vectors, tokens, and by words
fused with either.
"""

from __future__ import annotations

import argparse
import json
import random
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from joined import holds, joined, memories_of
from torch import Tensor

from lcirc_cli.answering.collection import Collection
from lcirc_cli.backbones.tokens import encode_questions
from lcirc_cli.engine import Engine
from lcirc_cli.evidence import fuse
from lcirc_cli.model import passage_scores

SIZES = (1, 2, 4, 8, 16)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--join", type=int, default=8)
    parser.add_argument("--limit", type=int, default=300, help="questions")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--memory", type=Path, help="has features of the documents already")
    parser.add_argument("--dtype", default="auto")
    options = parser.parse_args()
    engine = Engine.load(dtype=options.dtype, offline=True)
    draw = random.Random(options.seed)
    groups = joined(options.folder, join=options.join, limit=options.limit, draw=draw)
    hits: Counter[str] = Counter()
    sizes = []
    for group, memory in zip(groups, memories_of(engine, groups, options.memory), strict=True):
        collection = engine.answerer(memory).collection
        sizes.append(len(memory.segment_lengths))
        keys_HNd = keys(engine, collection)
        places = collection.index.passages.rows[:, 3:]
        kept = vectors(keys_HNd, places)
        for each in group.asked:
            looking_HKd = queries(engine, each[1].text)
            tokens = looking_HKd @ keys_HNd.transpose(1, 2)
            ranges = [(first, end) for first, end in places.tolist()]
            by = {
                "words": collection.index.scores(each[1].text),
                "vectors": kept @ looking_HKd.mean(dim=1).reshape(-1).numpy(),
                "tokens": passage_scores(tokens.flatten(0, 1)[None], ranges)[0].numpy(),
            }
            for name in ("vectors", "tokens"):
                by[f"words_{name}"] = fuse([by["words"], by[name]])
            for name, scores in by.items():
                for most in SIZES:
                    chosen = collection.places.best(scores, places, most=most)
                    hits[f"{name}@{most}"] += holds(memory, each, chosen)
    asked = sum(len(group.asked) for group in groups)
    shares = {name: round(100 * count / asked, 1) for name, count in hits.items()}
    found = {"set": options.folder.name, "join": options.join, "segments": sizes}
    print(json.dumps(found | {"questions": asked, **shares}), flush=True)


@torch.no_grad()
def keys(engine: Engine, collection: Collection) -> Tensor:
    """Of every token for each head of the compressor's first layer, float32 [H, N, d]."""
    (segments,) = collection.segments
    made = [
        engine.model.adapter.keys(inputs).layers[0].k_BGNd.transpose(0, 1).flatten(1, 2).float()
        for _, inputs in segments.inputs(engine.model, segments.groups)
    ]
    return torch.cat(made, dim=1)


@torch.no_grad()
def queries(engine: Engine, question: str) -> Tensor:
    """What it looks for in each head, float32 [H, K, d]."""
    adapter = engine.model.adapter
    encoded = encode_questions(engine.backbone.tokenizer, [question])
    latents = adapter.latents[: adapter.config.evidence_latents or None][None]
    mixed = adapter.mixer(latents, engine.model.question_keys(*encoded))
    attention = adapter.perceiver.first.attention
    return attention.queries(mixed)[0].float() * attention.head_dim**-0.5


def vectors(keys_HNd: Tensor, places: np.ndarray) -> np.ndarray:
    """The mean key of each passage as 8 bits hold it, [P, H * d]."""
    means = torch.stack([keys_HNd[:, first:end].mean(dim=1).flatten() for first, end in places])
    scales = means.abs().amax(dim=1, keepdim=True) / 127
    return ((means / scales).round() * scales).numpy()


if __name__ == "__main__":
    main()
