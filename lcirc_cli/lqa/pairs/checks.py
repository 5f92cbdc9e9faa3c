"""The filters that ask a model: supported, round trip, closed book, unanswerable.

Each builds its request, reads the reply and compares; a reply that can't be read rejects the
pair, as an unchecked pair is not a checked one. Knows nothing about which filters run or when.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lcirc_cli.endpoints.asking import Asker
from lcirc_cli.endpoints.chat import ChatRequest
from lcirc_cli.endpoints.replies import (
    UnreadableReply,
    flag_field,
    list_field,
    parse_object,
    text_field,
)
from lcirc_cli.lqa import chance
from lcirc_cli.lqa.models.forms import COPY, FLAG, TEXT, Form, one_of, texts
from lcirc_cli.lqa.pairs.questions import MOST_ITEMS, even
from lcirc_cli.lqa.pairs.scoring import agreement, contains
from lcirc_cli.lqa.pairs.view import DocumentView
from lcirc_cli.lqa.records import Pair, Rejection
from lcirc_cli.prompts import fill, load

PASSAGES = 4  # shown when an unanswerable question is checked
_CHECK_TOKENS = 200
_GUESSED = ("yes_no", "choice")
_SUPPORT = Form({"supported": FLAG})
_SEARCH = Form({"answerable": FLAG, "answer": TEXT, "quote": COPY})


async def supported(pair: Pair, view: DocumentView, asker: Asker) -> Rejection | None:
    """The quotes give the answer: word for word, or a model says so."""
    if pair.kind == "unanswerable":
        return None
    quoted = "\n".join(pair.quotes)
    literal = pair.kind != "yes_no" and len(pair.quotes) == 1
    if literal and all(contains(quoted, answer) for answer in pair.answers):
        return None
    shown = {
        "evidence": _evidence(pair, view),
        "question": pair.question,
        "answer": "; ".join(pair.answers),
    }
    request = _request("supported", _SUPPORT, load("lqa/support.txt"), "support", shown)
    yes = await asker.ask(request, lambda text: flag_field(parse_object(text), "supported"))
    return None if yes else Rejection("not_supported", "the quote doesn't prove the answer")


async def round_trip(
    pair: Pair, view: DocumentView, asker: Asker, *, threshold: float
) -> Rejection | None:
    """Asked again with the evidence alone, a model gives the same answer."""
    if pair.kind == "unanswerable":
        return None
    form = Form({"answerable": FLAG, "answer": _answer(pair, COPY)})
    shown = {
        "evidence": _evidence(pair, view),
        "question": pair.question,
        "options": _options(pair.options),
        "task": load(f"lqa/answer_{pair.kind}.txt"),
        "form": str(form),
    }
    request = _request(
        "round_trip", form, load("lqa/evidence_answer.txt"), f"evidence_{_group(pair)}", shown
    )
    given, said = await _answered(asker, request, pair, "answerable")
    if given and agreement(pair.kind, said, pair.answers) >= threshold:
        return None
    return Rejection("round_trip", "; ".join(said) if given else "no answer from the evidence")


async def closed_book(pair: Pair, asker: Asker, *, threshold: float) -> Rejection | None:
    """Asked without the document, a model doesn't know the answer.

    With options, a guess is right every fourth time: they are shown in two orders, and only who
    is right both times knows.
    """
    if pair.kind == "unanswerable":
        return None
    orders = [pair.options]
    if pair.options:
        orders.append(tuple(reversed(pair.options)))
    said: tuple[str, ...] = ()
    for order in orders:
        form = Form({"known": FLAG, "answer": _answer(pair, TEXT)})
        shown = {
            "question": pair.question,
            "options": _options(order),
            "task": load(f"lqa/answer_{pair.kind}.txt"),
            "form": str(form),
        }
        request = _request(
            "closed_book", form, load("lqa/closed_book.txt"), f"closed_book_{_group(pair)}", shown
        )
        known, said = await _answered(asker, request, pair, "known")
        if not known or agreement(pair.kind, said, pair.answers) < threshold:
            return None
    return Rejection("closed_book", "; ".join(said))


async def unanswerable(pair: Pair, view: DocumentView, asker: Asker) -> Rejection | None:
    """The parts of the document that fit an unanswerable question best don't answer it."""
    if pair.kind != "unanswerable":
        return None
    passages = view.best_passages(pair.question, count=PASSAGES)
    shown = {
        "passages": "\n\n".join(f"PART {i}\n{text}" for i, text in enumerate(passages, start=1)),
        "question": pair.question,
    }
    request = _request(
        "unanswerable", _SEARCH, load("lqa/document_answer.txt"), "document_answer", shown
    )

    def read(text: str) -> tuple[bool, str]:
        value = parse_object(text)
        return flag_field(value, "answerable"), text_field(value, "answer", empty=True)

    found, said = await asker.ask(request, read)
    return Rejection("answerable", said) if found and said else None


async def _answered(
    asker: Asker, request: ChatRequest, pair: Pair, flag: str
) -> tuple[bool, tuple[str, ...]]:
    """Whether an answer was given, and the answer as its parts.

    Small models deny with the flag and give the answer all the same. The answer counts then,
    unless it is of a kind that is right by chance too often.
    """

    def read(text: str) -> tuple[bool, tuple[str, ...]]:
        value = parse_object(text)
        denied = not flag_field(value, flag)
        if denied and pair.kind in _GUESSED:
            return False, ()
        try:
            if pair.kind == "list":
                answers = list_field(value, "answer", least=0, most=2 * MOST_ITEMS)
                return bool(answers), answers
            answer = text_field(value, "answer", empty=True)
        except UnreadableReply:
            if denied:
                return False, ()  # null, or nothing at all
            raise
        return bool(answer), (answer,)

    return await asker.ask(request, read)


def _request(
    purpose: str, form: Form, template: str, examples: str, shown: dict[str, str]
) -> ChatRequest:
    """The request that a template makes of what is shown, in words and as worked examples."""
    evenly = {name: even(text) for name, text in shown.items()}
    evenly["options"] = shown.get("options", "").strip()
    return ChatRequest(
        purpose=purpose,
        system=load("lqa/system.txt"),
        user=fill(template, **shown),
        schema=form.schema,
        max_tokens=_CHECK_TOKENS,
        temperature=0.0,
        seed=chance.integer(purpose) % 2**31,
        examples=fill(load(f"lqa/local/{examples}.txt"), **evenly),
        source=evenly.get("evidence", evenly.get("passages", "")),
    )


def _group(pair: Pair) -> str:
    """The kind of the worked examples."""
    return "span" if pair.kind == "number" else pair.kind


def _answer(pair: Pair, text: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of an answer of the pair's kind; empty where there is none."""
    if pair.kind == "list":
        return texts(0, MOST_ITEMS, of=text)
    if pair.kind == "yes_no":
        return one_of("yes", "no", "")
    if pair.kind == "choice":
        return one_of(*pair.options, "")
    return dict(text)


def _options(options: tuple[str, ...]) -> str:
    return "\nOPTIONS\n" + "\n".join(f"- {option}" for option in options) + "\n" if options else ""


def _evidence(pair: Pair, view: DocumentView) -> str:
    """The sentences around the quotes, with the document's title: nothing else is shown."""
    title = view.document.title
    pieces = [view.widened(span) for span in pair.evidence]
    return "\n\n".join([f"(from: {title})", *pieces] if title else pieces)
