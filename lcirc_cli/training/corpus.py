"""Documents with questions, as tokens: what the stages draw samples from.

Reads the documents + qa form (`documents.jsonl[.gz]`, `qa.jsonl[.gz]`). Offsets in characters
become token ranges here.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import zlib
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lcirc_cli.backbones.loading import Backbone
from lcirc_cli.backbones.tokens import encode
from lcirc_cli.errors import DocumentError


@dataclass(frozen=True)
class TokenisedDocument:
    """One document's tokens."""

    id: str
    ids_N: Tensor  # int32
    starts: list[int]  # first character of each token
    digest: str  # of the token ids; names its cached features
    text: str = field(default="", repr=False)

    def tokens_of(self, start: int, end: int) -> tuple[int, int]:
        """The token range [first, last) that covers characters [start, end)."""
        first = max(0, bisect_right(self.starts, start) - 1)
        return first, max(first + 1, bisect_left(self.starts, end))

    def text_of(self, start: int, end: int) -> str:
        """The characters of tokens [start, end)."""
        last = self.starts[end] if end < len(self.starts) else len(self.text)
        return self.text[self.starts[start] : last] if start < end else ""


@dataclass(frozen=True)
class Question:
    """A question about a document; `answers` empty = unanswerable."""

    document: int  # index into Corpus.documents
    text: str
    answers: tuple[str, ...]
    evidence: tuple[tuple[int, int], ...]  # token ranges of its document
    options: tuple[str, ...] = ()
    kind: str = ""  # the row's "type": span, yesno, derived, ...; "" where it has none
    history: tuple[tuple[str, str], ...] = ()  # earlier turns: what was asked, what was said


@dataclass(frozen=True)
class Corpus:
    """Documents and their questions, grouped by document."""

    documents: list[TokenisedDocument]
    questions: list[list[Question]]  # one list a document
    sources: list[int] = field(default_factory=list)  # which set each document is of; [] = one set

    @property
    def num_questions(self) -> int:
        """Questions in all."""
        return sum(len(group) for group in self.questions)


def load_corpus(
    sources: Iterable[str | Path], backbone: Backbone, *, questions: bool = True
) -> Corpus:
    """Read and tokenise what a run is trained on, in the order given.

    Args:
        sources: folders in the documents + qa form. Without `questions` also folders and files
            of plain text rows {"id", "text"} (`*.jsonl[.gz]`).

    Raises:
        DocumentError: a file is missing or broken, a document is empty or there twice, or a
            question's places are missing or outside its document; with the line.
    """
    documents: list[TokenisedDocument] = []
    groups: list[list[Question]] = []
    of_set: list[int] = []
    for number, source in enumerate(map(Path, sources)):
        known: dict[str, tuple[int, str]] = {}
        for path in _document_files(source, text=not questions):
            for where, row in read_rows(path):
                identity, text = _field(row, "id", where), _field(row, "text", where)
                if not text.strip():
                    raise DocumentError(f"{where}: the document {identity!r} is empty")
                if questions and identity in known:
                    raise DocumentError(f"{where}: a second document with the id {identity!r}")
                known[identity] = len(documents), text if questions else ""
                documents.append(tokenise(identity, text, backbone))
                groups.append([])
                of_set.append(number)
        if not questions:
            continue
        for where, row in read_rows(_file(source, "qa")):
            found = known.get(_field(row, "document_id", where))
            if found is None:
                raise DocumentError(f"{where}: no document {row['document_id']!r} in {source}")
            index, text = found
            groups[index].append(read_question(row, index, documents[index], text, where))
    if not documents:
        raise DocumentError("no training documents: give --data DIR with documents.jsonl[.gz]")
    return Corpus(documents, groups, of_set)


def count_local(sources: Iterable[str | Path], *, questions: bool = True) -> tuple[int, int, int]:
    """Documents, questions and characters of folders, without a tokenizer.

    Raises:
        DocumentError: a file is missing or broken, with its line.
    """
    documents = asked = characters = 0
    for source in map(Path, sources):
        for path in _document_files(source, text=not questions):
            for where, row in read_rows(path):
                documents += 1
                characters += len(_field(row, "text", where))
        if questions:
            asked += sum(1 for _ in read_rows(_file(source, "qa")))
    return documents, asked, characters


