"""`lcirc pull`: bring a backbone to this machine before it is needed."""

from __future__ import annotations

from typing import Annotated

import typer

from lcirc_cli import console
from lcirc_cli.commands.common import takes
from lcirc_cli.settings import CommonSettings


@takes("offline", "quiet", "json")
def pull(
    name: Annotated[
        str,
        typer.Argument(
            metavar="MODEL", help="smollm2, or a Hub id (owner/model, owner/model@revision)."
        ),
    ] = "smollm2",
    *,
    settings: CommonSettings,
) -> None:
    """Download a language model once, so that later commands need no network.

    Prints the folder that it is in. A model that is already there and whole is left as it is.
    """
    from lcirc_cli.backbones import loading

    path = loading.pull(name, offline=settings.offline, contents=True)
    if settings.json:
        console.out_json({"schema": 1, "model": name, "path": str(path)})
    else:
        console.out_path(path)
