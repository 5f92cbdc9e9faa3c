"""Our own form: documents.jsonl[.gz] and qa.jsonl[.gz] in a folder (DESIGN.md, section 6).

With `join` > 1 the documents are put together in groups, each question is asked about its whole
group, and the evidence moves along. The trained adapter is judged by this task.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lcirc_cli.qa.form import Asked, find_file, read_folder

from ..sample import Sample
from .options import TaskOptions

JOINT = "\n\n"
MAX_NEW_TOKENS = 64


@dataclass(frozen=True)
class Joined:
    """A document made of one or more, with the place and the text of each."""

    id: str
    text: str
    offsets: dict[str, int]
    parts: tuple[str, ...]


@dataclass(frozen=True)
class DocumentQuestions:
    """Every question of a folder, about its own document or a group that holds it.

    Args:
        listed: whether a question shows its options.
    """

    name: str
    folder: Path
    join: int
    seed: int
    listed: bool = True
    note = ""

    @property
    def metric(self) -> str:
        return "squad"

    def samples(self) -> Iterator[Sample]:
        """Raises DocumentError at the first line that lacks something."""
        documents, rows = read_folder(self.folder)
        questions = list(rows)
        home = join_documents(documents, count=self.join, seed=self.seed)
        by_type = len({asked.kind for _, asked in questions}) > 1
        for identity, asked in questions:
            joined = home[identity]
            yield self._sample(asked, joined, joined.offsets[identity], by_type=by_type)

    def _sample(self, asked: Asked, joined: Joined, shift: int, *, by_type: bool) -> Sample:
        return Sample(
            id=str(asked.line),
            document_id=joined.id,
            document=joined.text,
            question=asked.question + (_listed(asked.options) if self.listed else ""),
            prompt=None,
            answers=asked.answers,
            options=asked.options,
            metric=self.metric,
            max_new_tokens=MAX_NEW_TOKENS,
            truncation="middle",
            evidence=tuple((start + shift, end + shift) for start, end in asked.evidence),
            facets={"type": asked.kind or "none"} if by_type else {},
            parts=joined.parts,
            history=asked.history,
        )


def join_documents(documents: dict[str, str], *, count: int, seed: int) -> dict[str, Joined]:
    """For each document, the joined one in which its questions are asked.

    The documents are shuffled by `seed` and taken `count` at a time; a last group that is too
    small is filled up with documents of the others, so that all have the same number.
    """
    order = list(documents)
    if count > 1:
        random.Random(seed).shuffle(order)
    home: dict[str, Joined] = {}
    for first in range(0, len(order), count):
        own = order[first : first + count]
        others = [identity for identity in order if identity not in own]
        group = own + others[: count - len(own)]
        text, offsets = "", {}
        for identity in group:
            text += JOINT if text else ""
            offsets[identity] = len(text)
            text += documents[identity]
        parts = tuple(documents[identity] for identity in group)
        joined = Joined("+".join(group), text, offsets, parts)
        home |= dict.fromkeys(own, joined)
    return home


def _listed(options: tuple[str, ...]) -> str:
    return "".join(f"\n{chr(ord('A') + i)}. {option}" for i, option in enumerate(options))


def open_task(argument: str, options: TaskOptions) -> DocumentQuestions:
    """Raises DocumentError if the folder lacks one of its two files."""
    folder = Path(argument).expanduser()
    for name in ("documents", "qa"):
        find_file(folder, name)
    label = f"qa:{argument}" + (f"*{options.join}" if options.join > 1 else "")
    return DocumentQuestions(label, folder, options.join, options.seed, options.listed)
