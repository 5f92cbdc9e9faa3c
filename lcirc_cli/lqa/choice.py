"""Which model a run asks, and whether it keeps to a form that it is only told.

Some servers pass over the schema of a reply without a word, and a small model behind one does not
keep to a form that it is only told. It may still go on from worked examples.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

from lcirc_cli.endpoints.chat import ChatModel, Refused, Reply
from lcirc_cli.endpoints.dialect import Dialect
from lcirc_cli.endpoints.replies import UnreadableReply, parse_object
from lcirc_cli.lqa.models.opening import ModelChoice
from lcirc_cli.lqa.pairs.outline import Outline
from lcirc_cli.lqa.pairs.questions import question_request, read_pair
from lcirc_cli.lqa.records import PairPlan, SourceDocument
from lcirc_cli.lqa.settings import LOCAL, EngineSettings, PairSettings
from lcirc_cli.prompts import load

AGAINST = 3  # replies in another form than was asked for
ATTEMPTS = 8


async def follows_instructions(model: ChatModel) -> bool:
    """False where three replies to an instruction are not of the form that it asks for.

    One that is says that the model can; one that came to harm on its way says nothing.

    Raises:
        EndpointError: the model can't be used.
    """
    text = load("lqa/probe.txt")
    plan = PairPlan(0, "span", (Outline(text).place_at(0.5),))
    request = question_request(SourceDocument("probe", "", text), plan, PairSettings(LOCAL))
    against = 0
    for _ in range(ATTEMPTS):
        reply = Reply("")
        try:
            reply = await model.complete(request)
            read_pair(reply.text, "probe", plan, seed=0)
            return True
        except Refused:
            against += 1
        except UnreadableReply:
            against += not _harmed(reply)
        if against == AGAINST:
            return False
    return True


def _harmed(reply: Reply) -> bool:
    """Whether a reply looks lost or cut on its way rather than written like this."""
    if not reply.text.strip():
        return True
    try:
        parse_object(reply.text)
    except UnreadableReply:
        return reply.complete and "{" in reply.text
    return False


def choose_model(generator: str, backbone: str, engine: EngineSettings) -> ModelChoice:
    """The choice, with what the endpoint understands found out.

    Raises:
        EndpointError: there is no answer, or no form of request is understood.
    """
    choice = ModelChoice(generator, backbone)
    if generator == LOCAL:
        return choice

    from lcirc_cli.endpoints.endpoint import EndpointModel, negotiate

    async def ask() -> Dialect:
        model = choice.open(engine)
        assert isinstance(model, EndpointModel)
        try:
            dialect = model.dialect = await negotiate(model)
            return replace(dialect, examples=not await follows_instructions(model))
        finally:
            await model.aclose()

    return ModelChoice(generator, backbone, asyncio.run(ask()))
