"""An answer, its citations and passages as JSON for clients: places by ids, and no path.

Text is cleaned as for a terminal, where clients may show it: a memory may be a stranger's.
`Answer.to_json` is for the command line: there models are named as they were given, by paths too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lcirc_cli import console
from lcirc_cli.answering.answer import Answer
from lcirc_cli.answering.searching import Found
from lcirc_cli.answering.told import citation_lines, said
from lcirc_cli.evidence import Citation
from lcirc_cli.serve.library import Held, place

SOURCES = "\n\nSources:\n"
_CITED = ("page", "pages", "score")
_LINES = ("document", "label", "section")


def cited(citation: Citation, chosen: Sequence[Held]) -> dict[str, Any]:
    """A citation, with the memory and the number of its document there."""
    held, number = place(chosen, citation.document_index)
    record: dict[str, Any] = {name: getattr(citation, name) for name in _CITED}
    for name in _LINES:
        value = getattr(citation, name)
        record[name] = None if value is None else console.one_line(value)
    parts = [list(part) for part in citation.parts]
    quote, known = console.printable(citation.quote), held.first + number
    return {**record, "quote": quote, "memory": held.id, "number": known, "parts": parts}


def answer_record(answer: Answer, chosen: Sequence[Held]) -> dict[str, Any]:
    """What the page and other programs get."""
    timings = answer.timings
    record: dict[str, Any] = {
        "question": answer.question,
        "answer": console.printable(answer.answer),
        "said": console.printable(said(answer)),
        "citations": [cited(each, chosen) for each in answer.citations],
        "found": answer.found,
        "sure": answer.sure,
        "refused": answer.refused,
        "weak": answer.weak,
        "confidence": None if answer.confidence is None else round(answer.confidence, 4),
        "finish": answer.finish,
        "tokens": vars(answer.tokens),
        "timings": {
            "first_token_s": round(timings.first_token_s, 4),
            "total_s": round(timings.total_s, 4),
        },
    }
    if answer.read is not None:
        for own, citation in zip(record["citations"], answer.citations, strict=True):
            own["id"] = answer.read.id_of(citation)
        record["reader"] = answer.read.model
    return record


def found_record(found: Found, chosen: Sequence[Held]) -> dict[str, Any]:
    """A passage of a search."""
    return {**cited(found.citation, chosen), "text": console.printable(found.text)}


def as_text(answer: Answer) -> str:
    """An answer with its sources, for clients that show text alone."""
    return console.printable(said(answer)) + sources_text(answer)


def sources_text(answer: Answer) -> str:
    """The sources alone, as they stand behind an answer; "" where there are none."""
    lines = list(citation_lines(answer))
    return SOURCES + "\n".join(lines) if lines else ""


def without_sources(text: str) -> str:
    """What was answered, of an earlier answer that a client sends back."""
    return text.split(SOURCES, 1)[0].strip()
