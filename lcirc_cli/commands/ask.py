"""`lcirc ask`: a question, many or a conversation, answered from memory files or documents."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lcirc_cli import console
from lcirc_cli.answering.told import answer_lines
from lcirc_cli.commands.common import options, takes
from lcirc_cli.commands.opening import load
from lcirc_cli.commands.printing import answer_one, print_notes
from lcirc_cli.commands.questions import (
    Asked,
    check_question,
    piped_question,
    read_questions,
    split_arguments,
)
from lcirc_cli.commands.reader import reader_settings
from lcirc_cli.commands.reading import PasswordFile
from lcirc_cli.commands.summary import TOO_SMALL
from lcirc_cli.commands.summary import summarise as summary
from lcirc_cli.endpoints.settings import ReaderSettings
from lcirc_cli.errors import UsageError
from lcirc_cli.settings import CommonSettings, resolve

if TYPE_CHECKING:
    from lcirc_cli.answering.answer import AskSettings
    from lcirc_cli.engine import Engine
    from lcirc_cli.memory.contents import MemoryContents


_STEERING = 0.7  # of a batch's seconds, about; the rest is reading and writing

_READER = options(ReaderSettings, flags=True)


@takes(
    *("model", "adapter", "device", "dtype", "attention", "ocr", "offline", "quiet", "json"),
    given=_READER,
    panels={"A model on a server": (*_READER, "summarise", "pages", "section")},
)
def ask(
    arguments: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE|FOLDER... [QUESTION]",
            help="Memory files or documents, and a question.",
        ),
    ],
    question: Annotated[
        str | None, typer.Option("-q", "--question", metavar="TEXT", help="The question.")
    ] = None,
    questions: Annotated[
        Path | None,
        typer.Option(
            "--questions",
            metavar="FILE.jsonl",
            help='Many questions, one {"question": "..."} or "..." a line; - is standard input.',
        ),
    ] = None,
    method: Annotated[
        str | None,
        typer.Option(
            "--method",
            metavar="auto|qd-lcirc|lcirc|reader|none",
            help="Memory steered by the question, one for all questions, or no memory: the "
            "adapter's own reader (no server), or the bare model. auto (default) takes what the "
            "adapter answers best with.",
        ),
    ] = None,
    window: Annotated[
        str | None,
        typer.Option(
            "--window",
            metavar="evidence|ends|none",
            help="Raw text that the model reads too: the best passages (default), head and tail.",
        ),
    ] = None,
    window_tokens: Annotated[
        int | None,
        typer.Option(
            "--window-tokens",
            metavar="N",
            help="Tokens of raw text, at most (default 512, of ends 4096).",
        ),
    ] = None,
    segments: Annotated[
        int | None,
        typer.Option(
            "--segments",
            metavar="N",
            help="Segments that a question steers, those with the best passages (default 16, or "
            "64 of several ingested documents where no memory is read; 0: all).",
        ),
    ] = None,
    max_new_tokens: Annotated[
        int | None,
        typer.Option(
            "--max-new-tokens", metavar="N", help="Tokens of an answer, at most (default 64)."
        ),
    ] = None,
    citations: Annotated[
        int | None, typer.Option("--citations", metavar="N", help="Quotes, at most (default 3).")
    ] = None,
    temperature: Annotated[
        float | None,
        typer.Option(
            "--temperature", metavar="T", help="Above 0: sample instead of greedy (default 0)."
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", metavar="N", help="Of the sampling (default 0).")
    ] = None,
    password_file: PasswordFile = None,
    *,
    summarise: Annotated[
        bool,
        typer.Option("--summarise", help="Summarise the documents instead (with --reader)."),
    ] = False,
    pages: Annotated[
        str | None,
        typer.Option("--pages", metavar="10-40", help="With --summarise: these pages alone."),
    ] = None,
    section: Annotated[
        str | None,
        typer.Option("--section", metavar="NAME", help="With --summarise: this section alone."),
    ] = None,
    given: dict[str, Any],
    settings: CommonSettings,
) -> None:
    """Answer a question from memory files or documents, with pages and quotes.

    A document that was not ingested is read, and what the question needs of it is computed. Without
    a question a terminal gets a conversation, and a pipe is read as the question.
    """
    from lcirc_cli.answering.answer import AskSettings, check_settings

    flags = {
        "method": method,
        "window": window,
        "window_tokens": window_tokens,
        "segments": segments,
        "max_new_tokens": max_new_tokens,
        "citations": citations,
        "temperature": temperature,
        "seed": seed,
    }
    chosen = resolve(
        AskSettings, flags, config=settings.config, table="ask", beside=(ReaderSettings,)
    )
    chosen.validate()
    reader = reader_settings(given, settings, beside=AskSettings)
    if reader is not None:
        check_settings(chosen)
    paths, question = split_arguments(arguments, question)
    if (pages is not None or section is not None) and not summarise:
        raise UsageError(
            "--pages and --section go with --summarise; a question is asked of the whole memory"
        )
    if pages is not None and section is not None:
        raise UsageError("give --pages or --section, not both")
    if summarise:
        if question is not None or questions is not None:
            raise UsageError("give a question or --summarise, not both")
        if reader is None:
            raise UsageError(TOO_SMALL)
        engine, memories = load(paths, settings, reader, password_file=password_file)
        cache = paths[0].with_name(f"{paths[0].name}.replies")
        summary(
            engine,
            memories,
            chosen,
            pages=pages,
            section=section,
            cache=cache,
            as_json=settings.json,
        )
        return
    if question is not None:
        check_question(question)
    batch: list[Asked] = []
    if questions is not None:
        if question is not None:
            raise UsageError("give a question or --questions, not both")
        batch = read_questions(questions)
    elif question is None and (sys.stdin is None or not sys.stdin.isatty()):
        question = piped_question()
    engine, memories = load(paths, settings, reader, password_file=password_file)
    if batch:
        _answer_many(engine, memories, batch, chosen, as_json=settings.json)
    elif question is not None:
        answer_one(engine, memories, question, chosen, as_json=settings.json)
    else:
        from lcirc_cli.commands.chat import chat

        chat(engine, memories, chosen, as_json=settings.json)


def _answer_many(
    engine: Engine,
    memories: Sequence[MemoryContents],
    batch: Sequence[Asked],
    settings: AskSettings,
    *,
    as_json: bool,
) -> None:
    questions = [asked.text for asked in batch]
    from lcirc_cli.engine import BATCH

    with console.progress(len(questions), "answering", "questions") as advance:
        steps = _Steps(len(questions), advance, batch=BATCH)
        answers = engine.ask_many(
            memories, questions, watch=steps.watch, **dataclasses.asdict(settings)
        )
        for asked, answer in zip(batch, answers, strict=True):
            if as_json:
                console.out_json({"id": asked.id, **answer.to_json()})
            else:
                console.out("\n".join([f"> {answer.question}", *answer_lines(answer), ""]))
            steps.answered()
            print_notes(answer, named=True)


class _Steps:
    """Progress within a batch: its questions are steered together, and then answered at once.

    Args:
        total: questions in all, and `batch` of them at once.
        advance: of the bar.
    """

    def __init__(self, total: int, advance: Callable[[float], object], *, batch: int) -> None:
        self._total, self._advance, self._batch = total, advance, batch
        self._answers = self._shown = 0.0

    def watch(self, stage: str, done: int, total: int) -> None:
        """What the engine is doing for the questions after those that are answered."""
        batch = min(self._batch, self._total - self._answers)
        part = _STEERING if stage == "reading" else _STEERING * done / max(total, 1)
        self._show(self._answers + batch * part)

    def answered(self) -> None:
        """One more answer was given."""
        self._answers += 1
        self._show(self._answers)

    def _show(self, place: float) -> None:
        if place > self._shown:
            self._advance(place - self._shown)
            self._shown = place
