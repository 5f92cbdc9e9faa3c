"""What part of a text a system reads, as passages and as tokens."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lcirc_cli.answering.windows import best_texts
from lcirc_cli.backbones.loading import Backbone
from lcirc_cli.backbones.tokens import encode
from lcirc_cli.evidence.index import PassageIndex, ranking

from ..sample import TextSample

Ranges = tuple[tuple[int, int], ...]


def shown_passages(
    index: PassageIndex, scores: NDArray[np.floating[Any]], *, question: str, budget: int
) -> tuple[list[str], Ranges]:
    """The texts that `lcirc ask` would show within `budget` tokens; and ten ranges, best first."""
    ranked = [index.passages[int(number)] for number in ranking(scores)]
    ranges = tuple((passage.start, passage.end) for passage in ranked[:10])
    return best_texts(index, ranked, budget, question=question)[0], ranges


def text_ids(backbone: Backbone, sample: TextSample) -> list[int]:
    """The tokens of a text's context, `context_tokens` of them.

    Raises:
        ValueError: there is nothing before the scored ones.
    """
    ids = _tokens(backbone, sample.document)
    ids = ids[max(0, sample.end_token - sample.context_tokens) : sample.end_token]
    if len(ids) <= sample.scored_tokens:
        raise ValueError(
            f"the text has {len(ids):,} tokens there, and {sample.scored_tokens:,} are scored"
        )
    return ids


def other_ids(backbone: Backbone, sample: TextSample, other: str) -> list[int]:
    """What stands in another text where the context of the scored tokens does: a control.

    As many tokens as that context has, where the other text is as long.
    """
    ids = _tokens(backbone, other)[: sample.end_token - sample.scored_tokens]
    return ids[-(sample.context_tokens - sample.scored_tokens) :]


def _tokens(backbone: Backbone, text: str) -> list[int]:
    ids: list[int] = encode(backbone.tokenizer, text)[0].tolist()
    return ids
