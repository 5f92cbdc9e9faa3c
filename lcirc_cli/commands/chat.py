"""The conversation that `lcirc ask` holds on a terminal; the memory stays loaded.

A follow-up knows the last questions and answers. Ctrl-C ends an answer that is being given, and
the conversation when none is.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from lcirc_cli import console
from lcirc_cli.commands.printing import answer_one
from lcirc_cli.errors import EndpointError, UsageError

if TYPE_CHECKING:
    from lcirc_cli.answering.answer import AskSettings
    from lcirc_cli.engine import Engine
    from lcirc_cli.memory.contents import MemoryContents

PROMPT = "> "
HELP = """\
Type a question and press Enter; a follow-up may refer to the answers before it.
/new   forget the questions so far
/help  this text
/quit  leave (also Ctrl-D)"""


def chat(
    engine: Engine,
    memories: Sequence[MemoryContents],
    settings: AskSettings,
    *,
    as_json: bool,
) -> None:
    """Answer questions until the person leaves.

    Raises:
        KeyboardInterrupt: Ctrl-C while no answer is being given.
    """
    names = ", ".join(document.name for memory in memories for document in memory.documents[:3])
    console.note(f"ask about {names}; /help for help, /quit to leave")
    _edit_lines()
    history: list[tuple[str, str]] = []
    while (line := _read_line()) is not None:
        if not line:
            continue
        if line.startswith("/"):
            if line in ("/quit", "/exit"):
                return
            if line == "/new":
                history.clear()
            else:
                console.err(HELP)
            continue
        try:
            answer = answer_one(engine, memories, line, settings, as_json=as_json, history=history)
        except KeyboardInterrupt:
            console.out()
            console.note("stopped; Ctrl-C again or /quit to leave")
        except (EndpointError, UsageError) as error:  # e.g. a question longer than the window
            console.error(str(error))
        else:
            history.append((line, answer.answer))


def _edit_lines() -> None:
    """Arrow keys and history in the prompt, where Python has readline."""
    with contextlib.suppress(ImportError):
        import readline  # noqa: F401


def _read_line() -> str | None:
    """The next line without outer spaces; None at the end of the input (Ctrl-D)."""
    try:
        if sys.stdout.isatty():
            return input(PROMPT).strip()
        # Standard output is for answers alone.
        console.err(PROMPT, end="")
        return input().strip()
    except EOFError:
        console.err()
        return None
