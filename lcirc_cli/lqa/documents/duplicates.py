"""Removing documents that occur twice: exactly, and nearly (MinHash), by datatrove's steps.

Exact: the same text up to white space. Near: the same runs of five words, estimated with 14 bands
of 8 hashes; two documents are taken as one from a similarity of about 0.72 on. One document of
each group stays. What is ours here: words without a language model (datatrove's default wants
spaCy), signatures in blocks (a novel would need a gigabyte at once), and the list of what went.
"""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import xxhash
from datatrove.pipeline.dedup import exact_dedup as exact
from datatrove.pipeline.dedup import minhash
from datatrove.utils.word_tokenizers import WordTokenizer
from tqdm import tqdm

from lcirc_cli.evidence.sentences import UNSPACED
from lcirc_cli.executors.stage import Stage
from lcirc_cli.executors.trove import Document, PipelineStep

_WORD = re.compile(rf"[{UNSPACED}]|[^\W{UNSPACED}]+")
_FEW_SHARDS = 64  # up to so many, a band is compared in well under a second
_BLOCK = 8_192  # shingles whose hashes are held at once
_CONFIG = minhash.MinhashConfig()

# Bars for files that nobody waits for.
exact.tqdm = minhash.tqdm = partial(tqdm, disable=True)


class Words(WordTokenizer):  # type: ignore[misc]
    """Runs of letters and digits; single characters in scripts without spaces."""

    def word_tokenize(self, text: str) -> list[str]:
        return _WORD.findall(text)

    def sent_tokenize(self, text: str) -> list[str]:
        return [text]

    def span_tokenize(self, text: str) -> list[tuple[int, int]]:
        return [(0, len(text))]


class Signature(minhash.MinhashDedupSignature):  # type: ignore[misc]
    """datatrove's first MinHash step, block by block."""

    def __init__(self, folder: Path) -> None:
        super().__init__(str(folder), _CONFIG, language=Words())
        self._hash_func = hash_text

    def get_signature(self, shingles: np.ndarray) -> list[list[int]]:
        """The least hash of each kind over all shingles; uint64 [N, 1] to lists by band."""
        parts = [
            np.concatenate(super(Signature, self).get_signature(shingles[start : start + _BLOCK]))
            for start in range(0, len(shingles), _BLOCK)
        ]
        least = np.min(np.stack(parts), axis=0)
        bands = np.split(least.astype(_CONFIG.hash_config.np_dtype), _CONFIG.num_buckets)
        return [band.tolist() for band in bands]


class Removed:
    """Stands where datatrove wants a writer of removed documents: notes which and why."""

    def __init__(self, reason: str) -> None:
        self._reason = reason
        self.rows: list[dict[str, str]] = []

    def __enter__(self) -> Removed:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def write(self, document: Document, rank: int = 0) -> None:
        """Note a removed document."""
        self.rows.append({"id": document.id, "reason": self._reason, "detail": ""})


def hash_text(text: str) -> int:
    """A hash of 64 bits; datatrove's own hands xxhash a string, which its version 4 refuses."""
    return xxhash.xxh64_intdigest(text.encode("utf-8", "surrogatepass"))


def even_text(document: Document) -> bytes:
    """What two documents must share to be the same."""
    return " ".join(document.text.split()).encode("utf-8", "surrogatepass")


def stages(folder: Path, reader: PipelineStep, shards: int) -> list[Stage]:
    """The stages that find out which documents to remove; they write into `folder`."""
    exact_config = exact.ExactDedupConfig(content_getter=even_text)
    signatures, found = str(folder / "exact-signatures"), str(folder / "exact")
    bands = str(folder / "near-bands")
    return [
        Stage(
            "exact-signatures",
            [reader, exact.ExactDedupSignature(signatures, exact_config)],
            tasks=shards,
        ),
        Stage(
            "exact-find", [exact.ExactFindDedups(signatures, found, exact_config)], 1, light=True
        ),
        Stage(
            "near-signatures",
            [
                reader,
                exact.ExactDedupFilter(found, exact_config),
                Signature(folder / "near-signatures"),
            ],
            tasks=shards,
        ),
        Stage(
            "near-bands",
            [minhash.MinhashDedupBuckets(str(folder / "near-signatures"), bands, config=_CONFIG)],
            tasks=_CONFIG.num_buckets,
            light=shards <= _FEW_SHARDS,
        ),
        Stage(
            "near-groups",
            [minhash.MinhashDedupCluster(bands, str(folder / "near"), config=_CONFIG)],
            tasks=1,
            light=True,
        ),
    ]


def removal(folder: Path) -> tuple[list[Any], list[Removed]]:
    """The steps that leave the duplicates out of a shard, and where they note what went."""
    exactly, nearly = Removed("exact_duplicate"), Removed("near_duplicate")
    steps = [
        exact.ExactDedupFilter(
            str(folder / "exact"),
            exact.ExactDedupConfig(content_getter=even_text),
            exclusion_writer=exactly,
        ),
        minhash.MinhashDedupFilter(str(folder / "near"), exclusion_writer=nearly),
    ]
    return steps, [exactly, nearly]


def count_removed(folder: Path) -> int:
    """How many documents will be left out: the files hold four bytes for each."""
    exactly = (folder / "exact").rglob("*.c4_dup")
    files = [*exactly, *(folder / "near").glob("*.remove")]
    return sum(file.stat().st_size for file in files) // 4
