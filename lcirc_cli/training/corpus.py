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

_PIECE = 200_000  # characters tokenised at once, cut at a line end


@dataclass(frozen=True)
class TokenisedDocument:
    """One document's tokens."""

    id: str
    ids_N: Tensor  # int32
    starts: list[int]  # first character of each token
    digest: str  # of the text; names its cached features

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


def load_corpus(folders: Iterable[str | Path], backbone: Backbone) -> Corpus:
    """Read and tokenise folders in the documents + qa form, in the order given.

    Raises:
        DocumentError: a file is missing or broken, with its line.
    """
    documents: list[TokenisedDocument] = []
    questions: list[list[Question]] = []
    for folder in folders:
        known: dict[str, int] = {}
        for where, row in read_rows(Path(folder), "documents"):
            text = _field(row, "text", where)
            known[_field(row, "id", where)] = len(documents)
            documents.append(tokenise(row["id"], text, backbone))
            questions.append([])
        for where, row in read_rows(Path(folder), "qa"):
            index = known.get(_field(row, "document_id", where))
            if index is None:
                raise DocumentError(f"{where}: no document {row['document_id']!r} in {folder}")
            questions[index].append(_question(row, index, documents[index], where))
    if not documents:
        raise DocumentError("no training documents: give --data DIR with documents.jsonl[.gz]")
    return Corpus(documents, questions)


def tokenise(identity: str, text: str, backbone: Backbone) -> TokenisedDocument:
    """A document's token ids and the first character of each."""
    ids: list[int] = []
    starts: list[int] = []
    offset = 0
    for piece in _pieces(text):
        encoded = backbone.tokenizer(
            piece, add_special_tokens=False, return_offsets_mapping=True, verbose=False
        )
        ids.extend(encoded["input_ids"])
        starts.extend(offset + start for start, _ in encoded["offset_mapping"])
        offset += len(piece)
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return TokenisedDocument(identity, torch.tensor(ids, dtype=torch.int32), starts, digest)


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


def read_rows(folder: Path, stem: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """("file:line", row) of stem.jsonl or stem.jsonl.gz.

    Raises:
        DocumentError: neither file is there, or a line is not a JSON object.
    """
    for name in (f"{stem}.jsonl.gz", f"{stem}.jsonl"):
        path = folder / name
        if path.is_file():
            break
    else:
        raise DocumentError(f"{folder} has no {stem}.jsonl or {stem}.jsonl.gz")
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            where = f"{path}:{number}"
            try:
                row = json.loads(line)
            except ValueError as error:
                raise DocumentError(f"{where}: not JSON ({error})") from error
            if not isinstance(row, dict):
                raise DocumentError(f"{where}: not a JSON object")
            yield where, row


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


def _pieces(text: str) -> Iterator[str]:
    """Parts of a long text, cut after a line end so that no word is split."""
    start = 0
    while start < len(text):
        end = min(len(text), start + _PIECE)
        if end < len(text):
            cut = text.rfind("\n", start + 1, end)
            end = cut + 1 if cut > start else end
        yield text[start:end]
        start = end
