"""`lcirc ask`: a question, many questions or a conversation, answered from memory files."""

from __future__ import annotations

import dataclasses
import json
import stat
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lcirc_cli import console
from lcirc_cli.commands.common import takes
from lcirc_cli.commands.loading import load_engine
from lcirc_cli.commands.printing import citation_lines, print_json, print_piece, printable, tell
from lcirc_cli.errors import UsageError
from lcirc_cli.files import exists
from lcirc_cli.settings import CommonSettings, resolve

if TYPE_CHECKING:
    from lcirc_cli.answering.answer import Answer, AskSettings
    from lcirc_cli.engine import Engine
    from lcirc_cli.memory.contents import MemoryContents

SUFFIX = ".lcirc"


@takes("model", "adapter", "device", "dtype", "attention", "offline", "quiet", "json")
def ask(
    arguments: Annotated[
        list[str],
        typer.Argument(metavar="MEMORY.lcirc... [QUESTION]", help="Memory files and a question."),
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
            metavar="qd-lcirc|lcirc|reader|none",
            help="Memory steered by the question (default), one for all questions, or no memory: "
            "the adapter's reader, or the bare model.",
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
        typer.Option("--window-tokens", metavar="N", help="Tokens of raw text, at most."),
    ] = None,
    max_new_tokens: Annotated[
        int | None,
        typer.Option("--max-new-tokens", metavar="N", help="Tokens of an answer, at most."),
    ] = None,
    citations: Annotated[
        int | None, typer.Option("--citations", metavar="N", help="Quotes, at most (default 3).")
    ] = None,
    temperature: Annotated[
        float | None,
        typer.Option("--temperature", metavar="T", help="Above 0: sample instead of greedy."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", metavar="N", help="Of the sampling (default 0).")
    ] = None,
    *,
    settings: CommonSettings,
) -> None:
    """Answer a question from memory files, with pages and quotes.

    Without a question a terminal gets a conversation, and a pipe is read as the question.
    """
    from lcirc_cli.answering.answer import AskSettings

    flags = {
        "method": method,
        "window": window,
        "window_tokens": window_tokens,
        "max_new_tokens": max_new_tokens,
        "citations": citations,
        "temperature": temperature,
        "seed": seed,
    }
    chosen = resolve(AskSettings, flags, config=settings.config, table="ask")
    chosen.validate()
    paths, question = split_arguments(arguments, question)
    if question is not None:
        check_question(question)
    if questions is not None:
        if question is not None:
            raise UsageError("give a question or --questions, not both")
        batch: list[str] | None = read_questions(questions)
    elif question is None and (sys.stdin is None or not sys.stdin.isatty()):
        batch = [_piped_question()]
    else:
        batch = None if question is None else [question]
    engine, memories = _load(paths, settings)
    if batch is None:
        from lcirc_cli.commands.chat import chat

        chat(engine, memories, chosen, as_json=settings.json)
    elif questions is not None:
        _answer_many(engine, memories, batch, chosen, as_json=settings.json)
    else:
        answer_one(engine, memories, batch[0], chosen, as_json=settings.json)


def split_arguments(
    arguments: Sequence[str], question: str | None
) -> tuple[list[Path], str | None]:
    """Memory files, and the question if one is among the arguments.

    Raises:
        UsageError: no memory, two questions, or a file that is not a memory.
    """
    paths: list[Path] = []
    for argument in arguments:
        path = Path(argument)
        if argument.endswith(SUFFIX):
            if _is_missing(path):
                raise UsageError(f"there is no memory file {argument}; make it with lcirc ingest")
            paths.append(path)
        elif argument and exists(path):
            raise UsageError(
                f"{argument} is not a memory file; ingest it first: lcirc ingest {argument}"
            )
        elif question is not None:
            raise UsageError(
                f"there is one question too many: {argument!r}; put a question of several words "
                "in quotes"
            )
        else:
            question = argument
    if not paths:
        raise UsageError(
            'no memory file given: lcirc ask book.lcirc "question" (lcirc ingest makes one)'
        )
    return paths, question


def _is_missing(path: Path) -> bool:
    """Whether there is no such file; one that may not be seen is there, and loading it says so."""
    try:
        return not stat.S_ISREG(path.stat().st_mode)
    except PermissionError:
        return False
    except (OSError, ValueError):  # a name that is too long, or one with a NUL
        return True


def check_question(question: str) -> None:
    """Raises UsageError where it is blank, or holds bytes that no text has."""
    if not question.strip():
        raise UsageError("the question is empty")
    if not _is_text(question):
        raise UsageError("the question is not valid UTF-8 text; type it again")


def _is_text(question: str) -> bool:
    # Python keeps the undecodable bytes of an argument as lone surrogates; JSON may hold them too.
    return not any("\ud800" <= character <= "\udfff" for character in question)


def read_questions(path: Path) -> list[str]:
    """The questions of a JSON lines file; - is standard input.

    Raises:
        UsageError: the file can't be read, has no question, or a line is something else.
    """
    if str(path) == "-" and sys.stdin is None:
        raise UsageError("standard input is closed; pipe the questions in, or name their file")
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise UsageError(f"can't read the questions in {path}: {reason}") from error
    found: list[str] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except ValueError:
            record = None
        asked = record.get("question") if isinstance(record, dict) else record
        if not isinstance(asked, str) or not asked.strip() or not _is_text(asked):
            raise UsageError(
                f'{path}, line {number}: not a question; write {{"question": "..."}} on each line'
            )
        found.append(asked)
    if not found:
        raise UsageError(f"{path} holds no question")
    return found


def _piped_question() -> str:
    try:
        question = "" if sys.stdin is None else sys.stdin.read().strip()
    except UnicodeDecodeError:
        raise UsageError("the question on standard input is not valid UTF-8 text") from None
    if not question:
        raise UsageError("no question: give it as an argument, with -q, or on standard input")
    check_question(question)
    return question


def _load(paths: Sequence[Path], settings: CommonSettings) -> tuple[Engine, list[MemoryContents]]:
    """The memories first: a damaged one is told before a model is loaded."""
    from lcirc_cli.memory.file import check_fingerprints, load_memory

    start = time.perf_counter()
    memories = [load_memory(path) for path in paths]
    memories_s = time.perf_counter() - start
    engine = load_engine(settings)
    engine.load_s += memories_s
    for path, memory in zip(paths, memories, strict=True):
        check_fingerprints(memory, engine.fingerprints, name=str(path))
    if remark := _about(engine):
        console.note(remark)
    return engine, memories


def _about(engine: Engine) -> str | None:
    """One line where the adapter adds nothing to the answers."""
    if not engine.adapter.open and engine.adapter.adapter.reader is not None:
        return "the adapter has a reader and no trained memory: answers rest on the window alone"
    if not engine.adapter.open:
        return "the adapter is untrained and its gates are closed: answers rest on the window alone"
    if not engine.adapter.adapter.config.trained:
        return "the adapter is untrained: what it injects means nothing yet"
    return None


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
    streaming = not as_json and sys.stdout.isatty()
    answer = engine.ask(
        memories,
        question,
        history=history,
        on_token=print_piece if streaming else None,
        **dataclasses.asdict(settings),
    )
    if as_json:
        print_json(answer.to_json())
    else:
        print("" if streaming else printable(answer.answer))
        for line in citation_lines(answer):
            print(line)
        sys.stdout.flush()
    tell(answer)
    return answer


def _answer_many(
    engine: Engine,
    memories: Sequence[MemoryContents],
    questions: Sequence[str],
    settings: AskSettings,
    *,
    as_json: bool,
) -> None:
    answers = engine.ask_many(memories, questions, **dataclasses.asdict(settings))
    with console.progress(len(questions), "answering", "questions") as advance:
        for answer in answers:
            if as_json:
                print_json(answer.to_json())
            else:
                print(f"> {printable(answer.question)}\n{printable(answer.answer)}")
                print("\n".join([*citation_lines(answer), ""]), flush=True)
            advance(1)
            tell(answer)
