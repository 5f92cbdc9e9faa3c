"""Which filters a pair must pass, in which order, and what the verdict is.

The filters without a model come first, then those that ask one, cheap checks before expensive ones.
Near-duplicates are looked for last, among what was accepted, so that a bad question never costs
a good one its place.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from lcirc_cli.endpoints.asking import Asker, RefusedReply
from lcirc_cli.endpoints.replies import UnreadableReply
from lcirc_cli.lqa.pairs import checks, filters
from lcirc_cli.lqa.pairs.view import DocumentView
from lcirc_cli.lqa.records import Judged, Pair, Rejection
from lcirc_cli.lqa.settings import Thresholds


class Examiner:
    """Judges pairs of one document."""

    def __init__(self, view: DocumentView, asker: Asker, limits: Thresholds) -> None:
        self.view = view
        self.asker = asker
        self.limits = limits

    async def judge(self, pair: Pair) -> Rejection | None:
        """The first filter's rejection, or None where the pair passes all of them."""
        for name in FILTERS:
            rejection = await self.verdict(name, pair)
            if rejection is not None:
                return rejection
        return None

    async def verdict(self, name: str, pair: Pair) -> Rejection | None:
        """What one of FILTERS says, whatever the others do."""
        found = FILTERS[name](self, pair)
        try:
            return found if found is None or isinstance(found, Rejection) else await found
        except RefusedReply as refusal:
            return Rejection("refused", f"{name}: {refusal}")
        except UnreadableReply as error:
            return Rejection("unreadable_reply", f"{name}: {error}")


Verdict = Rejection | None
FILTERS: dict[str, Callable[[Examiner, Pair], Verdict | Awaitable[Verdict]]] = {
    "quote": lambda self, pair: filters.verbatim(pair, self.view),
    "length": lambda self, pair: filters.length(pair, self.limits),
    "pointing": lambda self, pair: filters.pointing(pair),
    "language": lambda self, pair: filters.in_language(pair, self.view.document.language),
    "options": lambda self, pair: filters.options(pair, self.view),
    "supported": lambda self, pair: checks.supported(pair, self.view, self.asker),
    "round_trip": lambda self, pair: checks.round_trip(
        pair, self.view, self.asker, threshold=self.limits.round_trip_f1
    ),
    "closed_book": lambda self, pair: checks.closed_book(
        pair, self.asker, threshold=self.limits.closed_book_f1
    ),
    "unanswerable": lambda self, pair: checks.unanswerable(pair, self.view, self.asker),
}

# Every reason that a rejected pair can have, as the data card explains it, in the order in which
# they are found.
REASONS = {
    "unreadable_reply": "no pair, or no verdict, could be read from the model's reply",
    "refused": "the server refused the request",
    "quote_not_found": "the evidence is not in the document word for word",
    "length": "question, answer or quote too short or too long",
    "points_at_passage": 'the question points at "the passage" instead of naming things',
    "language": "the question is in another language than the document",
    "options": "options equal, or not from the document",
    "not_supported": "the quote does not prove the answer",
    "round_trip": "answered again from the evidence alone, the answer is another one",
    "closed_book": "answerable without the document",
    "answerable": "meant to be unanswerable, but the document answers it",
    "near_duplicate": "asks the same as an earlier question about the document",
}


def without_duplicates(judged: list[Judged], threshold: float) -> list[Judged]:
    """The same pairs, with those rejected that ask what an earlier accepted one asks."""
    kept: list[Pair] = []
    result = []
    for entry in judged:
        if entry.rejection is None:
            rejection = filters.near_duplicate(entry.pair, kept, threshold)
            if rejection is None:
                kept.append(entry.pair)
            entry = Judged(entry.pair, rejection)
        result.append(entry)
    return result
