"""What a run would take, without asking anything: documents, requests, tokens and cost.

Reads and filters the documents as the run would, and builds every request of pairs that pass all
filters: the upper end, as a pair that fails is not asked about any more. Duplicates are not
looked for.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from lcirc_cli.endpoints.asking import Asker, Reader
from lcirc_cli.endpoints.chat import ChatRequest
from lcirc_cli.endpoints.replies import UnreadableReply
from lcirc_cli.errors import UsageError
from lcirc_cli.lqa.documents.inputs import HubShard, plan_units
from lcirc_cli.lqa.documents.prepare import DocumentFilter, document_filters, save_benchmarks
from lcirc_cli.lqa.documents.tokens import TokenCounter
from lcirc_cli.lqa.pairs.examiner import FILTERS, Examiner
from lcirc_cli.lqa.pairs.questions import question_request
from lcirc_cli.lqa.pairs.spans import plan_pairs
from lcirc_cli.lqa.pairs.view import DocumentView
from lcirc_cli.lqa.records import Pair, PairPlan, SourceDocument
from lcirc_cli.lqa.settings import LqaSettings, PairSettings

_QUESTION = "What exactly is it that was said to have been done there by these people, and when?"
_ANSWER = "a short answer of six words"
_REPLY_TOKENS = {"question": 110}  # seen with models that keep to the form
_CHECK_REPLY_TOKENS = 20
_FRAME_TOKENS = 12  # what a chat template adds


@dataclass
class Estimate:
    """The sums."""

    documents: int
    document_tokens: int
    dropped: Counter[str]
    pairs: int
    requests: Counter[str]
    prompt_tokens: int
    reply_tokens: int

    def cost(self, price_in: float, price_out: float) -> float:
        """In the currency of the prices, which are for a million tokens."""
        return (self.prompt_tokens * price_in + self.reply_tokens * price_out) / 1e6

    def to_json(self) -> dict[str, Any]:
        """The sums by name."""
        return {
            "documents": self.documents,
            "document_tokens": self.document_tokens,
            "dropped": dict(sorted(self.dropped.items())),
            "pairs": self.pairs,
            "requests": self.requests.total(),
            "requests_by_purpose": dict(sorted(self.requests.items())),
            "prompt_tokens": self.prompt_tokens,
            "reply_tokens": self.reply_tokens,
        }


def estimate_run(settings: LqaSettings) -> Estimate:
    """What this run would take.

    Raises:
        UsageError: a whole data set of the Hub would have to be read for it.
        DocumentError: an input can't be read.
    """
    wanted = settings.documents
    units = plan_units(wanted.inputs, out=settings.out, offline=settings.engine.offline)
    if wanted.max_documents is None and any(isinstance(unit, HubShard) for unit in units):
        raise UsageError("add --max-documents: a whole data set would have to be read for this")
    counter = TokenCounter(wanted.model, offline=settings.engine.offline)
    with TemporaryDirectory() as folder:
        benchmarks = save_benchmarks(wanted.decontaminate, Path(folder) / "benchmarks.npy")
        steps = document_filters(wanted, benchmarks, offline=settings.engine.offline)
        documents = (document for unit in units for document in unit.read())
        return estimate(documents, steps, settings.pairs, counter, most=wanted.max_documents)


def estimate(
    documents: Iterable[SourceDocument],
    steps: list[DocumentFilter],
    settings: PairSettings,
    counter: TokenCounter,
    *,
    most: int | None,
) -> Estimate:
    """Go through the documents and add up.

    Args:
        steps: the filters of the run, in their order.
        most: stop after so many good documents.
    """
    asked = _Counting(counter)
    total = Estimate(0, 0, Counter(), 0, asked.requests, 0, 0)
    for document in documents:
        trove = document.to_trove()
        if document.problem:
            total.dropped["unreadable"] += 1
            continue
        for step in steps:
            if "dropped" not in trove.metadata:
                step.look_at(trove)
        if "dropped" in trove.metadata:
            total.dropped[trove.metadata["dropped"]["reason"]] += 1
            continue
        source = SourceDocument.from_trove(trove)
        total.documents += 1
        total.document_tokens += source.tokens
        total.pairs += asyncio.run(_document(source, asked, settings))
        if total.documents == most:
            break
    total.prompt_tokens, total.reply_tokens = asked.prompt_tokens, asked.reply_tokens
    return total


async def _document(document: SourceDocument, asked: _Counting, settings: PairSettings) -> int:
    plans = plan_pairs(document.id, document.text, settings)
    examiner = Examiner(DocumentView(document), asked, settings.thresholds)
    for plan in plans:
        asked.count(question_request(document, plan, settings))
        pair = _stand_in(document, plan)
        for name in FILTERS:
            await examiner.verdict(name, pair)
    return len(plans)


def _stand_in(document: SourceDocument, plan: PairPlan) -> Pair:
    """A pair of usual size, with the sentences to ask about as its evidence."""
    spans = tuple((place.focus_start, place.focus_end) for place in plan.places)
    answers: tuple[str, ...] = (document.text[slice(*spans[0])][:30],)
    if plan.kind == "unanswerable":
        return Pair(document.id, plan.index, plan.kind, _QUESTION)
    if plan.kind == "yes_no":
        answers = (plan.wanted,)
    options = tuple(f"{_ANSWER} {number}" for number in range(4)) if plan.kind == "choice" else ()
    pair = Pair(document.id, plan.index, plan.kind, _QUESTION, answers, options)
    return pair.located(spans, document.text)


class _Counting(Asker):
    """Takes requests as an Asker does, and counts them."""

    def __init__(self, counter: TokenCounter) -> None:
        self._counter = counter
        self.requests: Counter[str] = Counter()
        self.prompt_tokens = 0
        self.reply_tokens = 0

    async def ask(self, request: ChatRequest, read: Reader[Any]) -> Any:
        """Count it; nothing can be read from what nobody said."""
        self.count(request)
        raise UnreadableReply("this is an estimate")

    def count(self, request: ChatRequest) -> None:
        """Add one request."""
        self.requests[request.purpose] += 1
        prompt = self._counter.count(request.system) + self._counter.count(request.user)
        self.prompt_tokens += prompt + _FRAME_TOKENS
        self.reply_tokens += _REPLY_TOKENS.get(request.purpose, _CHECK_REPLY_TOKENS)
