"""How each benchmark shortens a prompt that is too long; one that fits is never touched.

InfiniteBench and LongBench keep the first and the last half of the whole prompt's tokens and
decode them; L-Eval keeps the head of the document, in words. Knows tokenizers only by `Tokens`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

HEAD_STEP = 250  # words that L-Eval takes away at a time


class Tokens(Protocol):
    """The part of a tokenizer that truncation needs."""

    def encode(self, text: str, /, **options: Any) -> list[int]: ...

    def decode(self, ids: Sequence[int], /, **options: Any) -> str: ...


@dataclass(frozen=True)
class Fitted:
    """A text that fits, and what that cost.

    Attributes:
        dropped: tokens of the original that are gone.
    """

    text: str
    dropped: int


def middle(text: str, *, limit: int, tokens: Tokens, join: bool = False) -> Fitted:
    """The first limit // 2 and the last limit // 2 tokens of `text`, as text again.

    Args:
        join: decode both halves at once (InfiniteBench); otherwise each alone, as LongBench
            does, which differs where a character spans the cut.

    Raises:
        ValueError: there is no room for a token on each side.
    """
    half = limit // 2
    ids = tokens.encode(text)
    if len(ids) <= limit:
        return Fitted(text, 0)
    if half < 1:
        raise ValueError(f"no prompt fits into {limit} tokens")
    if join:
        kept = _decode(tokens, [*ids[:half], *ids[-half:]])
    else:
        kept = _decode(tokens, ids[:half]) + _decode(tokens, ids[-half:])
    return Fitted(kept, len(ids) - 2 * half)


def head_words(text: str, *, limit: int, tokens: Tokens) -> Fitted:
    """The longest head that L-Eval's loop reaches: `limit` words, then 250 fewer at a time."""
    before = after = len(tokens.encode(text))
    taken_away = 0
    while after > limit and text:
        text = " ".join(text.split(" ")[: max(0, limit - taken_away)])
        taken_away += HEAD_STEP
        after = len(tokens.encode(text))
    return Fitted(text, max(0, before - after))


def leval_limit(positions: int, *, max_new_tokens: int, around: int) -> int:
    """Document tokens that L-Eval allows a model with so many positions.

    Its scripts count a "4k" model as 4,000 positions, take the answer's length off and leave
    the rest of the prompt uncounted; where that would not fit, `around` (the tokens of the
    prompt without the document) is taken off the real positions instead.
    """
    official = positions * 1000 // 1024 - max_new_tokens
    return max(0, min(official, positions - max_new_tokens - around))


def paper_middle(ids: Sequence[int], *, limit: int) -> list[int]:
    """The published LCIRC evaluation's cut, which has no length check (reference D.3, 1).

    A prompt shorter than `limit` comes out with its middle, or all of it, twice.
    """
    half = limit // 2
    return [*ids[:half], *ids[-half:]]


def _decode(tokens: Tokens, ids: Sequence[int]) -> str:
    return tokens.decode(ids, skip_special_tokens=True)
