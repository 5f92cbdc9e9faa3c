"""Asking for a question: the request for a planned pair, and the pair from the reply.

Knows nothing about whether a pair is any good; that is in `filters` and `checks`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lcirc_cli.endpoints.chat import ChatRequest
from lcirc_cli.endpoints.replies import UnreadableReply, list_field, parse_object, text_field
from lcirc_cli.lqa import chance
from lcirc_cli.lqa.models.forms import COPY, TEXT, Form, one_of, texts
from lcirc_cli.lqa.records import Pair, PairPlan, Place, SourceDocument
from lcirc_cli.lqa.settings import PairSettings
from lcirc_cli.prompts import fill, load

WRONG_OPTIONS = 3
MOST_ITEMS = 6
_ANSWERS = {
    "span": COPY,
    "number": COPY,
    "yes_no": one_of("yes", "no"),
    "list": texts(2, MOST_ITEMS, of=COPY),
    "choice": COPY,
}


def question_request(
    document: SourceDocument, plan: PairPlan, settings: PairSettings
) -> ChatRequest:
    """The request for one planned pair."""
    form = _form(plan)
    if plan.kind == "unanswerable":
        template = load("lqa/question_unanswerable.txt")
    elif len(plan.places) > 1:
        template = load("lqa/question_multi.txt")
    else:
        template = load("lqa/question.txt")
    passages = [_slice(document.text, place) for place in plan.places]
    first = plan.places[0]
    sentence = document.text[first.focus_start : first.focus_end]
    user = fill(
        template,
        title_clause=f' called "{document.title}"' if document.title else "",
        passage=passages[0],
        passages="\n\n".join(f"PASSAGE {i}\n{text}" for i, text in enumerate(passages, start=1)),
        count=str(len(passages)),
        sentence=sentence,
        extracts=_extracts(document.text, plan),
        task=_task(plan),
        form=str(form),
    )
    return ChatRequest(
        purpose="question",
        system=load("lqa/system.txt"),
        user=user,
        schema=form.schema,
        max_tokens=settings.max_answer_tokens,
        temperature=settings.temperature,
        seed=chance.integer(settings.seed, document.id, plan.index, "request") % 2**31,
        examples=_examples(document.text, plan, sentence),
        source=_source(document.text, plan, passages, sentence),
    )


def _examples(text: str, plan: PairPlan, sentence: str) -> str:
    """The request as worked examples; none for several pieces, which small models can't join."""
    if len(plan.places) > 1:
        return ""
    return fill(
        load(f"lqa/local/question_{plan.kind}.txt"),
        sentence=even(sentence),
        extracts=even(_elsewhere(text, plan)),
        wanted=plan.wanted,
    )


def _source(text: str, plan: PairPlan, passages: list[str], sentence: str) -> str:
    """What may be copied, with even space: `find_quote` finds it all the same."""
    shown = passages if len(passages) > 1 else [sentence]
    return "\n".join(even(piece) for piece in [*shown, _elsewhere(text, plan)])


def _elsewhere(text: str, plan: PairPlan) -> str:
    return "\n".join(_slice(text, place) for place in plan.extracts)


def even(text: str) -> str:
    """The text with single blanks for all its white space."""
    return " ".join(text.split())


def read_pair(text: str, document_id: str, plan: PairPlan, *, seed: int) -> Pair:
    """The pair that a reply describes, its evidence not yet found in the document.

    Raises:
        UnreadableReply: it isn't of the form that was asked for.
    """
    value = parse_object(text)
    question = text_field(value, "question")
    if plan.kind == "unanswerable":
        return Pair(document_id, plan.index, plan.kind, question)
    if plan.kind == "list":
        answers = list_field(value, "answer", least=2, most=MOST_ITEMS)
    else:
        answers = (text_field(value, "answer"),)
    if plan.kind == "yes_no":
        answers = (answers[0].lower().rstrip("."),)
        if answers[0] not in ("yes", "no"):
            raise UnreadableReply("the answer is neither yes nor no")
    options: tuple[str, ...] = ()
    if plan.kind == "choice":
        wrong = list_field(value, "wrong_options", least=WRONG_OPTIONS, most=WRONG_OPTIONS)
        options = tuple(
            chance.shuffled((*answers, *wrong), seed, document_id, plan.index, "options")
        )
    if len(plan.places) > 1:
        quotes = list_field(value, "quotes", least=len(plan.places), most=len(plan.places))
    else:
        quotes = (text_field(value, "quote"),)
    return Pair(document_id, plan.index, plan.kind, question, answers, options, quotes)


def _form(plan: PairPlan) -> Form:
    if plan.kind == "unanswerable":
        return Form({"question": TEXT, "missing": TEXT})
    # What is proved and by what comes first: the question can then be written to fit.
    fields: dict[str, Mapping[str, Any]] = {}
    if len(plan.places) > 1:
        fields["quotes"] = texts(len(plan.places), len(plan.places), of=COPY)
    else:
        fields["quote"] = COPY
    fields["answer"] = _ANSWERS[plan.kind]
    if plan.kind == "choice":
        fields["wrong_options"] = texts(WRONG_OPTIONS, WRONG_OPTIONS, of=COPY)
    return Form({**fields, "question": TEXT})


def _task(plan: PairPlan) -> str:
    if plan.kind == "unanswerable":
        return ""
    return fill(load(f"lqa/kind_{plan.kind}.txt"), wanted=plan.wanted)


def _extracts(text: str, plan: PairPlan) -> str:
    if not plan.extracts:
        return ""
    pieces = "\n\n".join(_slice(text, place) for place in plan.extracts)
    return f"\nOTHER EXTRACTS (for wrong options only)\n{pieces}\n"


def _slice(text: str, place: Place) -> str:
    return text[place.start : place.end]
