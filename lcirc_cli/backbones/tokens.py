"""Text to tokens with the character at which each begins; long texts block by block.

The blocks overlap, and two neighbours are joined where both cut the text in the same way, so the
tokens are those of the whole text at once, while memory stays flat and all cores work. Knows
nothing about documents or models.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedTokenizerFast

BLOCK = 100_000  # characters
OVERLAP = 2_000
AGREED = 8  # tokens on either side of a seam that both blocks must have in common
_BLOCKS_AT_ONCE = 8
_SURROGATE = re.compile("[\ud800-\udfff]")

Tokens = tuple[np.ndarray, np.ndarray]  # ids int32 [N], starts int64 [N]


def encode(
    tokenizer: PreTrainedTokenizerFast, text: str, *, block: int = BLOCK, overlap: int = OVERLAP
) -> Tokens:
    """Token ids, int32 [N], and the first character of each, int64 [N], never decreasing.

    What looks like a special token in the text is text: a document can't end a turn. Half a
    surrogate pair is read as U+FFFD.
    """
    text = _SURROGATE.sub("\ufffd", text)
    if len(text) <= block:
        return next(_blocks(tokenizer, [text], [0]))
    begins = list(range(0, len(text) - overlap, block - overlap))
    pieces = [text[begin : begin + block] for begin in begins]
    ids: list[np.ndarray] = []
    starts: list[np.ndarray] = []
    left: Tokens | None = None
    for right in _blocks(tokenizer, pieces, begins):
        if left is not None:
            seam = _seam(left, right)
            if seam is None:  # e.g. a word longer than the overlap
                return next(_blocks(tokenizer, [text], [0]))
            at_left, at_right = seam
            ids.append(left[0][:at_left])
            starts.append(left[1][:at_left])
            right = (right[0][at_right:], right[1][at_right:])
        left = right
    assert left is not None
    return np.concatenate([*ids, left[0]]), np.concatenate([*starts, left[1]])


def encode_questions(
    tokenizer: PreTrainedTokenizerFast, questions: Sequence[str]
) -> tuple[Tensor, Tensor]:
    """Ids int64 and mask bool, [B, T] each, padded on the right: what the query mixer reads.

    As in `encode`, what looks like a special token is text.
    """
    import torch
    from torch.nn.utils.rnn import pad_sequence

    rows = [torch.from_numpy(encode(tokenizer, question)[0]).long() for question in questions]
    lengths_B = torch.tensor([len(row) for row in rows])
    ids_BT = pad_sequence(rows, batch_first=True)
    return ids_BT, torch.arange(ids_BT.shape[1])[None] < lengths_B[:, None]


def _blocks(
    tokenizer: PreTrainedTokenizerFast, pieces: list[str], begins: list[int]
) -> Iterator[Tokens]:
    for at in range(0, len(pieces), _BLOCKS_AT_ONCE):
        encoded = tokenizer(
            pieces[at : at + _BLOCKS_AT_ONCE],
            add_special_tokens=False,
            split_special_tokens=True,
            return_attention_mask=False,
            verbose=False,
        )
        for begin, one in zip(begins[at:], encoded.encodings, strict=False):
            offsets = np.fromiter((first for first, _ in one.offsets), np.int64, len(one.ids))
            yield np.array(one.ids, np.int32), np.maximum.accumulate(offsets) + begin


def _seam(left: Tokens, right: Tokens) -> tuple[int, int] | None:
    """Where to cut both: the most central place of the overlap with AGREED tokens around it."""
    first = int(np.searchsorted(left[1], right[1][0])) if len(right[1]) else 0
    ids, starts = left[0][first:], left[1][first:]
    places = np.searchsorted(right[1], starts)
    places = np.minimum(places, len(right[1]) - 1)
    same = (right[1][places] == starts) & (right[0][places] == ids)
    same[1:] &= np.diff(places) == 1
    run = np.convolve(same, np.ones(2 * AGREED, np.int64), mode="valid")
    found = np.flatnonzero(run == 2 * AGREED)
    if not len(found):
        return None
    centre = int(found[np.abs(found - len(run) // 2).argmin()]) + AGREED
    return first + centre, int(places[centre])
