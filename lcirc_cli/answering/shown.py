"""The passages that a model on a server is shown: numbered, with their places, within a budget.

Knows nothing about servers.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from lcirc_cli.answering.answer import Sent
from lcirc_cli.answering.windows import fitting
from lcirc_cli.evidence import PassageIndex, citations, ranking

READER_TOKENS = 2_000  # document tokens that are sent, unless a person says otherwise


@dataclass(frozen=True)
class Shown:
    """A passage under the number that the model knows it by."""

    id: int
    passage: int  # its number in the index
    text: str
    tokens: int


def choose(index: PassageIndex, scores: np.ndarray, *, budget: int) -> list[Shown]:
    """The best passages that fit in `budget` document tokens, in document order, from 1.

    Of the very best one at least a part is there; the rest of a sentence comes before what is
    ranked below it.
    """
    order = ranking(scores).tolist()
    ranked = [index.passages[number] for number in order]
    chosen, _ = fitting(index.with_halves(ranked), budget)
    if not chosen and ranked and budget > 0:
        return [Shown(1, order[0], index.beginning(ranked[0], tokens=budget), budget)]
    return numbered(index, sorted(map(index.number, chosen)))


def numbered(index: PassageIndex, passages: Sequence[int]) -> list[Shown]:
    """These passages of the index, whole, under the numbers from 1."""
    return [
        Shown(
            id,
            number,
            index.text(number),
            index.passages[number].end_token - index.passages[number].first_token,
        )
        for id, number in enumerate(passages, start=1)
    ]


def as_text(index: PassageIndex, shown: Sequence[Shown]) -> str:
    """What is sent: each passage below its number and its place."""
    return "\n\n".join(f"[{one.id}] ({place(index, one)})\n{one.text.strip()}" for one in shown)


def place(index: PassageIndex, shown: Shown) -> str:
    """`book.pdf, page 12`."""
    where = index.passages[shown.passage]
    document = index.texts[where.document]
    page = document.page_at(where.start)
    if page is None or (page.number is None and page.section is None):
        return document.name
    return f"{document.name}, " + (
        f"page {page.number}" if page.number is not None else str(page.section)
    )


def sent(
    index: PassageIndex,
    shown: Sequence[Shown],
    *,
    used: Collection[int],
    question: str,
    answer: str,
) -> tuple[Sent, ...]:
    """What was shown, for an answer's record; those that the answer names have a quote."""
    found = []
    for one in shown:
        where = index.passages[one.passage]
        document = index.texts[where.document]
        page = document.page_at(where.start)
        quote = None
        if one.id in used:
            alone = np.zeros(len(index.passages))
            alone[one.passage] = 1.0
            best = citations(question, answer, index=index, scores=alone, limit=1)
            quote = best[0].quote if best else None
        found.append(
            Sent(
                id=one.id,
                used=one.id in used,
                document=document.name,
                document_index=where.document,
                page=page.number if page else None,
                section=page.section if page else None,
                start=where.start,
                end=where.start + len(one.text),
                quote=quote,
            )
        )
    return tuple(found)
