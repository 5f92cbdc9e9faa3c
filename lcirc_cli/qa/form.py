"""The form documents + qa: `documents.jsonl[.gz]` and `qa.jsonl[.gz]` in a folder, checked.

Training, bench and scripts read it here, so all of them refuse the same rows. Offsets are
characters. Knows nothing about tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lcirc_cli.errors import DocumentError
from lcirc_cli.qa.rows import Record, read_records


@dataclass(frozen=True)
class Asked:
    """A question about a document, its texts as they are written in the row."""

    line: int  # of its file
    question: str
    answers: tuple[str, ...]  # empty = unanswerable
    evidence: tuple[tuple[int, int], ...]  # characters [start, end) of the document's text
    options: tuple[str, ...] = ()
    kind: str = ""  # the row's "type": span, yesno, derived, ...; "" where it has none
    history: tuple[tuple[str, str], ...] = ()  # earlier turns: what was asked, what was said


def read_folder(folder: Path) -> tuple[dict[str, str], Iterator[tuple[str, Asked]]]:
    """The texts of a folder's documents by id, and its questions, each with its document's id.

    Raises:
        DocumentError: a file is missing, ambiguous or broken, a document is empty or there twice,
            or a question lacks something; with the line.
    """
    file, questions = find_file(folder, "documents"), find_file(folder, "qa")
    texts: dict[str, str] = {}
    for record, identity, text in _documents(file):
        if identity in texts:
            raise record.error(f"a second document with the id {identity!r}: no id may occur twice")
        texts[identity] = text
    if not texts:
        raise DocumentError(f"{file} holds no document")
    return texts, _questions(questions, texts)


def read_texts(source: Path) -> Iterator[tuple[str, str]]:
    """(id, text) of plain text rows: of one file, or of the files of a folder; ids may repeat.

    Raises:
        DocumentError: a file is missing or broken, or a document is empty; with the line.
    """
    for path in _text_files(source):
        for _, identity, text in _documents(path):
            yield identity, text


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


def _text_files(source: Path) -> list[Path]:
    if source.is_file():
        return [source]
    if own := _either(source, "documents"):
        return [own]
    found = sorted([*source.glob("*.jsonl"), *source.glob("*.jsonl.gz")])
    if not found:
        raise DocumentError(f"{source} has no .jsonl or .jsonl.gz files")
    return found


def _documents(path: Path) -> Iterator[tuple[Record, str, str]]:
    for record in read_records(path):
        identity, text = record.text("id"), record.text("text")
        if not text.strip():
            raise record.error(f"the document {identity!r} is empty")
        yield record, identity, text


def _questions(path: Path, texts: Mapping[str, str]) -> Iterator[tuple[str, Asked]]:
    for record in read_records(path):
        identity = record.text("document_id")
        if identity not in texts:
            raise record.error(f"there is no document {identity!r} beside {path.name}")
        yield identity, read_asked(record, texts[identity])


def read_asked(record: Record, text: str) -> Asked:
    """The question of a row about a document with this text.

    Raises:
        DocumentError: a field is missing or not what it should be, with the line.
    """
    question = record.text("question")
    if not question.strip():
        raise record.error("the question is empty")
    answers = _filled(record, "answers")
    options = _filled(record, "options") if record.data.get("options") is not None else ()
    if options and answers and not _stripped(answers) & _stripped(options):
        raise record.error("none of the answers is among the options")
    kind = record.data.get("type")
    return Asked(
        line=record.line,
        question=question,
        answers=answers,
        evidence=_evidence(record, text, answerable=bool(answers)),
        options=options,
        kind=record.text("type") if kind is not None else "",
        history=_history(record),
    )


def _filled(record: Record, field: str) -> tuple[str, ...]:
    found = record.texts(field)
    if not all(each.strip() for each in found):
        raise record.error(f'"{field}" must be a list of texts, none of them empty')
    return found


def _stripped(texts: tuple[str, ...]) -> set[str]:
    return {text.strip() for text in texts}


def _history(record: Record) -> tuple[tuple[str, str], ...]:
    """Earlier turns by twos: the user's text and what was answered."""
    given = record.data.get("history")
    if given is None:
        return ()
    fits = isinstance(given, list) and all(
        isinstance(turn, dict)
        and turn.get("role") == ("assistant" if at % 2 else "user")
        and isinstance(turn.get("text"), str)
        for at, turn in enumerate(given)
    )
    if not fits or len(given) % 2:
        raise record.error(
            '"history" must be a list of turns in twos, '
            '{"role": "user", "text": "..."} and {"role": "assistant", "text": "..."}'
        )
    texts = [turn["text"].strip() for turn in given]
    return tuple(zip(texts[::2], texts[1::2], strict=True))


def _evidence(record: Record, text: str, *, answerable: bool) -> tuple[tuple[int, int], ...]:
    """The evidence's character offsets, which must lie inside the document."""
    given = record.data.get("evidence")
    if given is None and not answerable:
        return ()
    if not isinstance(given, list) or not all(_is_span(span) for span in given):
        raise record.error(
            '"evidence" must be a list of character offsets [start, end] (empty = nobody knows '
            "where)"
        )
    for start, end in given:
        if not 0 <= start < end <= len(text):
            raise record.error(
                f"the evidence [{start}, {end}] is outside its document, which has "
                f"{len(text):,} characters"
            )
    quote = record.data.get("quote")
    if quote is not None and given and text[given[0][0] : given[0][1]] != quote:
        raise record.error("the quote is not what the document has at its evidence")
    return tuple((start, end) for start, end in given)


def _is_span(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(type(each) is int for each in value)
