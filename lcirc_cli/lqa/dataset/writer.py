"""The last step of a shard: its files, and its numbers in a file of their own, written last.

A shard is a folder; what is in it depends on the shard's documents and the replies alone. The
split is by document: all pairs of a document are on one side.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from lcirc_cli.executors.trove import Document, PipelineStep
from lcirc_cli.files import atomic_write, make_folder
from lcirc_cli.lqa import chance
from lcirc_cli.lqa.dataset.statistics import Statistics
from lcirc_cli.lqa.documents.duplicates import Removed
from lcirc_cli.lqa.records import Judged, SourceDocument
from lcirc_cli.lqa.settings import PairSettings
from lcirc_cli.qa.rows import LineWriter, line_writer

NUMBERS = "shard.json"
# Name in a shard to path in the data set.
PARTS = {
    f"{folder}-{kind}": f"{folder}/{kind}.jsonl.gz"
    for folder, kinds in (
        ("train", ("documents", "qa")),
        ("validation", ("documents", "qa")),
        ("rejected", ("documents", "pairs")),
    )
    for kind in kinds
}


def split_of(document_id: str, settings: PairSettings) -> str:
    """The side that a document is on: a matter of its id and the seed."""
    drawn = chance.uniform(settings.seed, document_id, "split")
    return "validation" if drawn < settings.validation else "train"


class WriteShard(PipelineStep):  # type: ignore[misc]
    """Writes the documents with accepted pairs, the pairs, and everything that was rejected."""

    type = "lcirc"
    name = "write shard"

    def __init__(self, folder: Path, settings: PairSettings, removed: Sequence[Removed]) -> None:
        """
        Args:
            folder: gets a folder for each shard.
            removed: where the steps before note the duplicates that they left out.
        """
        super().__init__()
        self._folder = folder
        self._settings = settings
        self._removed = removed

    def run(
        self, data: Iterator[Document], rank: int = 0, world_size: int = 1
    ) -> Iterator[Document]:
        """Nothing is passed on."""
        folder = make_folder(self._folder / f"{rank:05d}")
        numbers = Statistics()
        with ExitStack() as stack:
            files = {
                name: stack.enter_context(line_writer(folder / f"{name}.jsonl.gz"))
                for name in PARTS
            }
            for document in data:
                self._write(document, files, numbers)
            for row in (row for log in self._removed for row in log.rows):
                files["rejected-documents"].write(row)
                numbers.drop_document(row["reason"])
            for log in self._removed:
                log.rows.clear()
        record: dict[str, Any] = {
            "rows": {name: files[name].rows for name in PARTS},
            "statistics": numbers.to_json(),
        }
        atomic_write(folder / NUMBERS, json.dumps(record).encode())
        yield from ()

    def _write(self, document: Document, files: dict[str, LineWriter], numbers: Statistics) -> None:
        judged: list[Judged] = document.metadata["judged"]
        source = SourceDocument.from_trove(document)
        accepted = [entry.pair for entry in judged if entry.rejection is None]
        for entry in judged:
            numbers.add_pair(source, entry)
            if entry.rejection is not None:
                files["rejected-pairs"].write(entry.to_json())
        if not accepted:
            reason = "no_pair_accepted" if judged else "no_sentence_to_ask_about"
            files["rejected-documents"].write({"id": source.id, "reason": reason, "detail": ""})
            numbers.drop_document(reason)
            return
        split = split_of(source.id, self._settings)
        files[f"{split}-documents"].write(source.to_json())
        for pair in accepted:
            files[f"{split}-qa"].write(pair.to_json())
        numbers.add_document(source, split)
