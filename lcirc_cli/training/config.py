"""Settings of a run from presets, `--set key=value` and config.toml, and back."""

from __future__ import annotations

import dataclasses
import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lcirc_cli.errors import UsageError
from lcirc_cli.training.presets import METHOD_DEFAULTS, PRESETS
from lcirc_cli.training.settings import FREE, TrainSettings, check

ADAPTER = "adapter."


def make_settings(preset: str | None, given: Mapping[str, Any]) -> TrainSettings:
    """Preset, method, then what was given: field names (and `adapter.*` keys) to values.

    Raises:
        UsageError: no such preset or key, or a value of the wrong type or out of its range.
    """
    if preset is not None and preset not in PRESETS:
        raise UsageError(f"no training preset {preset!r}; there are {', '.join(PRESETS)}")
    values: dict[str, Any] = dict(PRESETS[preset] if preset else {})
    values["adapter"] = dict(values.get("adapter", {}))
    values |= METHOD_DEFAULTS.get(str(given.get("method", "qd-lcirc")), {})
    for key, value in given.items():
        if key.startswith(ADAPTER):
            values["adapter"][key.removeprefix(ADAPTER)] = value
        else:
            values[key] = _typed(key, value)
    settings = TrainSettings(**values)
    check(settings)
    return settings


def parse_assignments(assignments: Sequence[str]) -> dict[str, Any]:
    """`key=value` pairs of --set; values as in TOML, bare words as text.

    Raises:
        UsageError: no `=` in an assignment.
    """
    parsed = {}
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals:
            raise UsageError(f"--set wants key=value, not {assignment!r}")
        try:
            parsed[key.strip()] = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            parsed[key.strip()] = text
    return parsed


def to_toml(settings: TrainSettings) -> str:
    """The settings as config.toml; `from_toml` reads it back."""
    rows = []
    for each in dataclasses.fields(settings):
        value = getattr(settings, each.name)
        if each.name != "adapter":
            rows.append(f"{each.name} = {_toml(value)}")
    rows += ["", "[adapter]"]
    rows += [f"{key} = {_toml(value)}" for key, value in sorted(settings.adapter.items())]
    return "\n".join(rows) + "\n"


def from_toml(path: Path) -> TrainSettings:
    """Read a run's config.toml.

    Raises:
        UsageError: not TOML, unknown keys, or values of the wrong type or out of their range.
    """
    try:
        values = tomllib.loads(path.read_text("utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"can't read the settings in {path}: {error}") from error
    adapter = values.pop("adapter", {})
    return make_settings(None, values | {ADAPTER + key: value for key, value in adapter.items()})


def difference(ours: TrainSettings, theirs: TrainSettings) -> list[str]:
    """Names of the settings that differ and decide the weights."""
    return [
        each.name
        for each in dataclasses.fields(ours)
        if each.name not in FREE and getattr(ours, each.name) != getattr(theirs, each.name)
    ]


def _typed(key: str, value: Any) -> Any:
    fields = {each.name: each for each in dataclasses.fields(TrainSettings)}
    if key not in fields or key == "adapter":
        raise UsageError(f"no training setting {key!r}; see lcirc train --print-config")
    default = getattr(TrainSettings(), key)
    if isinstance(default, tuple):
        return tuple(str(item) for item in ([value] if isinstance(value, str) else value))
    if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not type(default):
        raise UsageError(f"{key} wants {type(default).__name__}, not {value!r}")
    return value


def _toml(value: Any) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(json.dumps(item) for item in value) + "]"
    return json.dumps(value)  # text, numbers, booleans and lists are written as in JSON
