"""Documents with questions, as tokens: what the stages draw samples from.

Reads the documents + qa form (`documents.jsonl[.gz]`, `qa.jsonl[.gz]`). Offsets in characters
become token ranges here; nothing after this file knows characters.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lcirc_cli.backbones import Backbone
from lcirc_cli.errors import DocumentError
from lcirc_cli.tokens import encode


@dataclass(frozen=True)
class TokenisedDocument:
    """One document's tokens."""

    id: str
    ids_N: Tensor  # int32
    starts: list[int]  # first character of each token
    digest: str  # of the token ids; names its cached features

    def tokens_of(self, start: int, end: int) -> tuple[int, int]:
        """The token range [first, last) that covers characters [start, end)."""
        first = max(0, bisect_right(self.starts, start) - 1)
        return first, max(first + 1, bisect_left(self.starts, end))


@dataclass(frozen=True)
class Question:
    """A question about a document; `answers` empty = unanswerable."""

    document: int  # index into Corpus.documents
    text: str
    answers: tuple[str, ...]
    evidence: tuple[tuple[int, int], ...]  # token ranges of its document
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class Corpus:
    """Documents and their questions, grouped by document."""

    documents: list[TokenisedDocument]
    questions: list[list[Question]]  # one list a document

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
        DocumentError: a file is missing or broken, with its line.
    """
    documents: list[TokenisedDocument] = []
    groups: list[list[Question]] = []
    for source in map(Path, sources):
        known: dict[str, int] = {}
        for path in _document_files(source, text=not questions):
            for where, row in read_rows(path):
                text = _field(row, "text", where)
                known[_field(row, "id", where)] = len(documents)
                documents.append(tokenise(row["id"], text, backbone))
                groups.append([])
        if not questions:
            continue
        for where, row in read_rows(_file(source, "qa")):
            index = known.get(_field(row, "document_id", where))
            if index is None:
                raise DocumentError(f"{where}: no document {row['document_id']!r} in {source}")
            groups[index].append(_question(row, index, documents[index], where))
    if not documents:
        raise DocumentError("no training documents: give --data DIR with documents.jsonl[.gz]")
    return Corpus(documents, groups)


def tokenise(identity: str, text: str, backbone: Backbone) -> TokenisedDocument:
    """A document's token ids and the first character of each."""
    ids, starts = encode(backbone.tokenizer, text)
    digest = hashlib.sha256(ids.tobytes()).hexdigest()
    return TokenisedDocument(identity, torch.from_numpy(ids), starts.tolist(), digest)


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
        with opener(path, "rt", encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):  # used in the handler
                row = json.loads(line)
                if not isinstance(row, dict):
                    raise ValueError("not a JSON object")
                yield f"{path}:{number}", row
    except (OSError, EOFError, ValueError) as error:
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


def _question(row: dict[str, Any], index: int, document: TokenisedDocument, where: str) -> Question:
    spans = tuple(document.tokens_of(int(a), int(b)) for a, b in row.get("evidence") or ())
    answers = row.get("answers")
    if not isinstance(answers, list):
        raise DocumentError(f"{where}: 'answers' must be a list (empty = unanswerable)")
    return Question(
        document=index,
        text=_field(row, "question", where).strip(),
        answers=tuple(str(answer).strip() for answer in answers),
        evidence=spans,
        options=tuple(str(option) for option in row.get("options") or ()),
    )


def _field(row: dict[str, Any], name: str, where: str) -> str:
    value = row.get(name)
    if not isinstance(value, str):
        raise DocumentError(f"{where}: the field {name!r} is missing or not text")
    return value
