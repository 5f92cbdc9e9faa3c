"""All pairs of one document: planned, asked for, judged. The heart of make-lqa.

Depends on the document, the settings and the model's replies alone, so any worker that makes the
pairs of a document makes the same ones.
"""

from __future__ import annotations

import asyncio

from lcirc_cli.endpoints.asking import Asker, RefusedReply
from lcirc_cli.endpoints.replies import UnreadableReply
from lcirc_cli.lqa.pairs.examiner import Examiner, without_duplicates
from lcirc_cli.lqa.pairs.filters import locate_evidence
from lcirc_cli.lqa.pairs.questions import question_request, read_pair
from lcirc_cli.lqa.pairs.spans import plan_pairs
from lcirc_cli.lqa.pairs.view import DocumentView
from lcirc_cli.lqa.records import Judged, Pair, PairPlan, Rejection, SourceDocument
from lcirc_cli.lqa.settings import PairSettings


async def make_pairs(
    document: SourceDocument, asker: Asker, settings: PairSettings
) -> list[Judged]:
    """Every planned pair of a document with its verdict, in the order of their numbers.

    Raises:
        EndpointError: the model can't be used.
    """
    plans = plan_pairs(document.id, document.text, settings)
    examiner = Examiner(DocumentView(document), asker, settings.thresholds)
    tasks = [
        asyncio.ensure_future(_one(document, plan, asker, examiner, settings)) for plan in plans
    ]
    try:
        judged = await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()  # after an error the others must not ask on
    return without_duplicates(list(judged), settings.thresholds.near_duplicate)


async def _one(
    document: SourceDocument,
    plan: PairPlan,
    asker: Asker,
    examiner: Examiner,
    settings: PairSettings,
) -> Judged:
    request = question_request(document, plan, settings)

    def read(text: str) -> Pair:
        return read_pair(text, document.id, plan, seed=settings.seed)

    nothing = Pair(document.id, plan.index, plan.kind, question="")
    try:
        pair = await asker.ask(request, read)
    except RefusedReply as refusal:
        return Judged(nothing, Rejection("refused", f"question: {refusal}"))
    except UnreadableReply as error:
        reply = getattr(error, "reply", "")
        return Judged(nothing, Rejection("unreadable_reply", f"question: {error}"), reply)
    if pair.kind != "unanswerable":
        located = locate_evidence(pair, document.text, plan)
        if isinstance(located, Rejection):
            return Judged(pair, located)
        pair = located
    return Judged(pair, await examiner.judge(pair))
