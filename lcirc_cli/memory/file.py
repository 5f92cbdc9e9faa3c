"""Saves and opens memory files (`.lcirc`), and checks that a memory fits the models in use.

Opening maps the file and checks its header; texts, states and features stay where they are until
they are read, so that a large memory costs no more to open than a small one. Knows nothing about
how contents are made or used. The layout: container.py (file, hash), layout.py (documents),
tokens.py, words.py and rows.py (the other parts).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from lcirc_cli.memory.arrays import array_part, read_array
from lcirc_cli.memory.checks import check_contents, check_finite, check_outline
from lcirc_cli.memory.container import FORMAT, FORMAT_VERSION, Container, open_container
from lcirc_cli.memory.contents import (
    Fingerprints,
    MemoryContents,
    StoredDocument,
    append,
)
from lcirc_cli.memory.header import check_fingerprints
from lcirc_cli.memory.info import inspect_memory
from lcirc_cli.memory.layout import read_documents, write_documents
from lcirc_cli.memory.records import (
    document_records,
    fingerprints_record,
    recipe_record,
    settings_record,
    version_record,
    words_record,
)
from lcirc_cli.memory.rows import DTYPES, FileRows, rows_part
from lcirc_cli.memory.tokens import IdRows, StartRows, placed, write_tokens
from lcirc_cli.memory.words import PassageWords, check_words
from lcirc_cli.memory.writing import Part, write_container
from lcirc_cli.version import __version__

__all__ = [
    "Fingerprints",
    "MemoryContents",
    "StoredDocument",
    "append",
    "check_fingerprints",
    "inspect_memory",
    "load_memory",
    "save_memory",
]

_FEATURE = "features."
_PASSAGES, _VOCABULARY, _TERM_IDS = "words.passages", "words.vocabulary", "words.term_ids"


def save_memory(path: Path | str, contents: MemoryContents, *, allowed: int = 0o777) -> str:
    """Writes a memory file, all or nothing, and returns its SHA-256 in hex.

    The same contents give the same bytes. `contents.sha256` and `.lcirc_version` are ignored.

    Args:
        allowed: permissions that the file may have, at most; see `lcirc_cli.files.readers`.

    Raises:
        ValueError: the contents don't agree with each other, or settings aren't plain JSON.
        StorageError: no space left, or the place can't be written; an old file stays as it was.
    """
    check_contents(contents)
    parts, jumps = write_tokens(
        contents.token_ids[:].numpy(), contents.token_starts[:].numpy(), contents.documents
    )
    documents, more = write_documents(contents.documents, jumps=jumps)
    parts += more
    parts.append(array_part("segment_lengths", np.array(contents.segment_lengths, np.int32)))
    parts.append(rows_part("states", contents.states))
    parts += [rows_part(_FEATURE + name, rows) for name, rows in contents.features.items()]
    metadata = {
        "format": FORMAT,
        "format_version": str(FORMAT_VERSION),
        "lcirc_version": __version__,
        "fingerprints": json.dumps(vars(contents.fingerprints)),
        "settings": _plain_json(contents.settings),
        "documents": documents,
    }
    if contents.recipe:
        metadata["recipe"] = contents.recipe
    if contents.words is not None:
        record, more = _write_words(contents.words)
        metadata["words"] = record
        parts += more
    return write_container(Path(path), metadata, parts=parts, allowed=allowed)


def load_memory(path: Path | str, *, whole: bool = False) -> MemoryContents:
    """Opens a memory file after checking its header, and that its parts agree in their sizes.

    What is read of it later is checked then, and raises the same error.

    Args:
        whole: read and check all of it now.

    Raises:
        MemoryFileError: missing, damaged, cut short, of another format, or inconsistent.
    """
    path = Path(path)
    container = open_container(path)
    with container.consistent():
        contents = _decode(container)
        check_outline(contents)
        if whole:
            container.check_all()
            check_contents(contents)
    return contents


def _decode(container: Container) -> MemoryContents:
    records = document_records(container.metadata)
    documents = read_documents(container, records)
    characters = [record["characters"] for record in records]
    places = placed(documents, characters=characters, jumps=[each["jumps"] for each in records])
    lengths = read_array(container, "segment_lengths", dtype="I32")
    tokens = sum(document.num_tokens for document in documents)
    return MemoryContents(
        documents=documents,
        token_ids=IdRows(container, count=tokens),
        token_starts=StartRows(container, places),
        segment_lengths=lengths.tolist(),
        states=_rows(container, "states"),
        features={
            name.removeprefix(_FEATURE): _rows(container, name)
            for name in container.entries
            if name.startswith(_FEATURE)
        },
        settings=settings_record(container.metadata),
        fingerprints=fingerprints_record(container.metadata),
        words=_words(container, documents, characters),
        recipe=recipe_record(container.metadata),
        sha256=container.sha256,
        path=str(container.path.absolute()),
        lcirc_version=version_record(container.metadata),
    )


def _rows(container: Container, name: str) -> FileRows:
    entry = container.entries.get(name)
    if entry is None:
        raise ValueError(f"{name} is missing")
    if entry.dtype not in DTYPES:
        raise ValueError(f"{name} has the dtype {entry.dtype}")
    return FileRows(container, entry, check=partial(check_finite, name))


def _write_words(words: PassageWords) -> tuple[str, list[Part]]:
    parts = [
        array_part(_PASSAGES, words.passages),
        Part(_VOCABULARY, "U8", (len(words.vocabulary),), [words.vocabulary]),
        array_part(_TERM_IDS, words.term_ids),
    ]
    return json.dumps({"version": words.version, "passages": words.counts.tolist()}), parts


def _words(
    container: Container, documents: Sequence[StoredDocument], characters: Sequence[int]
) -> partial[PassageWords] | None:
    """What reads the words' index when it is asked for; None where the file has none."""
    record = words_record(container.metadata)
    if record is None:
        return None
    held = container.entries.get(_TERM_IDS)
    small = held is not None and held.dtype == "U16"
    shapes = {
        _PASSAGES: ("I32", (sum(record["passages"]), 6)),
        _VOCABULARY: ("U8", None),
        _TERM_IDS: ("U16" if small else "I32", None),
    }
    for name, (dtype, shape) in shapes.items():
        entry = container.entries.get(name)
        if entry is None or entry.dtype != dtype or shape not in (None, entry.shape):
            raise ValueError(f"{name} are not those of the documents")
    tokens = [document.num_tokens for document in documents]
    return partial(_read_words, container, record, characters, tokens)


def _read_words(
    container: Container,
    record: dict[str, Any],
    characters: Sequence[int],
    tokens: Sequence[int],
) -> PassageWords:
    with container.consistent():
        ids = container.entries[_TERM_IDS].dtype
        words = PassageWords(
            version=record["version"],
            counts=np.array(record["passages"], np.int64),
            passages=read_array(container, _PASSAGES, dtype="I32", dims=2),
            vocabulary=read_array(container, _VOCABULARY, dtype="U8").tobytes(),
            term_ids=read_array(container, _TERM_IDS, dtype=ids),
        )
        check_words(words, characters=characters, tokens=tokens)
    return words


def _plain_json(settings: dict[str, Any]) -> str:
    text = json.dumps(settings, sort_keys=True, allow_nan=False)
    if json.loads(text) != settings:
        raise ValueError("settings of a memory must be plain JSON values (lists, not tuples)")
    return text
