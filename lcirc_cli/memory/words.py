"""The words' index of a memory: its passages and the terms of each, in order.

Terms are numbers, counted as they first occur; the vocabulary holds them as they are written, each
followed by a line break, so that a term is found by one search and no table of strings is made.
What the terms are, and how passages are ranked by them, is evidence/'s to say. Never imports torch.

    words.passages    I32 [P, 6]    first character, one past the last, first token, one past the
                                    last (both of its own document), terms, 1 for contents' lines
    words.vocabulary  U8  [bytes]
    words.term_ids    U16 or I32 [W]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

START, END, FIRST_TOKEN, END_TOKEN, TERMS, CONTENTS = range(6)
_SMALL = 1 << 16  # terms that 16 bits can number


@dataclass(frozen=True, eq=False)
class Terms:
    """Sequences of terms. V terms in all, W of them in a row."""

    vocabulary: bytes  # each of the V terms in UTF-8 with a line break behind it
    ids: np.ndarray  # uint16 or int32 [W]
    lengths: np.ndarray  # [P], terms of each sequence

    def number(self, term: str) -> int:
        """Which term it is; -1 where there is none."""
        written = encoded(term)
        if self.vocabulary.startswith(written):
            return 0
        at = self.vocabulary.find(b"\n" + written)
        return -1 if at < 0 else self.vocabulary.count(b"\n", 0, at + 1)


@dataclass(frozen=True, eq=False)
class PassageWords:
    """The passages of documents with their terms."""

    version: int  # of the rules by which passages and terms are made
    counts: np.ndarray  # int64 [documents], passages of each
    passages: np.ndarray  # int32 [P, 6], as above
    vocabulary: bytes
    term_ids: np.ndarray  # uint16 or int32 [W]

    @property
    def terms(self) -> Terms:
        return Terms(self.vocabulary, self.term_ids, self.passages[:, TERMS])


def encoded(term: str) -> bytes:
    """A term as the vocabulary holds it."""
    return term.encode("utf-8", "surrogatepass") + b"\n"


def numbered(sequences: Sequence[Sequence[str]]) -> Terms:
    """Terms of texts as numbers."""
    ids: dict[str, int] = {}
    flat = [ids.setdefault(term, len(ids)) for sequence in sequences for term in sequence]
    lengths = np.array([len(sequence) for sequence in sequences], np.int64)
    return Terms(b"".join(map(encoded, ids)), compact(flat, len(ids)), lengths)


def compact(ids: Sequence[int] | np.ndarray, size: int) -> np.ndarray:
    """Numbers of `size` terms in the smallest form."""
    return np.array(ids, np.uint16 if size <= _SMALL else np.int32)


def join_words(parts: Sequence[PassageWords]) -> PassageWords | None:
    """The index of all documents of `parts`, as if made at once; None: by several rules."""
    if len({part.version for part in parts}) != 1:
        return None
    known: dict[bytes, int] = {}
    ids = []
    for part in parts:
        own = part.vocabulary.split(b"\n")[:-1]
        numbers = np.array([known.setdefault(term, len(known)) for term in own], np.int64)
        ids.append(numbers[part.term_ids])
    return PassageWords(
        version=parts[0].version,
        counts=np.concatenate([part.counts for part in parts]),
        passages=np.concatenate([part.passages for part in parts]),
        vocabulary=b"".join(term + b"\n" for term in known),
        term_ids=compact(np.concatenate(ids), len(known)),
    )


def take_words(words: PassageWords, documents: Sequence[int]) -> PassageWords:
    """The index of these documents, in this order, as if made for them alone."""
    edges = np.concatenate([[0], np.cumsum(words.counts)])
    each = [np.arange(edges[number], edges[number + 1]) for number in documents]
    kept = np.concatenate([np.zeros(0, np.int64), *each])
    at = np.concatenate([[0], np.cumsum(words.passages[:, TERMS], dtype=np.int64)])
    spans = list(pairwise(at.tolist()))
    ids = np.concatenate([words.term_ids[:0], *(words.term_ids[slice(*spans[p])] for p in kept)])
    used, first, numbers = np.unique(ids, return_index=True, return_inverse=True)
    order = np.argsort(first)  # terms are counted as they first occur
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    written = words.vocabulary.split(b"\n")
    return PassageWords(
        version=words.version,
        counts=words.counts[list(documents)],
        passages=words.passages[kept],
        vocabulary=b"".join(written[used[number]] + b"\n" for number in order),
        term_ids=compact(place[numbers], len(used)),
    )


def check_words(words: PassageWords, *, characters: Sequence[int], tokens: Sequence[int]) -> None:
    """Whether an index fits its documents: their lengths in characters and in tokens.

    Raises:
        ValueError: it doesn't; one line that says what.
    """
    rows, counts = words.passages.astype(np.int64), words.counts
    if len(counts) != len(characters) or (counts < 0).any() or int(counts.sum()) != len(rows):
        raise ValueError("the passages of the words' index are not those of the documents")
    size = words.vocabulary.count(b"\n")
    if words.vocabulary and not words.vocabulary.endswith(b"\n"):
        raise ValueError("the vocabulary of the words' index is cut off")
    if (rows[:, TERMS] < 0).any() or int(rows[:, TERMS].sum()) != len(words.term_ids):
        raise ValueError("the terms of the words' index don't add up")
    if len(words.term_ids) and not 0 <= words.term_ids.min() <= words.term_ids.max() < size:
        raise ValueError("a term of the words' index is out of range")
    if not np.isin(rows[:, CONTENTS], (0, 1)).all():
        raise ValueError("a mark of the words' index is neither 0 nor 1")
    limits = zip(characters, tokens, pairwise([0, *np.cumsum(counts).tolist()]), strict=True)
    for length, count, (first, end) in limits:
        own = rows[first:end]
        fits = _side_by_side(own[:, START], own[:, END], 0, length) and _side_by_side(
            own[:, FIRST_TOKEN], own[:, END_TOKEN], 0, count
        )
        # A text's tokens are divided among its passages.
        ends = not len(own) or (own[0, FIRST_TOKEN] == 0 and own[-1, END_TOKEN] == count)
        touch = (own[1:, FIRST_TOKEN] == own[:-1, END_TOKEN]).all()
        if not (fits and ends and touch):
            raise ValueError("the passages of the words' index don't fit their document")


def _side_by_side(starts: np.ndarray, ends: np.ndarray, least: int, most: int) -> bool:
    edges = np.stack([starts, ends], axis=1).reshape(-1)
    return bool((np.diff(edges, prepend=least, append=most) >= 0).all())
