"""Documents with questions, as tokens: what the stages draw samples from.

Reads the documents + qa form (`documents.jsonl[.gz]`, `qa.jsonl[.gz]`). Offsets in characters
become token ranges here.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor

from lcirc_cli.backbones.loading import Backbone
from lcirc_cli.backbones.tokens import encode
from lcirc_cli.errors import DocumentError
from lcirc_cli.qa.form import Asked, read_folder, read_texts


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
        known: dict[str, int] = {}
        found, asked = _read(source, questions=questions)
        for identity, text in found:
            known[identity] = len(documents)
            documents.append(tokenise(identity, text, backbone))
            groups.append([])
            of_set.append(number)
        for identity, each in asked:
            index = known[identity]
            groups[index].append(in_tokens(each, index, documents[index]))
    if not documents:
        raise DocumentError("no training documents: give --data DIR with documents.jsonl[.gz]")
    return Corpus(documents, groups, of_set)


def count_local(sources: Iterable[str | Path], *, questions: bool = True) -> tuple[int, int, int]:
    """Documents, questions and characters of folders, without a tokenizer.

    Raises:
        DocumentError: as `load_corpus`.
    """
    documents = questions_asked = characters = 0
    for source in map(Path, sources):
        found, asked = _read(source, questions=questions)
        for _, text in found:
            documents += 1
            characters += len(text)
        questions_asked += sum(1 for _ in asked)
    return documents, questions_asked, characters


def _read(
    source: Path, *, questions: bool
) -> tuple[Iterable[tuple[str, str]], Iterable[tuple[str, Asked]]]:
    """(id, text) of a source's documents, and its questions with their documents' ids."""
    if not questions:
        return read_texts(source), ()
    texts, asked = read_folder(source)
    return texts.items(), asked


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


def in_tokens(asked: Asked, index: int, document: TokenisedDocument) -> Question:
    """A question about document number `index`, its evidence in tokens."""
    return Question(
        document=index,
        text=asked.question.strip(),
        answers=tuple(answer.strip() for answer in asked.answers),
        evidence=tuple(document.tokens_of(start, end) for start, end in asked.evidence),
        options=tuple(option.strip() for option in asked.options),
        kind=asked.kind,
        history=asked.history,
    )
