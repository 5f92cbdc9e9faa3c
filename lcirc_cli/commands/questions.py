"""What `lcirc ask` is asked: arguments, files of questions and standard input. Loads no model."""

from __future__ import annotations

import codecs
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lcirc_cli.commands.memories import SUFFIX, memory_path, near_memory, wrong_memory
from lcirc_cli.documents.detect import EXTENSIONS, READ_PICTURES, is_address
from lcirc_cli.errors import DocumentError, UsageError
from lcirc_cli.files import exists
from lcirc_cli.qa.rows import file_lines, json_values


def split_arguments(
    arguments: Sequence[str], question: str | None
) -> tuple[list[Path], str | None]:
    """Memory files, documents and folders, and the question if one is among the arguments.

    Raises:
        UsageError: nothing to ask, two questions, or an address.
        MemoryFileError: a memory that isn't there.
    """
    paths: list[Path] = []
    others: list[str] = []
    for argument in arguments:
        if argument.endswith(SUFFIX):
            paths.append(memory_path(argument))
        elif is_address(argument):
            raise wrong_memory(argument)
        elif argument and (exists(Path(argument)) or _names_document(argument)):
            paths.append(Path(argument))
        else:
            others.append(argument)
    given = question is not None
    if others and not (paths and not given) and (near_memory(others[0]) or (given and not paths)):
        raise wrong_memory(others[0])  # it can't be the question
    if others and given:
        raise UsageError(
            f"there is one question too many: {others[0]!r}; it is given with -q already"
        )
    if not paths:
        raise UsageError('no document or memory file given: lcirc ask book.pdf "question"')
    if len(others) > 1:
        words = " ".join(others)
        raise UsageError(f'put a question of several words in quotes: lcirc ask ... "{words}"')
    return paths, others[0] if others else question


def _names_document(argument: str) -> bool:
    """Whether an argument can only be a document's name, though there is none."""
    named = Path(argument).suffix.lower() in {**EXTENSIONS, **READ_PICTURES}
    return named and not any(map(str.isspace, argument))


def check_question(question: str) -> None:
    """Raises UsageError where it is blank, or holds bytes that no text has."""
    if not question.strip():
        raise UsageError("the question is empty")
    if not _is_text(question):
        raise UsageError("the question is not valid UTF-8 text; type it again")


def _is_text(question: str) -> bool:
    # Python keeps the undecodable bytes of an argument as lone surrogates; JSON may hold them too.
    return not any("\ud800" <= character <= "\udfff" for character in question)


@dataclass(frozen=True)
class Asked:
    """A question of a file, and the `id` of its line: the line's number where it has none."""

    text: str
    id: str | int


def read_questions(path: Path) -> list[Asked]:
    """The questions of a JSON lines file; - is standard input.

    Raises:
        UsageError: the file can't be read, has no question, or a line is something else.
    """
    if str(path) == "-" and sys.stdin is None:
        raise UsageError("standard input is closed; pipe the questions in, or name their file")
    found: list[Asked] = []
    try:
        lines = _piped().splitlines() if str(path) == "-" else file_lines(path)
        for number, value in json_values(lines, str(path)):
            asked = value.get("question") if isinstance(value, dict) else value
            if not isinstance(asked, str) or not asked.strip() or not _is_text(asked):
                raise UsageError(
                    f"{path}, line {number}: not a question; write "
                    '{"question": "..."} on each line'
                )
            own = value.get("id") if isinstance(value, dict) else None
            found.append(Asked(asked, own if isinstance(own, str | int) else number))
    except DocumentError as error:
        raise UsageError(str(error)) from error
    if not found:
        raise UsageError(f"{path} holds no question")
    return found


def piped_question() -> str:
    """The question on standard input; a byte order mark before it is no part of it."""
    piped = b"" if sys.stdin is None else _piped()
    if piped.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise UsageError("the question on standard input is UTF-16 text; pipe it in as UTF-8")
    try:
        question = piped.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        raise UsageError("the question on standard input is not valid UTF-8 text") from None
    if not question:
        raise UsageError("no question: give it as an argument, with -q, or on standard input")
    check_question(question)
    return question


def _piped() -> bytes:
    """Standard input as it came: the same rules hold for it as for a file."""
    raw = getattr(sys.stdin, "buffer", None)
    return raw.read() if raw is not None else sys.stdin.read().encode("utf-8", "surrogatepass")
