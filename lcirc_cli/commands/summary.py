"""`lcirc ask --summarise`: what a summary will take, how far it is, and the summary."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lcirc_cli import console
from lcirc_cli.documents.page_ranges import parse_page_ranges
from lcirc_cli.errors import EndpointError

if TYPE_CHECKING:
    from lcirc_cli.answering.answer import AskSettings
    from lcirc_cli.engine import Engine
    from lcirc_cli.memory.contents import MemoryContents

TOO_SMALL = (
    "a summary needs a model that can write one, and the default model can't: name it with "
    "--reader URL --reader-model NAME"
)


def summarise(
    engine: Engine,
    memories: Sequence[MemoryContents],
    settings: AskSettings,
    *,
    pages: str | None,
    section: str | None,
    cache: Path,
    as_json: bool,
) -> None:
    """Print a summary; on a terminal it appears as it is written.

    Args:
        cache: replies are kept there until the summary is done.
    """
    work = engine.summariser(
        memories,
        pages=None if pages is None else parse_page_ranges(pages),
        section=section,
        window_tokens=settings.window_tokens,
        max_new_tokens=settings.max_new_tokens,
    )
    plan = work.estimate
    of = f"{plan.pages:,} pages" if plan.pages else "the document"
    console.note(
        f"summary of {of}: {plan.requests:,} requests, about {plan.tokens_sent:,} tokens sent and "
        f"{plan.tokens_back:,} back"
    )
    if cache.exists():
        console.note(f"going on with what {cache} holds of an interrupted summary")
    streaming = not as_json and sys.stdout.isatty()
    begun = False

    def show(piece: str) -> None:
        nonlocal begun
        begun = True
        console.out(piece, end="")

    try:
        with console.progress(plan.pieces, "reading", "pieces") as advance:
            summary = work.run(cache=cache, on_text=show if streaming else None, progress=advance)
    except EndpointError:
        if begun:
            console.out()
        raise
    if as_json:
        console.out_json({"schema": 1, **dataclasses.asdict(summary)})
    else:
        console.out("" if streaming else summary.text)
    if summary.finish == "length":
        console.warn("the summary was cut at its limit; --max-new-tokens allows more")
    console.note(f"{summary.tokens:,} tokens read, in {summary.passages:,} passages")
