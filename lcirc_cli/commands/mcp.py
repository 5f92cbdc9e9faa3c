"""`lcirc mcp`: memories as tools of an assistant, over standard input and output."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Any

import typer

from lcirc_cli import console
from lcirc_cli.commands.common import options, takes
from lcirc_cli.commands.memories import memory_path
from lcirc_cli.commands.opening import load
from lcirc_cli.commands.reader import reader_settings
from lcirc_cli.commands.serve import need_extra
from lcirc_cli.endpoints.settings import ReaderSettings
from lcirc_cli.files import cache_dir
from lcirc_cli.settings import CommonSettings, resolve

_READER = options(ReaderSettings, flags=True)


@takes(
    *("model", "adapter", "device", "dtype", "attention", "offline", "quiet"),
    given=_READER,
    panels={"A model on a server": _READER},
)
def mcp(
    memories: Annotated[
        list[str], typer.Argument(metavar="MEMORY.lcirc...", help="Memory files to search.")
    ],
    *,
    given: dict[str, Any],
    settings: CommonSettings,
) -> None:
    """Give an assistant the tools search, ask and read_page (MCP over standard input and output).

    The assistant starts it: its configuration names the command. For a server that others share,
    lcirc serve has the same tools at /mcp.
    """
    need_extra("starlette", "mcp")
    from lcirc_cli.answering.answer import AskSettings, check_settings

    chosen = resolve(AskSettings, {}, config=settings.config, table="ask", beside=(ReaderSettings,))
    chosen.validate()
    reader = reader_settings(given, settings, beside=AskSettings)
    if reader is not None:
        check_settings(chosen)
    paths: list[Path] = [memory_path(each) for each in memories]
    engine, held = load(paths, settings, reader, password_file=None)

    import anyio

    from lcirc_cli.serve.app import House
    from lcirc_cli.serve.opening import hold_memories
    from lcirc_cli.serve.settings import ServeSettings
    from lcirc_cli.serve.tools import tool_server

    wanted = ServeSettings()
    root = cache_dir() / "served"
    house = House.of(engine, wanted, root=root, options=dataclasses.asdict(chosen))
    hold_memories(house, held)
    console.note(f"tools on {', '.join(each.id for each in house.library.all())}")
    try:
        anyio.run(tool_server(house.asking).run_stdio_async)
    finally:
        house.close()
