"""What a terminal shows of an answer while it is generated.

Whether it is given, given as not sure or refused is known only at its end: so it is a draft, dimmed
and gone when what is answered is printed in its place.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from lcirc_cli import console


@contextmanager
def draft() -> Iterator[Callable[[str], object] | None]:
    """Gives what takes the pieces; None where standard output can't take back what it shows."""
    from rich.console import Console

    screen = Console(file=sys.stdout, highlight=False)
    if not screen.is_terminal or screen.is_dumb_terminal or not sys.stdout.isatty():
        yield None
        return
    from rich.live import Live
    from rich.text import Text

    said = Text(style="dim")
    with Live(
        said,
        console=screen,
        auto_refresh=False,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    ) as live:

        def show(piece: str) -> None:
            said.append(console.printable(piece))
            live.update(said, refresh=True)

        yield show