def tokenise(identity: str, text: str, backbone: Backbone) -> TokenisedDocument:
    """A document's token ids and the first character of each."""
    ids, starts = encode(backbone.tokenizer, text)
    digest = hashlib.sha256(ids.tobytes()).hexdigest()
    return TokenisedDocument(identity, torch.from_numpy(ids), starts.tolist(), digest, text)


def select(corpus: Corpus, *, limit: int, seed: int) -> Corpus:
    """At most `limit` questions, spread evenly over the documents; the same for the same seed."""
    generator = torch.Generator().manual_seed(seed)
    groups = [
        [group[int(i)] for i in torch.randperm(len(group), generator=generator)]
        for group in corpus.questions
    ]
    kept: list[list[Question]] = [[] for _ in groups]
    rank = 0
    while sum(map(len, kept)) < limit and any(rank < len(group) for group in groups):
        for index, group in enumerate(groups):
            if rank < len(group) and sum(map(len, kept)) < limit:
                kept[index].append(group[rank])
        rank += 1
    return replace(corpus, questions=kept)


def read_rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
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


def _file(folder: Path, stem: str) -> Path:
    for name in (f"{stem}.jsonl.gz", f"{stem}.jsonl"):
        if (folder / name).is_file():
            return folder / name
    raise DocumentError(f"{folder} has no {stem}.jsonl or {stem}.jsonl.gz")


def _document_files(source: Path, *, text: bool) -> list[Path]:
    """documents.jsonl[.gz]; for plain text also a single file, or every one in a folder."""
    if not text:
        return [_file(source, "documents")]
    if source.is_file():
        return [source]
    try:
        return [_file(source, "documents")]
    except DocumentError:
        found = sorted([*source.glob("*.jsonl"), *source.glob("*.jsonl.gz")])
        if not found:
            raise DocumentError(f"{source} has no .jsonl or .jsonl.gz files") from None
        return found


def read_question(
    row: dict[str, Any], index: int, document: TokenisedDocument, text: str, where: str
) -> Question:
    """The question of a row about a document; its evidence in tokens.

    Raises:
        DocumentError: a field is missing or not what it should be, with `where`.
    """
    answers = _texts(row, "answers", where)
    if answers is None:
        raise DocumentError(f"{where}: 'answers' must be a list (empty = unanswerable)")
    options = _texts(row, "options", where) or ()
    if options and answers and not set(answers) & set(options):
        raise DocumentError(f"{where}: none of the answers is among the options")
    question = _field(row, "question", where).strip()
    if not question:
        raise DocumentError(f"{where}: the question is empty")
    spans = _evidence(row, text, where, answerable=bool(answers))
    return Question(
        document=index,
        text=question,
        answers=answers,
        evidence=tuple(document.tokens_of(start, end) for start, end in spans),
        options=options,
        kind=_kind(row, where),
        history=_history(row, where),
    )


def _kind(row: dict[str, Any], where: str) -> str:
    kind = row.get("type")
    if not isinstance(kind, str | None):
        raise DocumentError(f"{where}: 'type' must be text")
    return kind or ""


def _history(row: dict[str, Any], where: str) -> tuple[tuple[str, str], ...]:
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


def _texts(row: dict[str, Any], name: str, where: str) -> tuple[str, ...] | None:
    """A list of texts that are not empty; None where the row has no such field."""
    values = row.get(name)
    if values is None:
        return None
    if not isinstance(values, list) or not all(isinstance(v, str) and v.strip() for v in values):
        raise DocumentError(f"{where}: {name!r} must be a list of texts, none of them empty")
    return tuple(value.strip() for value in values)


def _evidence(
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


def _field(row: dict[str, Any], name: str, where: str) -> str:
    value = row.get(name)
    if not isinstance(value, str):
        raise DocumentError(f"{where}: the field {name!r} is missing or not text")
    return value
