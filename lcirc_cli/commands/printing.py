"""How an answer looks in a terminal or a pipe.

The answer and its citations go to standard output, what was read and how well to standard error.
"""

from __future__ import annotations

import dataclasses
import sys
import textwrap
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from lcirc_cli import console
from lcirc_cli.answering.answer import WITHOUT_MEMORY
from lcirc_cli.answering.told import answer_lines, citation_lines
from lcirc_cli.commands.advice import advice, one_of_several
from lcirc_cli.commands.draft import draft
from lcirc_cli.commands.questions import check_question
from lcirc_cli.errors import EndpointError

if TYPE_CHECKING:
    from lcirc_cli.answering.answer import Answer, AskSettings
    from lcirc_cli.engine import Engine
    from lcirc_cli.memory.contents import MemoryContents


def print_notes(answer: Answer, *, named: bool = False) -> None:
    """What was read, and lines where answer and evidence are weak, or the answer was cut.

    Args:
        named: one of many: lines begin with the question.
    """
    about = f"{_shortened(answer.question)}: " if named else ""
    if answer.weak:
        console.warn(
            f"{about}the document may not contain the answer: nothing in it fits the question well"
        )
        if line := advice(answer.question):
            console.note(f"{about}{line}")
    if answer.found and (line := one_of_several(answer.question, answer.answer)):
        console.warn(f"{about}{line}")
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
    if answer.method in WITHOUT_MEMORY:
        console.note(f"{about}{_searched(answer)}")
        return
    left = f"{answer.left_out:,}" if answer.left_out else "none"
    steered = answer.segments.steered
    of = ""
    if steered:
        of = f" in {steered:,} of {console.counted(answer.segments.all, 'segment')}"
    console.note(
        f"{about}{console.counted(answer.compressed, 'token')} compressed{of}, "
        f"{answer.tokens.window:,} in the window, {left} dropped"
    )


def _searched(answer: Answer) -> str:
    """How much of the document an answer without a memory has seen."""
    size = answer.tokens.document
    if answer.window != "evidence":
        return f"{answer.shown:,} of {console.counted(size, 'token')} read"
    return f"{console.counted(size, 'token')} searched, the best {answer.shown:,} read"


def _shortened(question: str) -> str:
    """A question as a line of warning names it."""
    return repr(textwrap.shorten(question, 60, placeholder=" ..."))


def show_stage(stage: str, done: int, total: int) -> None:
    """The line of status for what `Engine.ask` is doing."""
    if stage == "waiting":  # the answer may be appearing
        return
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
