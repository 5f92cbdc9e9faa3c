"""Which documents make which shard: decided once, from what was prepared, never by workers.

A shard is a run of neighbouring documents over one or more of the prepared files. Ids that occur
more than once get a number behind them, so that each names one document.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from lcirc_cli.executors.trove import Document, PipelineStep
from lcirc_cli.files import atomic_write
from lcirc_cli.lqa.records import SourceDocument
from lcirc_cli.qa.rows import read_rows


@dataclass(frozen=True)
class Piece:
    """`count` documents of a prepared file, from number `first` on."""

    file: str
    first: int
    count: int
    renamed: dict[str, str]  # number within the piece to new id


@dataclass(frozen=True)
class ShardPlan:
    """The shards of a run, in order, and how many documents were dropped before, by reason."""

    shards: tuple[tuple[Piece, ...], ...]
    dropped: dict[str, int]

    @property
    def documents(self) -> int:
        """How many documents there are before duplicates go."""
        return sum(piece.count for shard in self.shards for piece in shard)


def plan_shards(folder: Path, tasks: int, *, size: int) -> ShardPlan:
    """Deal out what `tasks` tasks have prepared in `folder`, `size` documents a shard."""
    shards: list[list[Piece]] = []
    dropped: Counter[str] = Counter()
    known: Counter[str] = Counter()
    room = 0
    for task in range(tasks):
        index = json.loads((folder / f"{task:05d}.json").read_text("utf-8"))
        dropped.update(index["dropped"])
        for chunk in index["chunks"]:
            names = [_unique(name, known) for name in chunk["ids"]]
            first = 0
            while first < len(names):
                if room == 0:
                    shards.append([])
                    room = size
                count = min(room, len(names) - first)
                renamed = {
                    str(number): names[first + number]
                    for number in range(count)
                    if names[first + number] != chunk["ids"][first + number]
                }
                shards[-1].append(Piece(chunk["file"], first, count, renamed))
                first += count
                room -= count
    return ShardPlan(tuple(tuple(shard) for shard in shards), dict(sorted(dropped.items())))


def _unique(name: str, known: Counter[str]) -> str:
    """The name, or with the first free number behind it."""
    known[name] += 1
    if known[name] == 1:
        return name
    number = known[name]
    while known[f"{name}~{number}"]:
        number += 1
    known[f"{name}~{number}"] += 1
    return f"{name}~{number}"


def save_plan(path: Path, plan: ShardPlan) -> None:
    """Keep the plan; while it is there, the prepared documents need not be looked at again."""
    atomic_write(path, json.dumps(asdict(plan)).encode())


def load_plan(path: Path) -> ShardPlan:
    """What `save_plan` kept."""
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    shards = tuple(tuple(Piece(**piece) for piece in shard) for shard in found["shards"])
    return ShardPlan(shards, found["dropped"])


class ReadShard(PipelineStep):  # type: ignore[misc]
    """The first step of every later stage: task number r reads shard r."""

    type = "lcirc"
    name = "read shard"

    def __init__(self, folder: Path, plan: ShardPlan) -> None:
        super().__init__()
        self._folder = folder
        self._plan = plan

    def run(
        self, data: Iterator[Document] | None = None, rank: int = 0, world_size: int = 1
    ) -> Iterator[Document]:
        """The shard's documents, in order."""
        for document in self.read(rank):
            yield document.to_trove()

    def read(self, shard: int) -> Iterator[SourceDocument]:
        """The documents of a shard."""
        for piece in self._plan.shards[shard]:
            rows = read_rows(self._folder / piece.file)
            for number, row in enumerate(islice(rows, piece.first, piece.first + piece.count)):
                row["id"] = piece.renamed.get(str(number), row["id"])
                yield SourceDocument(**row)
