"""Putting the shards together: the files of the data set, and its manifest, written last.

A file of the data set is the shards' files one after the other: gzip allows it, every reader takes
it as one file, and the manifest says where each shard begins, so that many readers can share it.
Without a manifest a folder is not a finished data set.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lcirc_cli.files import atomic_path, atomic_write, make_folder, sha256_file
from lcirc_cli.lqa.dataset.statistics import Statistics
from lcirc_cli.lqa.dataset.writer import NUMBERS, PARTS
from lcirc_cli.qa.rows import read_rows

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class DataFile:
    """A file of the data set, as the manifest has it."""

    path: str
    rows: int
    bytes: int
    sha256: str
    content_sha256: str
    shards: tuple[dict[str, int], ...]


def join_shards(folders: list[Path], out: Path, *, before: list[Path]) -> list[DataFile]:
    """Write the files of the data set from the folders of its shards, in their order.

    Args:
        before: files of documents dropped before there were shards; they open the list.
    """
    numbers = [json.loads((folder / NUMBERS).read_text("utf-8")) for folder in folders]
    written = []
    for name, path in PARTS.items():
        pieces = [
            (folder / f"{name}.jsonl.gz", record["rows"][name])
            for folder, record in zip(folders, numbers, strict=True)
        ]
        if name == "rejected-documents":
            pieces = [(file, sum(1 for _ in read_rows(file))) for file in before] + pieces
        pieces = [piece for piece in pieces if piece[1]]
        target = out / path
        if pieces:
            make_folder(target.parent)
            written.append(_join(pieces, target, path))
        else:
            target.unlink(missing_ok=True)  # of an earlier run with other settings
    return written


def _join(pieces: list[tuple[Path, int]], target: Path, name: str) -> DataFile:
    shards = []
    offset = 0
    with atomic_path(target) as temporary, temporary.open("wb") as joined:
        for file, rows in pieces:
            with file.open("rb") as part:
                shutil.copyfileobj(part, joined, 1 << 20)
            size = joined.tell() - offset
            shards.append({"offset": offset, "bytes": size, "rows": rows})
            offset += size
    return DataFile(
        path=name,
        rows=sum(rows for _, rows in pieces),
        bytes=offset,
        sha256=sha256_file(target),
        content_sha256=content_hash(target),
        shards=tuple(shards),
    )


def content_hash(path: Path) -> str:
    """A hash over a file's rows that doesn't depend on their order: SHA-256 of sorted SHA-256s."""
    digests = sorted(hashlib.sha256(_canonical(row)).digest() for row in read_rows(path))
    return hashlib.sha256(b"".join(digests)).hexdigest()


def _canonical(row: dict[str, Any]) -> bytes:
    return json.dumps(row, sort_keys=True, separators=(",", ":")).encode("ascii")


def add_up(folders: list[Path], dropped: dict[str, int]) -> Statistics:
    """The numbers of all shards, and of the documents dropped before."""
    total = Statistics()
    for folder in folders:
        record = json.loads((folder / NUMBERS).read_text("utf-8"))
        total.update(Statistics(record["statistics"]))
    for reason, count in dropped.items():
        total.drop_document(reason, count)
    return total


def write_manifest(out: Path, files: list[DataFile], about: dict[str, Any]) -> None:
    """The last file of a data set."""
    record = {"schema": 1, **about, "files": [vars(file) for file in files]}
    text = json.dumps(record, indent=2, ensure_ascii=False, default=list) + "\n"
    atomic_write(out / MANIFEST, text.encode("utf-8"))


def read_manifest(out: Path) -> dict[str, Any] | None:
    """The manifest of a finished data set, or None."""
    try:
        found: dict[str, Any] = json.loads((out / MANIFEST).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return found


def accepted_pairs(out: Path) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """(document, pair) of every accepted pair; a document's pairs follow each other."""
    for split in ("train", "validation"):
        documents = out / split / "documents.jsonl.gz"
        if not documents.exists():
            continue
        pairs = read_rows(out / split / "qa.jsonl.gz")
        pair = next(pairs, None)
        for document in read_rows(documents):
            while pair is not None and pair["document_id"] == document["id"]:
                yield document, pair
                pair = next(pairs, None)
