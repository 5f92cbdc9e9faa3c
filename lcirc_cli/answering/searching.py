"""The best places of a collection for a question, without an answer.

Ranked as for an answer: by words and, where the adapter has one, by its own scores.
"""

from __future__ import annotations

from dataclasses import dataclass

from lcirc_cli.answering.answerer import Answerer
from lcirc_cli.evidence import Citation, citations


@dataclass(frozen=True)
class Found:
    """A passage, and what of it fits the question best."""

    citation: Citation
    start: int  # of the passage in the document's text
    end: int
    text: str


def search(answerer: Answerer, question: str, *, limit: int) -> list[Found]:
    """At most `limit` passages, best first; each with a verbatim quote.

    Raises:
        UsageError: the question is empty, or longer than the model has room for.
    """
    answerer.check([question])
    index = answerer.collection.index
    scores = answerer.rank([question], answerer.steer([question], reads_memory=False))[0]
    found = []
    for citation in citations(question, "", index=index, scores=scores, limit=limit):
        start, end = _passage(answerer, citation)
        text = index.texts[citation.document_index].text[start:end]
        found.append(Found(citation, start, end, text))
    return found


def _passage(answerer: Answerer, citation: Citation) -> tuple[int, int]:
    """The passage in which a quote begins, with all of the quote."""
    rows = answerer.collection.index.passages.rows
    own = rows[rows[:, 0] == citation.document_index]
    at = max(0, int((own[:, 1] <= citation.start).sum()) - 1)
    start, end = own[at, 1:3].tolist()
    return min(start, citation.start), max(end, citation.end)
