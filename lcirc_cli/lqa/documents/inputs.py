"""What make-lqa reads: data files, folders and single documents, and data sets on the Hub.

An input becomes units, each read by one worker from its start: a data file, a batch of
documents in other formats, or a shard of a Hub data set. Knows nothing about filters.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lcirc_cli import console
from lcirc_cli.documents import Source, WholeReader, collect_sources, read_document
from lcirc_cli.documents.cleaning import clean_text, describe_repairs
from lcirc_cli.errors import DocumentError, UsageError
from lcirc_cli.lqa.records import SourceDocument
from lcirc_cli.qa import hub
from lcirc_cli.qa.rows import Record, is_data_file, read_records

_FILES_PER_UNIT = 32


@dataclass(frozen=True)
class DataFile:
    """One JSONL or Parquet file."""

    path: Path

    def state(self) -> list[str]:
        """What tells this unit from a changed one."""
        return _file_state(self.path)

    def read(self) -> Iterator[SourceDocument]:
        """Its rows as documents; a row without text is an error that names the file."""
        repairs = Counter[str]()
        for number, record in enumerate(read_records(self.path), start=1):
            yield from_record(record, origin=f"{self.path.name}:{number}", repairs=repairs)
        _tell(str(self.path), repairs)


@dataclass(frozen=True)
class DocumentFiles:
    """PDF, text and other documents that `lcirc ingest` reads."""

    sources: tuple[Source, ...]

    def state(self) -> list[str]:
        """What tells this unit from a changed one."""
        paths = [source.path for source in self.sources if source.path is not None]
        return [entry for path in paths for entry in _file_state(path)]

    def read(self) -> Iterator[SourceDocument]:
        """The documents; one that can't be read is told, and comes with its problem."""
        with WholeReader() as reader:
            for source in self.sources:
                yield _document(source, reader)


def _document(source: Source, reader: WholeReader) -> SourceDocument:
    try:
        document = read_document(source, reader=reader)
    except DocumentError as error:
        console.warn(f"left out: {error}")
        return SourceDocument(id=source.name, title="", text="", problem=str(error))
    return SourceDocument(
        id=document.name,
        title=Path(document.name).stem,
        text=document.text,
        source=document.name,
    )


@dataclass(frozen=True)
class HubShard:
    """One of the shards of a data set on the Hub, streamed."""

    name: str
    index: int
    of: int

    def state(self) -> list[str]:
        """What tells this unit from another one; the Hub's content is taken as fixed."""
        return [self.name, str(self.index), str(self.of)]

    def read(self) -> Iterator[SourceDocument]:
        """Its rows as documents."""
        repairs = Counter[str]()
        for number, row in enumerate(hub.stream(self.name, self.index, self.of), start=1):
            origin = f"{self.name}/{self.index}:{number}"
            yield from_record(Record(row, origin, number), origin=origin, repairs=repairs)
        _tell(f"{self.name}/{self.index}", repairs)


def _tell(name: str, repairs: Counter[str]) -> None:
    """What was taken out of rows, as `lcirc ingest` tells it of documents."""
    for note in describe_repairs(repairs):
        console.note(f"{name}: {note}")


Unit = DataFile | DocumentFiles | HubShard


def plan_units(
    inputs: Sequence[str], *, out: Path | None = None, offline: bool = False
) -> list[Unit]:
    """The units of the command's INPUT arguments, in their order.

    An argument that is no path and looks like OWNER/NAME (with :CONFIG behind it where the data
    set has several) is a data set on the Hub.

    Args:
        out: where the result goes; inside a folder it is left out.

    Raises:
        DocumentError: a path does not exist, or a folder holds nothing readable.
        UsageError: a Hub data set with `offline`, standard input, or a folder that is `out`.
    """
    units: list[Unit] = []
    for argument in inputs:
        path = Path(argument)
        if argument == "-":
            raise UsageError("make-lqa can't read standard input, which a resumed run would lack")
        if not path.exists() and hub.is_dataset_name(argument):
            if offline:
                raise UsageError(f"{argument} is a Hub data set; leave out --offline to read it")
            count = hub.count_shards(argument)
            units.extend(HubShard(argument, index, count) for index in range(count))
        elif path.is_dir():
            units.extend(_folder(path, out))
        elif path.exists() and is_data_file(path):
            units.append(DataFile(path))
        else:
            units.extend(_documents(collect_sources([argument])))
    return units


def _folder(path: Path, out: Path | None) -> list[Unit]:
    files = [file for file in sorted(path.rglob("*")) if file.is_file() and is_data_file(file)]
    data = [file for file in files if not _is_hidden(file.relative_to(path))]
    if len(data) < len(files):
        console.note(f"{path}: left out {len(files) - len(data):,} hidden data files")
    problem = DocumentError(f"{path}: this folder holds nothing to read but {out}")
    sources: list[Source] = []
    try:
        sources = collect_sources([str(path)])
    except DocumentError as error:
        problem = error
    found = len(data) + len(sources)
    own = _part_of_result(path, out)
    data = [file for file in data if not own(file)]
    sources = [each for each in sources if each.path is None or not own(each.path)]
    if len(data) + len(sources) < found:
        console.note(f"{path}: left out {out}, which is where the result goes")
    if not data and not sources:
        raise problem
    return [*map(DataFile, data), *_documents(sources)]


def _part_of_result(folder: Path, out: Path | None) -> Callable[[Path], bool]:
    """Tells which files below a folder are not its own, but the result of this very command."""
    if out is None:
        return lambda file: False
    top, result = folder.resolve(), out.resolve()
    if result == top:
        raise UsageError(f"{out} is an input; choose an --out of its own, e.g. {out / 'lqa'}")
    if not result.is_relative_to(top):
        return lambda file: False
    inside = folder / result.relative_to(top)
    return lambda file: file.is_relative_to(inside)


def _is_hidden(below: Path) -> bool:
    """Whether a name begins with a dot; those above the folder that was asked for don't count."""
    return any(part.startswith(".") for part in below.parts)


def _documents(sources: Sequence[Source]) -> list[Unit]:
    return [
        DocumentFiles(tuple(sources[start : start + _FILES_PER_UNIT]))
        for start in range(0, len(sources), _FILES_PER_UNIT)
    ]


def _file_state(path: Path) -> list[str]:
    try:
        status = path.stat()
    except OSError as error:
        raise DocumentError(f"can't read {path}: {error.strerror}") from error
    return [str(path), str(status.st_size), str(status.st_mtime_ns)]


def from_record(record: Record, *, origin: str, repairs: Counter[str]) -> SourceDocument:
    """A row of a data file as a document, cleaned as every document is.

    Takes `text`, and where there are any `id`, `title`, `source` or `url`, and `license`.

    Args:
        origin: names the document where the row doesn't.
        repairs: is added what was taken out of its texts.

    Raises:
        DocumentError: there is no text.
    """
    row = record.data
    text = row.get("text", 0)
    if text is None:
        text = ""  # a hole in the data; the length filter counts it
    if not isinstance(text, str):
        raise record.error('no "text" field; a row needs the document\'s text in it')

    def cleaned(value: str) -> str:
        found, counts = clean_text(value)
        repairs.update(counts)
        return found

    def line(value: object, otherwise: str = "") -> str:
        return " ".join(cleaned(str(value or "")).split()) or otherwise

    return SourceDocument(
        id=line(row.get("id"), origin),
        title=line(row.get("title")),
        text=cleaned(text),
        source=line(row.get("source") or row.get("url"), origin),
        license=line(row.get("license")),
    )
