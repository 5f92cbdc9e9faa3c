"""The options that commands share, written once, and the engine that they ask for.

`@takes("model", "offline")` adds these options to a command, which then gets one argument
`settings: CommonSettings` with flags, LCIRC_* variables and the config file already resolved.
"""

from __future__ import annotations

import dataclasses
import functools
import gc
import inspect
import os
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import GenericAlias, MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from lcirc_cli import console
from lcirc_cli.errors import UsageError
from lcirc_cli.files import exists
from lcirc_cli.settings import CommonSettings, flag, resolve, sources

if TYPE_CHECKING:
    from lcirc_cli.endpoints.settings import ReaderSettings
    from lcirc_cli.engine import Engine

SlurmOptions = Annotated[
    list[str] | None,
    typer.Option(
        "--slurm",
        metavar="KEY=VALUE",
        help="An option of sbatch (partition=NAME is needed); may be repeated.",
    ),
]

Parameters = dict[str, inspect.Parameter]


def options(kind: Any, names: Iterable[str] = (), *, flags: bool = False) -> Parameters:
    """The options of a dataclass of settings, as parameters that Typer reads.

    Args:
        names: of the fields; empty takes all that have an option (`lcirc_cli.settings.setting`).
        flags: None stands for what the command line doesn't give, and no default is shown.
    """
    hints = typing.get_type_hints(kind)
    made = {}
    for each in dataclasses.fields(kind):
        if "option" not in each.metadata or (names and each.name not in names):
            continue
        (given, shown), hint = each.metadata["option"], hints[each.name]
        default: Any = each.default
        if hint == tuple[int, ...]:  # written with commas; `numbers` reads it
            hint, default = str, ",".join(map(str, default))
        elif typing.get_origin(hint) is tuple:
            hint, default = GenericAlias(list, hint.__args__[:1]), default or None
        if flags:
            shown = {"show_default": False, **shown, "help": _with_default(shown, default)}
            default = None
            if hint is bool:
                given = given or (f"--{each.name}/--no-{each.name}",)
            hint = hint | None
        made[each.name] = inspect.Parameter(
            each.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if default is dataclasses.MISSING else default,
            annotation=Annotated[hint, typer.Option(*(given or (flag(each),)), **shown)],
        )
    return made


def _with_default(shown: Mapping[str, Any], default: Any) -> str:
    """The help of an option that may also be set elsewhere, with the default that it has then."""
    said: str = shown.get("help") or ""
    plain = isinstance(default, str | int | float) and not isinstance(default, bool)
    if not plain or default == "" or "efault" in said:
        return said
    return f"{said} Default: {default}."


def _plain(parameters: list[Any]) -> list[Any]:
    """Without the names of Python's types, which say nothing about a flag or an argument."""
    for each in parameters:
        if each.param_type_name == "argument":
            each.display_type_rich = lambda ctx: ""
        elif each.is_flag:
            each.metavar = ""
    return parameters


class Command(TyperCommand):
    """A command whose help is for people."""

    def get_params(self, ctx: Any) -> list[Any]:
        return _plain(super().get_params(ctx))


class Group(TyperGroup):
    """A command with sub-commands, the same."""

    def get_params(self, ctx: Any) -> list[Any]:
        return _plain(super().get_params(ctx))


def takes(
    *names: str,
    given: Parameters | None = None,
    panels: Mapping[str, Iterable[str]] = MappingProxyType({}),
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a command these common options (all of them where none is named), as `settings`.

    The command must have a keyword-only argument `settings: CommonSettings`. --debug and
    --config are always added.

    Args:
        given: more options, which the command gets together as one argument `given`.
        panels: how `--help` shows its own options and those: the heading of a panel ("" = the
            general one) to names, in order. What is in none comes after.
    """
    wanted = {*(names or _COMMON), "debug", "config"}
    common = {name: each for name, each in _COMMON.items() if name in wanted}
    more = given or {}

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        # Typer reads the signature: the options take the place of `settings` and `given` in it.
        signature = inspect.signature(command, eval_str=True)
        own = {**signature.parameters, **more}
        own = {name: each for name, each in own.items() if name not in ("settings", "given")}
        placed = [
            _in_panel(own.pop(name), panel) for panel, held in panels.items() for name in held
        ]
        shown = sorted([*placed, *own.values(), *common.values()], key=lambda each: each.kind)

        @functools.wraps(command)
        def wrapper(*args: Any, **options: Any) -> Any:
            flags = {name: options.pop(name, None) for name in common}
            if more:
                options["given"] = {name: _frozen(options.pop(name)) for name in more}
            return command(*args, settings=common_settings(flags), **options)

        wrapper.__signature__ = signature.replace(parameters=shown)  # type: ignore[attr-defined]
        wrapper.__annotations__ = {each.name: each.annotation for each in shown}
        del wrapper.__wrapped__  # type: ignore[attr-defined] # typer would look through it
        return wrapper

    return decorate


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _in_panel(parameter: inspect.Parameter, panel: str) -> inspect.Parameter:
    parameter.annotation.__metadata__[0].rich_help_panel = panel or None
    return parameter


_COMMON = {
    name: _in_panel(each, "Common options")
    for name, each in options(CommonSettings, flags=True).items()
}


def user_config() -> Path:
    """Where a person's own file of settings is looked for: ~/.config/lcirc/config.toml on Linux."""
    return Path(typer.get_app_dir("lcirc")) / "config.toml"


def common_settings(flags: dict[str, Any]) -> CommonSettings:
    """Resolve the common settings and apply those that concern the whole process.

    Raises:
        UsageError: a value that can't be used; the line names its flag, variable or file.
    """
    given = dict(flags)
    config = given.pop("config", None)
    if config is None and os.environ.get("LCIRC_CONFIG"):
        config = Path(os.environ["LCIRC_CONFIG"])
    if config is None and exists(user_config()):
        config = user_config()
    settings = dataclasses.replace(
        resolve(CommonSettings, given, config=config),
        config=config,
        sources=sources(CommonSettings, given, config=config),
    )
    console.set_quiet(settings.quiet)
    console.set_debug(settings.debug)
    if settings.offline:
        # Read by the Hub's client when it is first imported: a second lock on the same door.
        os.environ["HF_HUB_OFFLINE"] = "1"
    return settings


@contextmanager
def uncollected() -> Iterator[None]:
    """While modules are imported and models loaded, which makes a million objects that stay.

    The collector would go through them again and again, for a third of the time.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


@uncollected()
def load_engine(settings: CommonSettings, reader: ReaderSettings | None = None) -> Engine:
    """Load backbone and adapter; see `Engine.load` for what is raised."""
    from lcirc_cli.engine import Engine

    return Engine.load(settings.model, settings.adapter, reader=reader, **settings.loading)


def numbers(text: str, flag: str) -> tuple[int, ...]:
    """`4096,8192` as numbers.

    Raises:
        UsageError: anything else, or a number under 1.
    """
    try:
        values = tuple(int(part) for part in text.split(","))
    except ValueError:
        values = ()
    if not values or min(values) < 1:
        raise UsageError(f"{flag}: {text!r} is not a list of token counts, such as 4096,8192")
    return values
