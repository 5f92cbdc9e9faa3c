"""What part of a text a system reads, as passages and as tokens."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lcirc_cli.backbones.loading import Backbone
from lcirc_cli.evidence.index import PassageIndex

from ..sample import TextSample

Ranges = tuple[tuple[int, int], ...]


def best_passages(
    index: PassageIndex, order: NDArray[np.integer[Any]], *, budget: int
) -> tuple[list[str], Ranges]:
    """Texts that fit in `budget` tokens, in document order; and all ranges, best first."""
    chosen: list[int] = []
    used = 0
    for number in order:
        passage = index.passages[number]
        size = passage.end_token - passage.first_token
        if used + size > budget and chosen:
            break
        chosen.append(int(number))
        used += size
    ranges = tuple((index.passages[n].start, index.passages[n].end) for n in order[:10])
    return [index.text(number) for number in sorted(chosen)], ranges


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
    tokenizer: Any = backbone.tokenizer
    return tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
