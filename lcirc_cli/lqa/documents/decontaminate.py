"""Drops documents that share 13 words in a row with a benchmark.

Words are runs of letters and digits, lower case; 13 of them in a row is the measure of Brown et
al. 2020 (GPT-3, appendix C). Every text in the benchmark's files counts: contexts, questions and
answers. The n-grams are kept as sorted 64-bit hashes, 8 bytes each; a hit is confirmed by nothing
further (a false one needs about 2**64 / n comparisons).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from lcirc_cli.errors import DocumentError, first_line
from lcirc_cli.files.schema import parse
from lcirc_cli.qa.rows import is_data_file, read_rows, whole_text

WORDS = 13
_WORD = re.compile(r"\w+")
_STEP = 0x9E3779B97F4A7C15  # odd, so that no power of it loses information
_BATCH = 2_000_000  # n-grams collected before they are made unique


class Decontaminator:
    """The 13-grams of benchmark files, and whether a text has one of them."""

    def __init__(self, hashes: np.ndarray) -> None:
        self._hashes = hashes  # uint64, sorted, unique

    @classmethod
    def from_files(cls, paths: Sequence[Path]) -> Decontaminator:
        """Read JSONL, JSON, Parquet or plain text files, compressed by gzip or not.

        Raises:
            DocumentError: a file can't be read, or holds no 13 words in a row.
        """
        parts = []
        for path in paths:
            found = _unique(_hash_grams(text) for text in _texts(path))
            if not len(found):
                raise DocumentError(
                    f"{path}: no text of {WORDS} words or more to decontaminate against"
                )
            parts.append(found)
        return cls(np.unique(np.concatenate(parts)) if parts else np.empty(0, np.uint64))

    def __len__(self) -> int:
        return len(self._hashes)

    def save(self, path: Path) -> None:
        """Keep the hashes in a .npy file (to be mapped into memory by every worker)."""
        with path.open("wb") as file:
            np.save(file, self._hashes)

    @classmethod
    def load(cls, path: Path) -> Decontaminator:
        """What `save` kept, mapped into memory."""
        return cls(np.load(path, mmap_mode="r"))

    def first_hit(self, text: str) -> str | None:
        """The first 13 words that a benchmark has as well, or None."""
        grams = _hash_grams(text)
        if not len(grams) or not len(self._hashes):
            return None
        places = np.searchsorted(self._hashes, grams)
        places[places == len(self._hashes)] = 0
        hits = np.flatnonzero(self._hashes[places] == grams)
        if not len(hits):
            return None
        return " ".join(_words(text)[hits[0] : hits[0] + WORDS])


def _words(text: str) -> list[str]:
    return _WORD.findall(unicodedata.normalize("NFKC", text).lower())


@cache
def _step_powers() -> np.ndarray:
    return np.array([pow(_STEP, index, 2**64) for index in range(WORDS)], np.uint64)


def _hash_grams(text: str) -> np.ndarray:
    """A hash for each 13 words in a row, uint64 [max(0, words - 12)]."""
    words = _words(text)
    count = len(words) - WORDS + 1
    if count <= 0:
        return np.empty(0, np.uint64)
    known: dict[str, int] = {}
    for word in words:
        if word not in known:
            digest = blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest()
            known[word] = int.from_bytes(digest, "little")
    hashes = np.fromiter((known[word] for word in words), np.uint64, len(words))
    total = np.zeros(count, np.uint64)
    for offset, power in enumerate(_step_powers()):
        total += hashes[offset : offset + count] * power  # wraps around, as meant
    return total


def _unique(parts: Iterator[np.ndarray]) -> np.ndarray:
    found, waiting, size = np.empty(0, np.uint64), [], 0
    for part in parts:
        waiting.append(part)
        size += len(part)
        if size >= _BATCH:
            found, waiting, size = np.unique(np.concatenate([found, *waiting])), [], 0
    return np.unique(np.concatenate([found, *waiting]))


def _texts(path: Path) -> Iterator[str]:
    if is_data_file(path):
        for row in read_rows(path):
            yield from _strings(row)
        return
    text = whole_text(path, errors="replace")
    try:
        is_json = path.name.removesuffix(".gz").endswith(".json")
        value = parse(text, "it", finite=False) if is_json else text
    except ValueError as error:
        raise DocumentError(f"{path}: {first_line(error)}") from error
    yield from _strings(value)


def _strings(value: Any) -> Iterator[str]:
    """All texts of a value, in their order, however deep they stand."""
    waiting = [value]
    while waiting:
        found = waiting.pop()
        if isinstance(found, str):
            yield found
        elif isinstance(found, dict):
            waiting += reversed(found.values())
        elif isinstance(found, list | tuple | np.ndarray):
            waiting += reversed(found)
