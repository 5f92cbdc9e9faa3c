"""Whether an endpoint's model writes the form that instructions ask for, or wants examples.

Some servers pass over the schema of a reply without a word, and a small model behind one does not
keep to a form that it is only told. It may still go on from worked examples.
"""

from __future__ import annotations

from lcirc_cli.lqa.chat import ChatModel, Refused, Reply
from lcirc_cli.lqa.outline import Outline
from lcirc_cli.lqa.questions import question_request, read_pair
from lcirc_cli.lqa.records import PairPlan, SourceDocument
from lcirc_cli.lqa.replies import UnreadableReply, parse_object
from lcirc_cli.lqa.settings import LOCAL, PairSettings
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
