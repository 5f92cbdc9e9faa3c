"""Settings with a known source: flag, then LCIRC_* variable, then config file, then default.

`resolve` fills any frozen dataclass of plain fields, so that every command reads its settings
in the same way; `CommonSettings` holds those that most commands share. Knows nothing about
torch or about what the settings do.
"""

from __future__ import annotations

import dataclasses
import difflib
import os
import re
import tomllib
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from lcirc_cli.errors import UsageError, first_line
from lcirc_cli.files import open_file

PREFIX = "LCIRC_"
DEVICES = ("auto", "cpu", "cuda")
DTYPES = ("auto", "bfloat16", "float32", "float16")
MAX_SEED = 2**63 - 1  # what torch, numpy and a model's server all take
_MOST_CONFIG = 1 << 20  # bytes of a config file
TABLES = ("ask",)  # of a config file: commands with settings of their own in it

_TRUE = ("1", "true", "yes", "on")
_FALSE = ("0", "false", "no", "off", "")
_CUDA_INDEX = re.compile(r"cuda:\d+")

T = TypeVar("T")


def setting(
    default: Any = dataclasses.MISSING,
    *,
    help: str = "",
    names: tuple[str, ...] = (),
    choices: tuple[str, ...] = (),
    least: float | None = None,
    most: float | None = None,
    own: bool = True,
    **shown: Any,
) -> Any:
    """A field of a dataclass of settings, with all that there is to say of it.

    Args:
        default: none where it must be given.
        help, names, shown: of its option (`lcirc_cli.commands.common.options`), as
            `typer.Option` takes them; without any it has none.
        choices: the words that it is limited to.
        least, most: its range, for a check of the settings.
        own: whether it is a setting; False where it says where settings come from.
    """
    about: dict[str, Any] = {"choices": choices, "least": least, "most": most, "own": own}
    if help or names or shown:
        shown = {"metavar": "|".join(choices) or None, "help": help or None, **shown}
        about["option"] = names, shown
    return dataclasses.field(default=default, compare=own, metadata=about)


def flag(field: dataclasses.Field[Any]) -> str:
    """The first name of a field's option: its own, or --the-field's."""
    names, _ = field.metadata.get("option", ((), {}))
    return names[0] if names else f"--{field.name.replace('_', '-')}"


@dataclass(frozen=True)
class CommonSettings:
    """What most commands share.

    Attributes:
        model: the backbone: smollm2, a Hub id, a folder or a .gguf file.
        adapter: a trained adapter's folder; None takes the one that ships for the model.
        device: auto, cpu, cuda, or cuda:N.
        dtype: auto, bfloat16, float32 or float16.
        attention: auto, sdpa or flash.
        ocr: which pages of documents are read from their pictures: auto, off or all.
        offline: never reach out to the network.
        quiet: no notes and no progress.
        json: results as JSON on standard output.
        debug: a traceback where something fails.
        config: the file that settings were read from; a command's own are in a table of it.
        sources: of each setting where its value is from.
    """

    model: str = setting(
        "smollm2", metavar="NAME", help="smollm2, a Hub id, a model folder or .gguf file."
    )
    adapter: str | None = setting(
        None, metavar="FOLDER", help="A trained adapter (default: the one that ships)."
    )
    device: str = setting("auto", choices=DEVICES, help="Where to compute.")
    dtype: str = setting(
        "auto",
        choices=DTYPES,
        help="Number format of the model; auto is bfloat16 on a GPU and float32 on a CPU, where "
        "answers are then those of any other.",
    )
    attention: str = setting("auto", choices=("auto", "sdpa", "flash"), help="Attention kernels.")
    ocr: str = setting(
        "auto",
        choices=("auto", "off", "all"),
        help="Read pages from their pictures: those without readable letters (auto; needs the "
        "extra ocr), none, or all.",
    )
    offline: bool = setting(False, help="Never reach out to the network.")
    quiet: bool = setting(False, help="No notes and no progress.")
    json: bool = setting(False, help="The result as JSON.")
    debug: bool = setting(False, help="Show a traceback where something fails.")
    config: Path | None = setting(  # noqa: RUF009 # a field
        None,
        own=False,
        metavar="FILE.toml",
        help="A file of settings (without it LCIRC_CONFIG, or config.toml in the user's folder); "
        "flags and LCIRC_* win.",
    )
    sources: Mapping[str, str] | None = setting(None, own=False)  # a field

    @property
    def loading(self) -> dict[str, Any]:
        """How a model is loaded: device, dtype, attention and offline."""
        names = ("device", "dtype", "attention", "offline")
        return {name: getattr(self, name) for name in names}


