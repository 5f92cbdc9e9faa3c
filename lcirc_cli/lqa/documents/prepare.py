"""The first stage: documents in, those that are long enough, clean and in the language out.

Steps of a datatrove pipeline. A step that drops a document marks it with the reason and passes it
on, so that the writer keeps a list of everything that was dropped; nothing goes silently.
"""

from __future__ import annotations

import json
from abc import abstractmethod
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from lcirc_cli.executors.trove import Document, PipelineStep
from lcirc_cli.files import atomic_path, atomic_write
from lcirc_cli.lqa.documents import language
from lcirc_cli.lqa.documents.decontaminate import Decontaminator
from lcirc_cli.lqa.documents.inputs import Unit
from lcirc_cli.lqa.documents.tokens import TokenCounter
from lcirc_cli.lqa.records import SourceDocument
from lcirc_cli.lqa.settings import DocumentSettings
from lcirc_cli.qa.rows import LineWriter, line_writer

Documents = Iterator[Document]
_BYTES = 4  # of a character at most, and a token has at least one: a cheap first look


class ReadUnits(PipelineStep):  # type: ignore[misc]
    """Reads this task's part of the units, in their order."""

    type = "lcirc"
    name = "read"

    def __init__(self, units: Sequence[Unit]) -> None:
        super().__init__()
        self._units = units

    def run(self, data: Documents | None = None, rank: int = 0, world_size: int = 1) -> Documents:
        """Neighbouring units go to the same task."""
        first = rank * len(self._units) // world_size
        last = (rank + 1) * len(self._units) // world_size
        for unit in self._units[first:last]:
            for document in unit.read():
                trove = document.to_trove()
                if document.problem:
                    drop(trove, "unreadable", document.problem)
                yield trove


class DocumentFilter(PipelineStep):  # type: ignore[misc]
    """A step that marks the documents to drop."""

    type = "lcirc"

    def run(self, data: Documents, rank: int = 0, world_size: int = 1) -> Documents:
        """Every document goes on; `dropped` in its metadata says why it shall not be used."""
        for document in data:
            if "dropped" not in document.metadata:
                self.look_at(document)
            yield document

    @abstractmethod
    def look_at(self, document: Document) -> None:
        """Mark the document with `drop` if it shall not be used."""


def drop(document: Document, reason: str, detail: str = "") -> None:
    """Mark a document."""
    document.metadata["dropped"] = {"reason": reason, "detail": detail}


class LengthFilter(DocumentFilter):
    """At least so many tokens of the backbone; keeps the count."""

    name = "length"

    def __init__(self, model: str, least: int, *, offline: bool) -> None:
        super().__init__()
        self._model = model
        self._least = least
        self._offline = offline
        self._counter: TokenCounter | None = None

    def look_at(self, document: Document) -> None:
        if len(document.text) * _BYTES < self._least:
            drop(document, "too_short", f"{len(document.text)} characters")
            return
        if self._counter is None:
            self._counter = TokenCounter(self._model, offline=self._offline)
        tokens = self._counter.count(document.text)
        document.metadata["tokens"] = tokens
        if tokens < self._least:
            drop(document, "too_short", f"{tokens} tokens")


class LanguageFilter(DocumentFilter):
    """Only one language, or any; keeps which it is."""

    name = "language"

    def __init__(self, wanted: str) -> None:
        super().__init__()
        self._wanted = wanted

    def look_at(self, document: Document) -> None:
        found = language.language_of(document.text)
        document.metadata["language"] = found
        if self._wanted not in ("any", found):
            drop(document, "language", found)


class ContaminationFilter(DocumentFilter):
    """No 13 words in a row that a benchmark has."""

    name = "contamination"

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path  # what Decontaminator.save wrote
        self._known: Decontaminator | None = None

    def look_at(self, document: Document) -> None:
        if self._known is None:
            self._known = Decontaminator.load(self._path)
        hit = self._known.first_hit(document.text)
        if hit is not None:
            drop(document, "contaminated", hit)


class WritePrepared(PipelineStep):  # type: ignore[misc]
    """Writes chunks of documents, the list of dropped ones, and an index of both, last."""

    type = "lcirc"
    name = "write"

    def __init__(self, folder: Path, *, chunk: int, most: int | None, license: str) -> None:
        """
        Args:
            chunk: documents a file.
            most: stop reading after so many good documents; None reads all.
        """
        super().__init__()
        self._folder = folder
        self._chunk = chunk
        self._most = most
        self._license = license

    def run(self, data: Documents, rank: int = 0, world_size: int = 1) -> Documents:
        """Nothing is passed on."""
        chunks: list[dict[str, Any]] = []
        counts: Counter[str] = Counter()
        dropped = self._folder / f"{rank:05d}-dropped.jsonl.gz"
        good = self._good(data, dropped, counts)
        while True:
            name = f"{rank:05d}-{len(chunks):05d}.jsonl.gz"
            ids = self._write_chunk(self._folder / name, good)
            if not ids:
                break
            chunks.append({"file": name, "ids": ids})
        index = {"chunks": chunks, "dropped": dict(sorted(counts.items()))}
        path = self._folder / f"{rank:05d}.json"
        atomic_write(path, json.dumps(index).encode())
        yield from ()

    def _good(self, data: Documents, path: Path, counts: Counter[str]) -> Iterator[SourceDocument]:
        """The documents to keep, up to `most`; the others are written to `path`."""
        kept = 0
        with line_writer(path) as rejected:
            for document in data:
                why = document.metadata.get("dropped")
                if why is not None:
                    counts[why["reason"]] += 1
                    rejected.write({"id": document.id} | why)
                    continue
                yield SourceDocument.from_trove(document, license=self._license)
                kept += 1
                if kept == self._most:
                    return

    def _write_chunk(self, path: Path, documents: Iterator[SourceDocument]) -> list[str]:
        ids: list[str] = []
        writer: LineWriter | None = None
        with ExitStack() as stack:
            for document in documents:
                if writer is None:
                    writer = stack.enter_context(line_writer(path))
                writer.write(document.to_json())
                ids.append(document.id)
                if len(ids) == self._chunk:
                    break
        return ids


def document_filters(
    settings: DocumentSettings, benchmarks: Path | None, *, offline: bool
) -> list[DocumentFilter]:
    """The filters of documents, the cheap ones first."""
    steps: list[DocumentFilter] = [
        LengthFilter(settings.model, settings.min_tokens, offline=offline),
        LanguageFilter(settings.language),
    ]
    if benchmarks is not None:
        steps.append(ContaminationFilter(benchmarks))
    return steps


def save_benchmarks(files: Sequence[str], path: Path) -> Path | None:
    """Keep the n-grams of the benchmark files at `path`; None where there are no files."""
    if not files:
        return None
    with atomic_path(path) as temporary:
        Decontaminator.from_files([Path(file) for file in files]).save(temporary)
    return path
