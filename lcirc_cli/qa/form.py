"""The form documents + qa: `documents.jsonl[.gz]` and `qa.jsonl[.gz]` in a folder, checked.

Offsets are characters here. Knows nothing about tokens.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lcirc_cli.errors import DocumentError


def numbered_rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """("file:line", row) of a .jsonl or .jsonl.gz file.

    Raises:
        DocumentError: the file can't be read, or a line is not a JSON object.
    """
    opener = gzip.open if path.suffix == ".gz" else open
    number = 0
    try:
        with opener(path, "rb") as lines:  # decoded by the line, so that a bad one is known
            number = 1
            while line := lines.readline():
                row = json.loads(line.decode("utf-8"))
                if not isinstance(row, dict):
                    raise ValueError("not a JSON object")
                yield f"{path}:{number}", row
                number += 1
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise DocumentError(f"{path}:{number}: can't be read ({error})") from error


def find_file(folder: Path, stem: str) -> Path:
    """STEM.jsonl or STEM.jsonl.gz in a folder.

    Raises:
        DocumentError: there is neither, or both, which may differ.
    """
    if not (found := _either(folder, stem)):
        raise DocumentError(f"{folder} has no {stem}.jsonl or {stem}.jsonl.gz")
    return found


def _either(folder: Path, stem: str) -> Path | None:
    found = [p for end in ("", ".gz") if (p := folder / f"{stem}.jsonl{end}").is_file()]
    if len(found) == 2:
        raise DocumentError(
            f"{folder} has both {stem}.jsonl and {stem}.jsonl.gz: remove the one that is not meant"
        )
    return found[0] if found else None


def document_files(source: Path, *, text: bool) -> list[Path]:
    """documents.jsonl[.gz]; for plain text also a single file, or every one in a folder."""
    if not text:
        return [find_file(source, "documents")]
    if source.is_file():
        return [source]
    if own := _either(source, "documents"):
        return [own]
    found = sorted([*source.glob("*.jsonl"), *source.glob("*.jsonl.gz")])
    if not found:
        raise DocumentError(f"{source} has no .jsonl or .jsonl.gz files")
    return found


def kind_of(row: dict[str, Any], where: str) -> str:
    kind = row.get("type")
    if not isinstance(kind, str | None):
        raise DocumentError(f"{where}: 'type' must be text")
    return kind or ""


def history_of(row: dict[str, Any], where: str) -> tuple[tuple[str, str], ...]:
    """Earlier turns by twos: the user's text and what was answered."""
    given = row.get("history")
    if given is None:
        return ()
    fits = isinstance(given, list) and all(
        isinstance(turn, dict)
        and turn.get("role") == ("assistant" if at % 2 else "user")
        and isinstance(turn.get("text"), str)
        for at, turn in enumerate(given)
    )
    if not fits or len(given) % 2:
        raise DocumentError(
            f"{where}: 'history' must be a list of turns in twos, "
            '{"role": "user", "text": "..."} and {"role": "assistant", "text": "..."}'
        )
    texts = [turn["text"].strip() for turn in given]
    return tuple(zip(texts[::2], texts[1::2], strict=True))


def texts_of(row: dict[str, Any], name: str, where: str) -> tuple[str, ...] | None:
    """A list of texts that are not empty; None where the row has no such field."""
    values = row.get(name)
    if values is None:
        return None
    if not isinstance(values, list) or not all(isinstance(v, str) and v.strip() for v in values):
        raise DocumentError(f"{where}: {name!r} must be a list of texts, none of them empty")
    return tuple(value.strip() for value in values)


def evidence_of(
    row: dict[str, Any], text: str, where: str, *, answerable: bool
) -> list[tuple[int, int]]:
    """The evidence's character offsets, which must lie inside the document."""
    given = row.get("evidence")
    if given is None and not answerable:
        return []
    if not isinstance(given, list) or not all(_is_span(span) for span in given):
        raise DocumentError(
            f"{where}: 'evidence' must be a list of character offsets [start, end] (empty = "
            "nobody knows where)"
        )
    for start, end in given:
        if not 0 <= start < end <= len(text):
            raise DocumentError(
                f"{where}: the evidence [{start}, {end}] is outside its document, which has "
                f"{len(text):,} characters"
            )
    quote = row.get("quote")
    if quote is not None and given and text[given[0][0] : given[0][1]] != quote:
        raise DocumentError(f"{where}: the quote is not what the document has at its evidence")
    return [(start, end) for start, end in given]


def _is_span(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(type(each) is int for each in value)


def field_of(row: dict[str, Any], name: str, where: str) -> str:
    """A field that must be text.

    Raises:
        DocumentError: it is missing or something else, with `where`.
    """
    value = row.get(name)
    if not isinstance(value, str):
        raise DocumentError(f"{where}: the field {name!r} is missing or not text")
    return value
