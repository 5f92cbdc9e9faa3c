"""Documents of a question set joined in memories, alone or among others, for the scripts here."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from qa_sets import Question, read_set

from lcirc_cli.documents.document import Document, Page
from lcirc_cli.engine import Engine
from lcirc_cli.memory.contents import MemoryContents, select
from lcirc_cli.memory.file import load_memory
from lcirc_cli.qa.form import read_folder

Asked = tuple[int, Question]  # the number of its document in the memory


@dataclass(frozen=True)
class Joined:
    """Documents that stand in one memory, and the questions to some of them."""

    texts: Sequence[str]
    asked: Sequence[Asked]


def joined(
    folder: Path,
    *,
    join: int,
    limit: int,
    draw: random.Random,
    fill: int = 0,
    others: Sequence[Path] = (),
) -> list[Joined]:
    """A set's documents, `join` in a memory, with drawn questions that have evidence.

    Args:
        limit: questions in all.
        fill: how many documents a memory has with those of `others`, which are drawn and stand
            before and behind the set's own.
    """
    documents = read_set(folder)
    more = [text for each in others for _, text in sorted(read_folder(each)[0].items())]
    groups = [documents[at : at + join] for at in range(0, len(documents) - join + 1, join)]
    found = []
    for group in groups:
        filling = draw.sample(more, max(0, fill - join))
        before, behind = filling[::2], filling[1::2]
        asked = [
            (number, question)
            for number, one in enumerate(group, start=len(before))
            for question in one.questions
            if question.evidence
        ]
        asked = draw.sample(asked, min(len(asked), limit // len(groups)))
        found.append(Joined([*before, *(one.text for one in group), *behind], asked))
    return found


def memories_of(
    engine: Engine, groups: Sequence[Joined], file: Path | None
) -> Iterator[MemoryContents]:
    """A memory for each group, whose features are computed when they are read.

    Args:
        file: a memory file that has all documents, with features.
    """
    held = load_memory(file) if file else None
    numbers = {one.text: n for n, one in enumerate(held.documents)} if held else {}
    for group in groups:
        if held is not None:
            yield select(held, [numbers[text] for text in group.texts])
        else:
            yield engine.open([_document(n, text) for n, text in enumerate(group.texts)])


def among(group: Joined, file: Path) -> tuple[Joined, MemoryContents]:
    """The same questions to a whole memory file that has their documents."""
    held = load_memory(file)
    texts = [document.text for document in held.documents]
    asked = [(texts.index(group.texts[number]), question) for number, question in group.asked]
    return Joined(texts, asked), held


def _document(number: int, text: str) -> Document:
    return Document(f"{number}.txt", text, (Page(None, None, 0, len(text)),), str(number), "text")


def holds(memory: MemoryContents, asked: Asked, chosen: Collection[int]) -> bool:
    """Whether a chosen segment touches the question's evidence."""
    number, question = asked
    own = memory.documents[number]
    first, count = own.first_token, own.num_tokens
    starts = memory.token_starts[first : first + count].numpy()
    edges = np.cumsum([0, *memory.segment_lengths])
    for start, end in question.evidence:
        tokens = first + np.maximum(np.searchsorted(starts, [start, end - 1], side="right") - 1, 0)
        low, high = np.searchsorted(edges, tokens, side="right") - 1
        if any(low <= each <= high for each in chosen):
            return True
    return False
