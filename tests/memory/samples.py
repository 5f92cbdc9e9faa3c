"""Small memories with made-up states, for tests that need no model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from lcirc_cli.documents.document import Page
from lcirc_cli.memory.container import HASH_AT, HASH_LENGTH
from lcirc_cli.memory.contents import Fingerprints, MemoryContents, StoredDocument

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
) -> MemoryContents:
    """A memory of these documents; their token and segment indices are put in order here."""
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
    return MemoryContents(
        documents=tuple(placed),
        token_ids=torch.randint(0, 49_152, (token,), dtype=torch.int32, generator=random),
        token_starts=torch.cat(starts) if starts else torch.zeros(0, dtype=torch.int64),
        segment_lengths=lengths,
        states=torch.randn(segment * latents, width, generator=random).bfloat16(),
        features=features or {},
        settings={"segment_length": SEGMENT, "num_latents": latents},
        fingerprints=FINGERPRINTS,
    )


def same(one: MemoryContents, other: MemoryContents) -> bool:
    """Whether two memories hold the same, bit for bit (their files' hashes aside)."""
    tensors = [
        (one.token_ids, other.token_ids),
        (one.token_starts, other.token_starts),
        (one.states, other.states),
        *((one.features[name], other.features.get(name)) for name in one.features),
    ]
    return (
        one.documents == other.documents
        and one.segment_lengths == other.segment_lengths
        and one.settings == other.settings
        and one.fingerprints == other.fingerprints
        and one.features.keys() == other.features.keys()
        and all(
            b is not None
            and (a.dtype, a.shape) == (b.dtype, b.shape)
            and torch.equal(_bytes(a), _bytes(b))
            for a, b in tensors
        )
    )


def _bytes(tensor: Tensor) -> Tensor:
    if not tensor.numel():  # what is empty may have a stride that can't be viewed
        return torch.zeros(0, dtype=torch.uint8)
    return tensor.contiguous().reshape(-1).view(torch.uint8)


def rehash(data: bytes) -> bytes:
    """The file's bytes with a hash that fits them: what a broken writer would leave."""
    import hashlib

    end = HASH_AT + HASH_LENGTH
    digest = hashlib.sha256(data[:HASH_AT] + b"0" * HASH_LENGTH + data[end:]).hexdigest()
    return data[:HASH_AT] + digest.encode("ascii") + data[end:]


def temporary_files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.endswith(".tmp"))
