"""How often the latents find the gold evidence: python scripts/latent_recall.py DIR... [options]

Each DIR is in the documents + qa form; each document is searched alone, in the passages that
`lcirc ask` uses. Prints a JSON line a set with recall@1, 3 and 5 in percent of the questions that
have evidence (a passage among the best touches it), for
    bm25      words alone
    latents   the adapter's score: mean over pairs of head and latent (model/evidence.py)
    any       its log-sum-exp over the pairs too, the form that the mean replaced
    fused     bm25 and latents by reciprocal rank, as `lcirc ask` ranks with a trained adapter
"""

from __future__ import annotations

import argparse
import json
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from qa_sets import Labelled, Question, read_set, texts_without_tokens
from torch import Tensor

from lcirc_cli.backbones.loading import Backbone, load_backbone
from lcirc_cli.evidence import PassageIndex, fuse, ranking
from lcirc_cli.files import cache_dir, make_folder
from lcirc_cli.model import LcircForCausalLM, passage_scores
from lcirc_cli.training.config import make_settings
from lcirc_cli.training.data.corpus import load_corpus, tokenise
from lcirc_cli.training.data.feature_cache import FeatureCache
from lcirc_cli.training.methods.adapter import build_model, calibrate
from lcirc_cli.training.methods.objectives import evidence_scores
from lcirc_cli.training.methods.stages import question_keys

DEPTHS = (1, 3, 5)
AT_ONCE = 8  # questions


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folders", nargs="+", type=Path, metavar="DIR")
    parser.add_argument("--adapter", default="", help="a trained one; else the untrained start")
    parser.add_argument("--calibrate", metavar="DIR", help="training set of the untrained start")
    parser.add_argument("--limit", type=int, default=20, metavar="N", help="questions a document")
    options = parser.parse_args()
    backbone = load_backbone("smollm2", device="cpu")
    model = build_model(make_settings("smollm2-cpu", {"init": options.adapter}), backbone)
    folder = make_folder(cache_dir() / "features")
    cache = FeatureCache(model, folder, fingerprint=backbone.fingerprint)
    if options.calibrate:
        calibrate(model, load_corpus([options.calibrate], backbone), cache)
    for each in options.folders:
        hits: Counter[str] = Counter()
        questions = 0
        for document in read_set(each):
            for found in search(model, backbone, cache, document, limit=options.limit):
                hits.update(found)
                questions += 1
        shares = {name: round(100 * hits[name] / questions, 1) for name in sorted(hits)}
        print(json.dumps({"set": each.name, "questions": questions, **shares}), flush=True)


@torch.no_grad()
def search(
    model: LcircForCausalLM,
    backbone: Backbone,
    cache: FeatureCache,
    document: Labelled,
    *,
    limit: int,
) -> Iterator[list[str]]:
    """For `limit` questions about a document, always the same: the figures each counts for."""
    index = PassageIndex(texts_without_tokens([document.text]))
    tokens = tokenise(document.id, document.text, backbone)
    ranges = [tokens.tokens_of(passage.start, passage.end) for passage in index.passages]
    n = model.adapter.config.segment_length
    segments = list(cache.segments(tokens, 0, 1 << 40, n))
    asked = [question for question in document.questions if question.evidence]
    # Not the first ones: they are about a document's beginning.
    asked = random.Random(document.id).sample(asked, min(limit, len(asked)))
    for start in range(0, len(asked), AT_ONCE):
        rows = asked[start : start + AT_ONCE]
        question = question_keys(model, backbone, [row.text for row in rows])
        scores_BRN = evidence_scores(model, question, segments)
        means, anys = passage_scores(scores_BRN, ranges), any_scores(scores_BRN, ranges)
        for row, mean, loudest in zip(rows, means.numpy(), anys.numpy(), strict=True):
            words = index.scores(row.text)
            kinds = {"bm25": words, "latents": mean, "any": loudest, "fused": fuse([words, mean])}
            yield [
                f"{kind}@{depth}"
                for kind, scores in kinds.items()
                for depth in DEPTHS
                if touches(row, index, scores, depth)
            ]


def any_scores(scores_BRN: Tensor, ranges: list[tuple[int, int]]) -> Tensor:
    """Log-sum-exp over a passage's tokens and all pairs, [B, P]."""
    columns = [scores_BRN[:, :, start:end].logsumexp(dim=(1, 2)) for start, end in ranges]
    return torch.stack(columns, dim=1)


def touches(question: Question, index: PassageIndex, scores: np.ndarray, depth: int) -> bool:
    best = [index.passages[number] for number in ranking(scores)[:depth].tolist()]
    return any(question.touches(passage.start, passage.end) for passage in best)


if __name__ == "__main__":
    main()
