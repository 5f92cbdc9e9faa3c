"""Token ids and where each token begins, as a `.lcirc` file keeps them.

    token_ids         U16 [N]       the lower 16 bits
    token_ids_high    U8  [N]       the next 8 bits; only where the vocabulary needs them
    token_starts      U8  [N]       characters since the token before it in the same document
    token_start_jumps I64 [J]       the steps of 255 and more, in order (255 stands for them)

So a token costs 2 or 3 bytes and a byte for its place. How many jumps are a document's own stands
in its record, so that a document is read without those before it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from lcirc_cli.memory.arrays import array_part, read_array
from lcirc_cli.memory.checks import check_ids, check_starts
from lcirc_cli.memory.container import Container
from lcirc_cli.memory.contents import StoredDocument
from lcirc_cli.memory.writing import Part

JUMP = 255


def write_tokens(
    token_ids: np.ndarray, token_starts: np.ndarray, documents: Sequence[StoredDocument]
) -> tuple[list[Part], list[int]]:
    """Ids and starts, [N] each, as parts, and of each document how many jumps it has.

    Starts must not fall within a document.
    """
    parts = [array_part("token_ids", (token_ids & 0xFFFF).astype(np.uint16))]
    if len(token_ids) and int(token_ids.max()) > 0xFFFF:
        parts.append(array_part("token_ids_high", (token_ids >> 16).astype(np.uint8)))
    steps = np.diff(token_starts.astype(np.int64), prepend=0)
    for document in documents:
        if document.num_tokens:
            steps[document.first_token] = token_starts[document.first_token]
    far = steps >= JUMP
    jumps = [
        int(far[document.first_token : document.first_token + document.num_tokens].sum())
        for document in documents
    ]
    parts.append(array_part("token_starts", np.minimum(steps, JUMP).astype(np.uint8)))
    parts.append(array_part("token_start_jumps", steps[far].astype(np.int64)))
    return parts, jumps


class IdRows:
    """Token ids, int32 [N]."""

    dtype = torch.int32

    def __init__(self, container: Container, *, count: int) -> None:
        self._container = container
        self.shape = (count,)
        sizes = {"token_ids": "U16"}
        if "token_ids_high" in container.entries:
            sizes["token_ids_high"] = "U8"
        for name, dtype in sizes.items():
            entry = container.entries.get(name)
            if entry is None or (entry.dtype, entry.shape) != (dtype, self.shape):
                raise ValueError(f"the documents' tokens don't add up to {name}")
        self._high = "token_ids_high" in sizes

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice) -> Tensor:
        first, last, _ = rows.indices(len(self))
        ids = read_array(self._container, "token_ids", dtype="U16", rows=(first, last))
        ids = ids.astype(np.int32)
        if self._high:
            high = read_array(self._container, "token_ids_high", dtype="U8", rows=(first, last))
            ids |= high.astype(np.int32) << 16
        found = torch.from_numpy(ids)
        with self._container.consistent():
            check_ids(found)
        return found


@dataclass(frozen=True)
class Placed:
    """What the starts of a document's tokens are read by."""

    name: str
    characters: int
    first_token: int
    end_token: int
    first_jump: int
    end_jump: int


class StartRows:
    """First character of each token in its own document's text, int64 [N]."""

    dtype = torch.int64

    def __init__(self, container: Container, places: Sequence[Placed]) -> None:
        self._container, self._places = container, places
        self._ends = [place.end_token for place in places]
        self.shape = (self._ends[-1] if places else 0,)
        steps = container.entries.get("token_starts")
        jumps = container.entries.get("token_start_jumps")
        if steps is None or (steps.dtype, steps.shape) != ("U8", self.shape):
            raise ValueError("the documents' tokens don't add up to token_starts")
        far = places[-1].end_jump if places else 0
        if jumps is None or (jumps.dtype, jumps.shape) != ("I64", (far,)):
            raise ValueError("token_start_jumps are not those of the documents")

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice) -> Tensor:
        first, last, _ = rows.indices(len(self))
        found = [np.zeros(0, np.int64)]
        number = bisect_right(self._ends, first)
        while first < last:
            place = self._places[number]
            begin, stop = place.first_token, min(last, place.end_token)
            with self._container.consistent():
                found.append(self._of(place)[first - begin : stop - begin])
            first, number = stop, number + 1
        return torch.from_numpy(np.concatenate(found))

    def _of(self, place: Placed) -> np.ndarray:
        tokens = (place.first_token, place.end_token)
        steps = read_array(self._container, "token_starts", dtype="U8", rows=tokens)
        starts = steps.astype(np.int64)
        held = (place.first_jump, place.end_jump)
        jumps = read_array(self._container, "token_start_jumps", dtype="I64", rows=held)
        far = starts == JUMP
        if int(far.sum()) != len(jumps) or ((jumps < JUMP) | (jumps > place.characters)).any():
            raise ValueError(f"the token starts of {place.name!r} don't agree")
        starts[far] = jumps
        np.cumsum(starts, out=starts)
        check_starts(starts, characters=place.characters, name=place.name)
        return starts


def placed(
    documents: Sequence[StoredDocument], *, characters: Sequence[int], jumps: Sequence[int]
) -> list[Placed]:
    """Where the tokens and jumps of each document stand."""
    edges = np.concatenate([[0], np.cumsum(jumps, dtype=np.int64)]).tolist()
    return [
        Placed(d.name, length, d.first_token, d.first_token + d.num_tokens, first, end)
        for d, length, (first, end) in zip(documents, characters, pairwise(edges), strict=True)
    ]
