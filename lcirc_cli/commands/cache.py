"""`lcirc cache`: lists the models on this machine and the room they take, and removes them."""

from __future__ import annotations

import dataclasses
from typing import Annotated

import typer

from lcirc_cli import console
from lcirc_cli.commands.common import takes
from lcirc_cli.files import cache_dir
from lcirc_cli.settings import CommonSettings


@takes("json")
def cache(
    remove: Annotated[
        list[str] | None,
        typer.Option("--remove", metavar="NAME", help="Remove it; may be repeated."),
    ] = None,
    *,
    settings: CommonSettings,
) -> None:
    """List the models that were fetched and what else is kept, or remove some of them.

    What is removed is fetched again when a command needs it. Memory files are not touched.
    """
    from lcirc_cli.backbones import kept

    removed = [each for name in remove or () for each in kept.remove(name)]
    found = removed if remove else kept.kept()
    if settings.json:
        told = [{**dataclasses.asdict(each), "path": str(each.path)} for each in found]
        console.out_json({"schema": 1, "removed": bool(remove), "models": told})
        return
    for each in found:
        size = f"{each.size / 1e6:,.0f} MB"
        if remove:
            console.out(f"removed {each.name}: {size} in {each.path}")
        else:
            console.out(f"{each.name}: {size}, {each.what}, in {each.path}")
    if not found:
        console.note(f"nothing is kept in {cache_dir()}")
