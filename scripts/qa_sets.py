"""Question sets for the scripts in this folder: documents.jsonl.gz and qa.jsonl.gz of a folder.

Evidence needs text alone: what is indexed here has no tokens.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lcirc_cli.evidence import Text
from lcirc_cli.files import atomic_write, make_folder
from lcirc_cli.qa.form import read_folder


@dataclass(frozen=True)
class Question:
    """A question and its gold evidence as character ranges; none where it can't be answered."""

    text: str
    answers: tuple[str, ...]
    evidence: tuple[tuple[int, int], ...]

    def touches(self, start: int, end: int, *, share: float = 0.0) -> bool:
        """Whether text[start:end] overlaps the evidence by more than `share` of the shorter."""
        return any(
            min(end, b) - max(start, a) > share * min(end - start, b - a) for a, b in self.evidence
        )


@dataclass(frozen=True)
class Labelled:
    """A document's text with its questions."""

    id: str
    text: str
    questions: tuple[Question, ...]


def read_set(folder: Path) -> list[Labelled]:
    """All documents of a set that have questions, in the order of the file."""
    texts, asked = read_folder(folder)
    questions: dict[str, list[Question]] = {}
    for identity, each in asked:
        question = Question(each.question, each.answers, each.evidence)
        questions.setdefault(identity, []).append(question)
    return [
        Labelled(identity, text, tuple(questions[identity]))
        for identity, text in texts.items()
        if identity in questions
    ]


def write_set(folder: Path, documents: Sequence[Labelled]) -> None:
    """Write documents.jsonl and qa.jsonl."""
    texts = [
        {"id": each.id, "title": "", "text": each.text, "source": "", "license": ""}
        for each in documents
    ]
    questions = [
        {
            "document_id": each.id,
            "question": question.text,
            "answers": question.answers,
            "evidence": question.evidence,
        }
        for each in documents
        for question in each.questions
    ]
    make_folder(folder)
    for name, rows in (("documents", texts), ("qa", questions)):
        written = "".join(json.dumps(row) + "\n" for row in rows)
        atomic_write(folder / f"{name}.jsonl", written.encode())


def texts_without_tokens(texts: Sequence[str]) -> list[Text]:
    """Texts to index: evidence needs no tokens."""
    return [Text(f"document {n}", text, np.zeros(0, np.int64)) for n, text in enumerate(texts)]
