"""Small memories with made-up states, for tests that need no model."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lcirc_cli.documents.document import Page
from lcirc_cli.evidence import texts_of, words_of
from lcirc_cli.memory.blocks import hashes
from lcirc_cli.memory.container import HASH_AT, HASH_LENGTH, TABLE
from lcirc_cli.memory.contents import Fingerprints, MemoryContents, StoredDocument
from lcirc_cli.memory.words import PassageWords

FINGERPRINTS = Fingerprints("tiny", "b" * 64, "t" * 64, "plain", "a" * 64)
LATENTS, WIDTH, SEGMENT = 2, 4, 5


def make_document(
    text: str, *, name: str = "book.pdf", pages: Sequence[Page] = ()
) -> StoredDocument:
    """A document whose tokens are runs of three characters; the indices count from 0."""
    tokens = -(-len(text) // 3)
    return StoredDocument(
        name=name,
        sha256="d" * 64,
        format="pdf",
        text=text,
        pages=tuple(pages) or (Page(1, None, 0, len(text)),),
        page_count=max(1, len(pages)),
        empty_pages=(),
        notes=(),
        first_token=0,
        num_tokens=tokens,
        first_segment=0,
        num_segments=-(-tokens // SEGMENT),
    )


def make_contents(
    documents: Sequence[StoredDocument],
    *,
    seed: int = 0,
    latents: int = LATENTS,
    width: int = WIDTH,
    features: dict[str, Tensor] | None = None,
    words: bool = False,
) -> MemoryContents:
    """A memory of these documents; their token and segment indices are put in order here.

    Args:
        words: with their words' index.
    """
    placed: list[StoredDocument] = []
    starts: list[Tensor] = []
    lengths: list[int] = []
    token = segment = 0
    for document in documents:
        placed.append(replace(document, first_token=token, first_segment=segment))
        starts.append(torch.arange(document.num_tokens) * 3)
        whole, rest = divmod(document.num_tokens, SEGMENT)
        lengths += [SEGMENT] * whole + [rest] * (rest > 0)
        token += document.num_tokens
        segment += document.num_segments
    random = torch.Generator().manual_seed(seed)
    contents = MemoryContents(
        documents=tuple(placed),
        token_ids=torch.randint(0, 49_152, (token,), dtype=torch.int32, generator=random),
        token_starts=torch.cat(starts) if starts else torch.zeros(0, dtype=torch.int64),
        segment_lengths=lengths,
        states=torch.randn(segment * latents, width, generator=random).bfloat16(),
        features=features or {},
        settings={"segment_length": SEGMENT, "num_latents": latents},
        fingerprints=FINGERPRINTS,
    )
    return replace(contents, words=words_of(texts_of([contents]))) if words else contents


def same(one: MemoryContents, other: MemoryContents) -> bool:
    """Whether two memories hold the same, bit for bit (their files' hashes aside)."""
    if one.features.keys() != other.features.keys():
        return False
    tensors = [
        (one.token_ids[:], other.token_ids[:]),
        (one.token_starts[:], other.token_starts[:]),
        (one.states[:], other.states[:]),
        *((one.features[name][:], other.features[name][:]) for name in one.features),
    ]
    return (
        one.documents == other.documents
        and one.segment_lengths == other.segment_lengths
        and one.settings == other.settings
        and one.fingerprints == other.fingerprints
        and same_words(one.words, other.words)
        and all(
            (a.dtype, a.shape) == (b.dtype, b.shape) and torch.equal(_bytes(a), _bytes(b))
            for a, b in tensors
        )
    )


def same_words(one: PassageWords | None, other: PassageWords | None) -> bool:
    """Whether two indexes of words are the same, number by number."""
    if one is None or other is None:
        return one is other
    return (one.version, one.vocabulary, one.term_ids.dtype) == (
        other.version,
        other.vocabulary,
        other.term_ids.dtype,
    ) and all(
        np.array_equal(a, b)
        for a, b in [
            (one.counts, other.counts),
            (one.passages, other.passages),
            (one.term_ids, other.term_ids),
        ]
    )


def _bytes(tensor: Tensor) -> Tensor:
    if not tensor.numel():  # what is empty may have a stride that can't be viewed
        return torch.zeros(0, dtype=torch.uint8)
    return tensor.contiguous().reshape(-1).view(torch.uint8)


def split(data: bytes) -> tuple[dict[str, Any], bytes]:
    """The header's fields and the data behind them, without the hashes of the data."""
    length = int.from_bytes(data[:8], "little")
    fields = json.loads(data[8 : 8 + length])
    table = fields.pop(TABLE)["data_offsets"][0]
    return fields, data[8 + length :][:table]


def signed(fields: dict[str, Any], data: bytes) -> bytes:
    """A file of a header's fields and data, with hashes that fit: what a broken writer leaves."""
    table = hashes([data])
    size = len(data)
    metadata = fields["__metadata__"]
    if isinstance(metadata, dict):
        metadata = {"sha256": "0" * HASH_LENGTH, **metadata}
        metadata |= {"sha256": "0" * HASH_LENGTH, TABLE: hashlib.sha256(table).hexdigest()}
    entry = {
        "dtype": "U8",
        "shape": [len(table) // 32, 32],
        "data_offsets": [size, size + len(table)],
    }
    header = json.dumps(
        {**fields, "__metadata__": metadata, TABLE: entry}, separators=(",", ":")
    ).encode()
    header += b" " * (-len(header) % 8)
    return rehash(len(header).to_bytes(8, "little") + header + data + table)


def rehash(data: bytes) -> bytes:
    """The file's bytes with a hash of the header that fits it."""
    end = HASH_AT + HASH_LENGTH
    header = data[: 8 + int.from_bytes(data[:8], "little")]
    zeroed = header[:HASH_AT] + b"0" * HASH_LENGTH + header[end:]
    return data[:HASH_AT] + hashlib.sha256(zeroed).hexdigest().encode("ascii") + data[end:]


def temporary_files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.endswith(".tmp"))


def with_metadata(path: Path, change: Callable[[dict[str, str]], None]) -> None:
    """Changes the header's metadata as another program would, with a hash that fits."""
    fields, data = split(path.read_bytes())
    change(fields["__metadata__"])
    path.write_bytes(signed(fields, data))
