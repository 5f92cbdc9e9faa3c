"""How an answer looks in a terminal or a pipe.

The answer and its citations go to standard output, what was read and how well to standard error.
"""

from __future__ import annotations

import dataclasses
import sys
import textwrap
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from lcirc_cli import console
from lcirc_cli.commands.advice import advice
from lcirc_cli.commands.draft import draft
from lcirc_cli.commands.questions import check_question
from lcirc_cli.errors import EndpointError

if TYPE_CHECKING:
    from lcirc_cli.answering.answer import Answer, AskSettings
    from lcirc_cli.engine import Engine
    from lcirc_cli.evidence import Citation
    from lcirc_cli.memory.contents import MemoryContents


def answer_lines(answer: Answer) -> Iterator[str]:
    """What is printed of an answer: what it says, and its citations.

    An answer that is likelier wrong than right begins with "not sure:". Where none was read and a
    quote fits all the same, the quotes come first: they are the best that there is.
    """
    if answer.refused and answer.quoted and answer.read is None:
        yield from citation_lines(answer)
        yield "No short answer read; see [1]"
        return
    if not answer.answer.strip():
        yield "The model gave an empty answer" + ("; see [1]" if answer.citations else "")
    else:
        yield answer.answer if answer.sure else f"not sure: {answer.answer}"
    yield from citation_lines(answer)


def citation_lines(answer: Answer) -> Iterator[str]:
    """`[1] book.pdf, p. 12 (0.83): "..."`, one line a citation.

    Of an answer from a server the number is that of the passage, as the answer has it (- for one
    that was not sent); passages that it names and no citation is from follow.
    """
    named: set[int] = set()
    for number, citation in enumerate(answer.citations, start=1):
        shown: int | str = number
        if answer.read is not None:
            shown = answer.read.id_of(citation) or "-"
            named |= {shown} if isinstance(shown, int) else set()
        place = [citation.document]
        if citation.page is not None:
            place.append(_pages(citation))
        elif citation.section is not None:
            place.append(citation.section)
        quote = _on_one_line(citation.quote)
        yield console.one_line(f'[{shown}] {", ".join(place)} ({citation.score:.2f}): "{quote}"')
    for sent in answer.read.passages if answer.read is not None else ():
        if sent.used and sent.id not in named:
            where = f"p. {sent.page}" if sent.page is not None else sent.section
            told = ", ".join(filter(None, (sent.document, where)))
            yield console.one_line(f'[{sent.id}] {told}: "{_on_one_line(sent.quote or "")}"')


def _pages(citation: Citation) -> str:
    """`p. 32 (printed 18)`, `pp. 32-33 (33 printed 19)`; no printed number where it is the same."""
    first, last = citation.pages or (citation.page, citation.page)
    place = f"p. {first}" if first == last else f"pp. {first}-{last}"
    if citation.label is None or citation.label == str(citation.page):
        return place
    which = "" if first == last else f"{citation.page} "
    return f"{place} ({which}printed {citation.label})"


def _on_one_line(quote: str) -> str:
    """A quote on one line: cells of a table apart by " | ", its rows by " / "."""
    rows = [
        " | ".join(" ".join(cell.split()) for cell in row.split("\t")) for row in quote.split("\n")
    ]
    return (" / " if "\t" in quote else " ").join(row for row in rows if row)


def print_notes(answer: Answer, *, named: bool = False) -> None:
    """What was read, and lines where answer and evidence are weak, or the answer was cut.

    Args:
        named: one of many: lines begin with the question.
    """
    about = f"{_shortened(answer.question)}: " if named else ""
    if not ((answer.found and answer.sure) or answer.quoted):
        console.warn(
            f"{about}the document may not contain the answer: nothing in it fits the question well"
        )
        if line := advice(answer.question):
            console.note(f"{about}{line}")
    if answer.finish == "length":
        console.warn(
            f"{about}the answer was cut at {answer.tokens.answer:,} tokens; "
            "--max-new-tokens allows more"
        )
    if answer.read is not None:
        console.note(
            f"{about}{answer.read.tokens:,} of {answer.tokens.document:,} tokens sent, "
            f"in {len(answer.read.passages):,} passages"
        )
        return
    if not answer.shown:
        rests = "the compressed memory" if answer.tokens.memory else "what the model knows"
        console.note(f"no text of the document was shown: the answer rests on {rests} alone")
    left = f"{answer.left_out:,}" if answer.left_out else "none"
    steered = answer.segments.steered
    of = f" in {steered:,} of {console.counted(answer.segments.all, 'segment')}" if steered else ""
    console.note(
        f"{about}{console.counted(answer.compressed, 'token')} compressed{of}, "
        f"{answer.tokens.window:,} in the window, {left} dropped"
    )


def _shortened(question: str) -> str:
    """A question as a line of warning names it."""
    return repr(textwrap.shorten(question, 60, placeholder=" ..."))


def show_stage(stage: str, done: int, total: int) -> None:
    """The line of status for what `Engine.ask` is doing."""
    of = f" {done:,} of {total:,} segments" if total else ""
    console.status(f"{stage}{of} ...")


def answer_one(
    engine: Engine,
    memories: Sequence[MemoryContents],
    question: str,
    settings: AskSettings,
    *,
    as_json: bool,
    history: Sequence[tuple[str, str]] = (),
) -> Answer:
    """Ask and print; on a terminal the answer appears as it is generated."""
    check_question(question)
    ask = partial(
        engine.ask,
        memories,
        question,
        history=history,
        watch=show_stage,
        **dataclasses.asdict(settings),
    )
    streamed = engine.reader is not None and not as_json and sys.stdout.isatty()
    if streamed:
        try:
            answer = ask(on_token=partial(console.out, end="", style="strong"))
        except EndpointError:
            console.out()  # what is told of it begins a line
            raise
        console.out()
    elif as_json:
        answer = ask()
    else:
        with draft() as show:
            answer = ask(on_token=show)
    if as_json:
        console.out_json(answer.to_json())
    else:
        for line in citation_lines(answer) if streamed else answer_lines(answer):
            console.out(line, style="" if line.startswith("[") else "strong")
    print_notes(answer)
    return answer
