"""What travels through the pipeline: documents, planned places, pairs and why they were dropped.

Knows nothing about files, models or prompts; the JSON forms here are those of the output.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from lcirc_cli.executors.trove import Document


@dataclass(frozen=True)
class SourceDocument:
    """A document as the pairs are made from it; offsets everywhere are characters of `text`."""

    id: str
    title: str
    text: str
    source: str = ""
    license: str = ""
    language: str = ""
    tokens: int = 0
    problem: str = ""  # why it could not be read

    def to_json(self) -> dict[str, Any]:
        """The form of a line of documents.jsonl."""
        row = dict(vars(self))
        del row["problem"]
        return row

    def to_trove(self) -> Document:
        """The form of datatrove, with the other fields as metadata."""
        row = self.to_json()
        return Document(id=row.pop("id"), text=row.pop("text"), metadata=row)

    @classmethod
    def from_trove(cls, document: Document, *, license: str = "") -> SourceDocument:
        """The other way; `license` is for a document that names none."""
        names = ("title", "source", "license", "language", "tokens")
        fields = {name: document.metadata[name] for name in names}
        fields["license"] = fields["license"] or license
        return cls(document.id, text=document.text, **fields)


@dataclass(frozen=True)
class Place:
    """Where evidence shall lie: a passage, and in it the sentence to ask about."""

    start: int
    end: int
    focus_start: int
    focus_end: int


@dataclass(frozen=True)
class PairPlan:
    """One pair that shall be made."""

    index: int  # its number within the document, from 0
    kind: str  # one of settings.KINDS
    places: tuple[Place, ...]  # one, or two to three in the order of the document
    extracts: tuple[Place, ...] = ()  # other parts, for wrong options
    wanted: str = ""  # the right answer of a yes/no question


@dataclass(frozen=True)
class Pair:
    """A question with its answer and evidence, accepted or not."""

    document_id: str
    index: int
    kind: str
    question: str
    answers: tuple[str, ...] = ()  # a list question has one entry a thing; () = unanswerable
    options: tuple[str, ...] = ()
    quotes: tuple[str, ...] = ()  # as the model gave them; once located, text[start:end]
    evidence: tuple[tuple[int, int], ...] = ()

    @property
    def id(self) -> str:
        return f"{self.document_id}#{self.index}"

    def located(self, evidence: tuple[tuple[int, int], ...], text: str) -> Pair:
        """The pair with its evidence found: the quotes become exact slices of `text`."""
        return replace(
            self, evidence=evidence, quotes=tuple(text[start:end] for start, end in evidence)
        )

    def to_json(self) -> dict[str, Any]:
        """The form of a line of qa.jsonl.

        `quote` is `text[start:end]` of the first piece of evidence; with several pieces
        `quotes` has them all. A list question's `answers` holds one string: the things,
        joined by "; ", as every reader scores a prediction against each entry by itself;
        `items` has them apart.
        """
        record: dict[str, Any] = {
            "id": self.id,
            "document_id": self.document_id,
            "question": self.question,
            "answers": ["; ".join(self.answers)] if self.kind == "list" else list(self.answers),
            "evidence": [list(span) for span in self.evidence],
            "type": self.kind,
        }
        if self.kind == "list":
            record["items"] = list(self.answers)
        if self.options:
            record["options"] = list(self.options)
        if self.evidence:
            record["quote"] = self.quotes[0]
        if len(self.evidence) > 1:
            record["quotes"] = list(self.quotes)
        return record


@dataclass(frozen=True)
class Rejection:
    """Why a pair was dropped: the filter's name and what it saw."""

    reason: str
    detail: str = ""


@dataclass(frozen=True)
class Judged:
    """A pair and the verdict on it; `rejection` None means accepted."""

    pair: Pair
    rejection: Rejection | None = None
    reply: str = ""  # the model's own words where no pair could be read from them

    def to_json(self) -> dict[str, Any]:
        """The form of a line of rejected.jsonl, for a rejected pair."""
        record = self.pair.to_json()
        if self.rejection is not None:
            record |= {"reason": self.rejection.reason, "detail": self.rejection.detail}
        if self.pair.quotes and not self.pair.evidence:
            record["quotes"] = list(self.pair.quotes)
        if self.reply:
            record["reply"] = self.reply
        return record
