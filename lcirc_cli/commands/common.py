"""The options that commands share, written once, and the engine that they ask for.

`@takes("model", "offline")` adds these options to a command, which then gets one argument
`settings: CommonSettings` with flags, LCIRC_* variables and the config file already resolved.
"""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lcirc_cli import console
from lcirc_cli.settings import CommonSettings, resolve

if TYPE_CHECKING:
    from lcirc_cli.engine import Engine

_PANEL = "Common options"
SUFFIX = ".lcirc"


def _option(*names: str, **more: Any) -> Any:
    return typer.Option(*names, rich_help_panel=_PANEL, show_default=False, **more)


Model = Annotated[
    str | None,
    _option(
        "--model", metavar="NAME", help="smollm2 (default), a Hub id, a model folder or .gguf file."
    ),
]
Adapter = Annotated[
    str | None,
    _option("--adapter", metavar="FOLDER", help="A trained adapter (default: the one that ships)."),
]
Device = Annotated[
    str | None, _option("--device", metavar="auto|cpu|cuda", help="Where to compute.")
]
Dtype = Annotated[
    str | None,
    _option(
        "--dtype",
        metavar="auto|bfloat16|float32|float16",
        help="Number format of the model; auto is bfloat16 where the hardware is good at it.",
    ),
]
Attention = Annotated[
    str | None, _option("--attention", metavar="auto|sdpa|flash", help="Attention kernels.")
]
Offline = Annotated[
    bool | None, _option("--offline/--no-offline", help="Never reach out to the network.")
]
Quiet = Annotated[bool | None, _option("--quiet/--no-quiet", help="No notes and no progress.")]
Json = Annotated[bool | None, _option("--json/--no-json", help="The result as JSON.")]
Debug = Annotated[
    bool | None, _option("--debug/--no-debug", help="Show a traceback where something fails.")
]
Config = Annotated[
    Path | None,
    _option("--config", metavar="FILE.toml", help="A file of settings; flags and LCIRC_* win."),
]

OPTIONS: dict[str, Any] = {
    "model": Model,
    "adapter": Adapter,
    "device": Device,
    "dtype": Dtype,
    "attention": Attention,
    "offline": Offline,
    "quiet": Quiet,
    "json": Json,
    "debug": Debug,
    "config": Config,
}


def takes(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a command these common options (all of them where none is named), as `settings`.

    The command must have a keyword-only argument `settings: CommonSettings`. --debug and
    --config are always added.
    """
    chosen = [*(names or OPTIONS), "debug", "config"]
    wanted = [name for name in OPTIONS if name in chosen]

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        # Typer reads the signature: the options take the place of `settings` in it.
        signature = inspect.signature(command, eval_str=True)
        own = [each for each in signature.parameters.values() if each.name != "settings"]
        added = [
            inspect.Parameter(
                name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=OPTIONS[name]
            )
            for name in wanted
        ]

        @functools.wraps(command)
        def wrapper(*args: Any, **options: Any) -> Any:
            flags = {name: options.pop(name, None) for name in wanted}
            return command(*args, settings=common_settings(flags), **options)

        wrapper.__signature__ = signature.replace(parameters=[*own, *added])  # type: ignore[attr-defined]
        wrapper.__annotations__ = {each.name: each.annotation for each in [*own, *added]}
        del wrapper.__wrapped__  # type: ignore[attr-defined] # typer would look through it
        return wrapper

    return decorate


def common_settings(flags: dict[str, Any]) -> CommonSettings:
    """Resolve the common settings and apply those that concern the whole process.

    Raises:
        UsageError: a value that can't be used; the line names its flag, variable or file.
    """
    given = dict(flags)
    config = given.pop("config", None)
    if config is None and os.environ.get("LCIRC_CONFIG"):
        config = Path(os.environ["LCIRC_CONFIG"])
    settings = replace(resolve(CommonSettings, given, config=config), config=config)
    console.set_quiet(settings.quiet)
    console.set_debug(settings.debug)
    if settings.offline:
        # Read by the Hub's client when it is first imported: a second lock on the same door.
        os.environ["HF_HUB_OFFLINE"] = "1"
    return settings


def load_engine(settings: CommonSettings) -> Engine:
    """Load backbone and adapter; see `Engine.load` for what is raised."""
    from lcirc_cli.engine import Engine

    return Engine.load(
        settings.model,
        settings.adapter,
        device=settings.device,
        dtype=settings.dtype,
        attention=settings.attention,
        offline=settings.offline,
    )
