"""Which filters a pair must pass, in which order, and what the verdict is.

The filters without a model come first, then those that ask one, the cheap ones before the dear.
Near-duplicates are looked for last, among what was accepted, so that a bad question never costs
a good one its place.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from lcirc_cli.lqa.models.asking import Asker, RefusedReply
from lcirc_cli.lqa.models.replies import UnreadableReply
from lcirc_cli.lqa.pairs import checks, filters
from lcirc_cli.lqa.pairs.view import DocumentView
from lcirc_cli.lqa.records import Judged, Pair, Rejection
from lcirc_cli.lqa.settings import Thresholds


class Examiner:
    """Judges pairs of one document."""

    def __init__(self, view: DocumentView, asker: Asker, limits: Thresholds) -> None:
        self._view = view
        self._asker = asker
        self._limits = limits

    async def judge(self, pair: Pair) -> Rejection | None:
        """The first filter's rejection, or None where the pair passes all of them."""
        for name in FILTERS:
            rejection = await self.verdict(name, pair)
            if rejection is not None:
                return rejection
        return None

    async def verdict(self, name: str, pair: Pair) -> Rejection | None:
        """What one of FILTERS says, whatever the others do."""
        try:
            return await FILTERS[name](self, pair)
        except RefusedReply as refusal:
            return Rejection("refused", f"{name}: {refusal}")
        except UnreadableReply as error:
            return Rejection("unreadable_reply", f"{name}: {error}")

    async def _quote(self, pair: Pair) -> Rejection | None:
        return filters.verbatim(pair, self._view)

    async def _length(self, pair: Pair) -> Rejection | None:
        return filters.length(pair, self._limits)

    async def _pointing(self, pair: Pair) -> Rejection | None:
        return filters.pointing(pair)

    async def _language(self, pair: Pair) -> Rejection | None:
        return filters.in_language(pair, self._view.document.language)

    async def _options(self, pair: Pair) -> Rejection | None:
        return filters.options(pair, self._view)

    async def _supported(self, pair: Pair) -> Rejection | None:
        return await checks.supported(pair, self._view, self._asker)

    async def _round_trip(self, pair: Pair) -> Rejection | None:
        threshold = self._limits.round_trip_f1
        return await checks.round_trip(pair, self._view, self._asker, threshold=threshold)

    async def _closed_book(self, pair: Pair) -> Rejection | None:
        threshold = self._limits.closed_book_f1
        return await checks.closed_book(pair, self._asker, threshold=threshold)

    async def _unanswerable(self, pair: Pair) -> Rejection | None:
        return await checks.unanswerable(pair, self._view, self._asker)


FILTERS: dict[str, Callable[[Examiner, Pair], Awaitable[Rejection | None]]] = {
    "quote": Examiner._quote,
    "length": Examiner._length,
    "pointing": Examiner._pointing,
    "language": Examiner._language,
    "options": Examiner._options,
    "supported": Examiner._supported,
    "round_trip": Examiner._round_trip,
    "closed_book": Examiner._closed_book,
    "unanswerable": Examiner._unanswerable,
}

# Every reason that a rejected pair can have, in the order in which they are found.
REASONS = (
    "unreadable_reply",
    "refused",
    "quote_not_found",
    "length",
    "points_at_passage",
    "language",
    "options",
    "not_supported",
    "round_trip",
    "closed_book",
    "answerable",
    "near_duplicate",
)


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