def resolve(
    kind: type[T],
    flags: Mapping[str, Any],
    *,
    config: Path | None = None,
    table: str | None = None,
    beside: Sequence[type[Any]] = (),
    environ: Mapping[str, str] | None = None,
) -> T:
    """Fill the dataclass `kind`: flag > LCIRC_* variable > config file > default.

    Args:
        kind: a dataclass whose fields are str, int, float, bool, or one of these or None;
            `metadata={"choices": (...)}` limits a field to these words.
        flags: what the command line gave; None stands for "not given".
        config: a TOML file; its top-level keys are settings, its tables belong to commands.
        table: of `TABLES`; take the keys of this table of the file, not the top-level ones.
        beside: other dataclasses whose fields stand in the same place of the file.
        environ: the variables; None takes this process's.

    Raises:
        UsageError: a value that can't be used, with the name of its source, an unknown key in
            the config file, or a file that can't be read.
    """
    found = _found(kind, flags, config, table, beside, environ)
    return kind(**{name: value for name, (value, _) in found.items()})


def sources(
    kind: type[Any], flags: Mapping[str, Any], *, config: Path | None = None
) -> dict[str, str]:
    """Of each field where `resolve` finds its value: a flag, a variable, the file, the default."""
    found = _found(kind, flags, config, None, (), None)
    return {name: found[name][1] if name in found else "default" for name in _own_fields(kind)}


def _found(
    kind: type[Any],
    flags: Mapping[str, Any],
    config: Path | None,
    table: str | None,
    beside: Sequence[type[Any]],
    environ: Mapping[str, str] | None,
) -> dict[str, tuple[Any, str]]:
    """The value and the source of each field that is not at its default."""
    environ = os.environ if environ is None else environ
    fields = _own_fields(kind)
    hints = typing.get_type_hints(kind)
    known = set(fields).union(*map(_own_fields, beside))
    from_file = _read_config(config, known, table) if config is not None else {}
    values: dict[str, tuple[Any, str]] = {}
    for name, field in fields.items():
        variable = PREFIX + name.upper()
        if flags.get(name) is not None:
            value, source = flags[name], flag(field)
        elif environ.get(variable, "") != "":
            value, source = environ[variable], f"the variable {variable}"
        elif name in from_file:
            value, source = from_file[name], f"{_place(name, table)} in {config}"
        else:
            continue
        values[name] = _converted(value, hints[name], field, source), source
    return values


def _own_fields(kind: Any) -> dict[str, dataclasses.Field[Any]]:
    return {
        field.name: field for field in dataclasses.fields(kind) if field.metadata.get("own", True)
    }


def _read_config(path: Path, known: set[str], table: str | None) -> dict[str, Any]:
    try:
        with open_file(path) as file:
            data = file.read(_MOST_CONFIG + 1)
        if len(data) > _MOST_CONFIG:
            raise ValueError("it is larger than 1 MiB")
        found = tomllib.loads(data.decode("utf-8"))
    except OSError as error:
        raise UsageError(f"can't read the config file {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:  # not UTF-8, or not TOML, or too deep
        raise UsageError(f"the config file {path} is not TOML: {first_line(error)}") from error
    tables = {key: value for key, value in found.items() if isinstance(value, dict)}
    for key in tables:
        if key not in TABLES:
            raise UsageError(
                f"no command reads the table [{key}] in {path}; known are "
                + ", ".join(f"[{name}]" for name in TABLES)
            )
    if table is None:
        settings = {key: value for key, value in found.items() if key not in tables}
    else:
        settings = tables.get(table, {})
    for key in settings:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(sorted(known))}"
            if table is None:
                hint += "; those of lcirc ask alone stand below a line [ask]"
            raise UsageError(f"unknown setting {_place(key, table)} in {path}; {hint}")
    return settings


def _place(key: str, table: str | None) -> str:
    return key if table is None else f"{table}.{key}"


def _converted(value: Any, hint: Any, field: dataclasses.Field[Any], source: str) -> Any:
    """`value` as the field's type, or a `UsageError` that names where it came from."""
    kinds = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    target = next(kind for kind in kinds if kind is not type(None))
    try:
        converted = _parsed(value, target)
    except ValueError as error:
        raise UsageError(f"{source}: {error}") from error
    choices = field.metadata.get("choices")
    if choices and converted not in choices and not _is_cuda_index(field.name, converted):
        raise UsageError(f"{source}: {converted!r} is not one of {', '.join(choices)}")
    return converted


def _parsed(value: Any, target: type) -> Any:
    if target is bool:
        return _parsed_bool(value)
    if isinstance(value, str) and target in (int, float):
        try:
            return target(value)
        except ValueError:
            pass
    elif isinstance(value, target) and not isinstance(value, bool):
        return value
    elif target is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    words = {str: "a text", int: "a whole number", float: "a number"}
    raise ValueError(f"{value!r} is not {words[target]}")


def _parsed_bool(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in _TRUE:
        return True
    if isinstance(value, str) and value.strip().lower() in _FALSE:
        return False
    raise ValueError(f"{value!r} is neither true nor false")


def _is_cuda_index(name: str, value: Any) -> bool:
    return name == "device" and _CUDA_INDEX.fullmatch(str(value)) is not None
